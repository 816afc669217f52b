"""Why a raw row became no listing: codes for machines, a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping

PAGE_FAULTS: Mapping[str, str] = {
    "page_too_large": "The offer's page was larger than the site's limit.",
    "page_too_deep": "The data of the offer's page were nested deeper than any offer's.",
    "wrong_charset": "The bytes of the offer's page were not the characters that it says.",
    "foreign_address": "The page describes an offer at another host than the site's.",
    "bad_value": "The offer's page has a list or an object where a value should stand.",
    "page_unreadable": "The offer's page could not be read as a car.",
}
"""Why a crawled page must not be taken for a car: code to sentence."""

REASONS: Mapping[str, str] = {
    **PAGE_FAULTS,
    "no_listing_id": "The row is no offer: it carries no listing id.",
    "unsafe_text": "A text of the offer holds markup, such as a script.",
    "no_title": "The offer has neither a title nor a make and model.",
    "no_make": "No make can be read.",
    "no_model": "No model can be read.",
    "no_year": "No model year can be read.",
    "year_out_of_range": "The model year is before 1900 or over two years after the scrape.",
    "no_price": "No price can be read.",
    "other_currency": "The price is in another currency, and no rate is stated.",
    "price_out_of_range": "The price is outside the market's limits.",
}
"""Code to sentence, in the order in which the rules are tried: the first broken one counts."""


def sentence(code: str) -> str:
    """The sentence of a code."""
    return REASONS[code]
