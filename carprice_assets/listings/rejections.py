"""Why a raw row became no listing: codes for machines, a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "no_listing_id": "The row is no offer: it carries no listing id.",
    "no_title": "The offer has neither a title nor a make and model.",
    "no_make": "No make can be read.",
    "no_model": "No model can be read.",
    "no_year": "No model year can be read.",
    "year_out_of_range": "The model year is before 1900 or over two years after the scrape.",
    "no_price": "No price is stated.",
    "other_currency": "The price is in another currency, and no rate is stated.",
    "price_out_of_range": "The price is outside the market's limits.",
}
"""Code to sentence, in the order in which the rules are tried: the first broken one counts."""


def sentence(code: str) -> str:
    """The sentence of a code."""
    return REASONS[code]
