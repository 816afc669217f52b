"""``carscom``: search pages with a JSON-LD list beside cards, detail pages with one flat object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from selectolax.lexbor import LexborHTMLParser, LexborNode

from carprice_assets.sources.sites.addresses import absolute, same_host, shown, with_page
from carprice_assets.sources.sites.base import (
    Broken,
    Card,
    Detail,
    Gone,
    Offer,
    SearchPage,
    Unreadable,
)
from carprice_assets.sources.sites.html import (
    TooDeepError,
    TooLargeError,
    fingerprint,
    notice,
    parse,
    read_json,
    script_text,
    words,
)
from carprice_assets.sources.sites.linked_data import entry_address, linked_data, list_entries

DATA = "initial-activity-data"
DETAIL_PATH = re.compile(r"/vehicledetail/([A-Za-z0-9][A-Za-z0-9._-]{0,99})/*")

KEPT = (
    *("listing_id", "vin", "canonical_mmty", "canonical_mmt", "make", "model", "trim", "year"),
    *("stock_type", "cpo_indicator", "price", "msrp", "mileage", "bodystyle", "cat", "fuel_type"),
    *("drivetrain", "exterior_color", "interior_color", "dealer_name", "dealer_zip"),
    *("customer_id", "seller_type", "price_badge", "market_name", "local_zone", "page_channel"),
    *("no_accidents", "single_owner", "clean_title", "personal_use_only", "photo_count"),
)
"""Keys of the flat object that describe the offer; the rest tracks the visitor."""


class CarsCom:
    """The adapter. See :class:`carprice_assets.sources.sites.base.SiteAdapter`.

    ``more`` are keys that are kept beside :data:`KEPT` where they hold one value: those that a
    market's own features are read from.
    """

    def __init__(self, more: tuple[str, ...] = ()) -> None:
        self._more = more

    name = "carscom"
    format = "payload"
    renders = frozenset({"search"})
    ready: Mapping[str, str] = {
        "search": 'script[type="application/ld+json"]',
        "detail": f"script#{DATA}",
    }

    def search_address(self, start: str, number: int) -> str:
        """See the protocol."""
        return with_page(start, number)

    def read_search(self, html: str, address: str) -> SearchPage | Broken:
        """The entries of the page's JSON-LD list, each with its card's fingerprint.

        Cards without an entry are advertisements. An empty list is the end of the search.
        """
        try:
            tree = parse(html)
        except TooLargeError as error:
            return Broken("bad_data", str(error))
        data = linked_data(tree)
        entries = list_entries(data)
        if data.broken_list or (entries is None and data.broken):
            return Broken("bad_data", data.broken)
        if entries is None:
            return Broken("no_data", "no list of offers")
        shows = _fingerprints(tree)
        cards: dict[str, Card] = {}
        strangers: dict[str, None] = {}
        for entry in entries:
            given = entry_address(entry)
            found = absolute(given, address)
            if found is None or not same_host(found, address):
                if given:
                    strangers[shown(given)] = None
            elif path := DETAIL_PATH.fullmatch(found.path):
                listing = path[1]
                url = found._replace(path=f"/vehicledetail/{listing}/", query="").geturl()
                cards.setdefault(listing, Card(listing, url, shows.get(listing, "")))
        return SearchPage(tuple(cards.values()), tuple(strangers))

    def read_detail(self, html: str, address: str) -> Detail:
        """The flat object of the page, its tracking keys dropped."""
        try:
            tree = parse(html)
        except TooLargeError as error:
            return Unreadable("page_too_large", str(error))
        text = script_text(tree, DATA)
        if text is None:
            said = notice(tree)
            return Gone(said) if said else Broken("no_data", f"no script#{DATA}")
        try:
            data = read_json(text)
        except TooDeepError as error:
            return Unreadable("page_too_deep", str(error))
        except ValueError as error:
            return Broken("bad_data", str(error)[:200])
        if not isinstance(data, dict):
            return Broken("bad_data", f"script#{DATA} holds no object")
        return _offer(cast("Mapping[str, Any]", data), address, self._more)


def _offer(data: Mapping[str, Any], address: str, more: tuple[str, ...]) -> Detail:
    payload = {key: data[key] for key in KEPT if key in data}
    if key := next((k for k, v in payload.items() if isinstance(v, list | dict)), None):
        return Unreadable("bad_value", key)
    payload |= {
        key: data[key]
        for key in more
        if key in data and key not in payload and not isinstance(data[key], list | dict)
    }
    found = absolute(address, address)
    path = DETAIL_PATH.fullmatch(found.path) if found else None
    if path is None or payload.get("listing_id") != path[1]:
        return Broken("bad_data", "another listing's data")
    return Offer(path[1], payload)


def _fingerprints(tree: LexborHTMLParser) -> dict[str, str]:
    """Listing id to fingerprint; of several cards of one listing, the one that shows most."""
    best: dict[str, tuple[str, ...]] = {}
    for card in tree.css("div.vehicle-card"):
        attributes = card.attributes
        listing = attributes.get("data-listing-id") or attributes.get("id")
        if listing:
            parts = _parts(card)
            if sum(map(bool, parts)) > sum(map(bool, best.get(listing, ()))):
                best[listing] = parts
    return {listing: fingerprint(*parts) for listing, parts in best.items()}


def _parts(card: LexborNode) -> tuple[str, ...]:
    """Title, stock status, price, MSRP and mileage; never badge, rating, dealer or price drop."""
    second = words(card.css_first("span.secondary-price"))
    return (
        words(card.css_first(".title, h2, h3")),
        words(card.css_first("p.stock-type")),
        words(card.css_first("span.primary-price")),
        second if "msrp" in second.lower() else "",
        words(card.css_first(".mileage")),
    )
