"""Both adapters on the pages of the practice site: each car exactly, and no other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from site_pages import item_list, ld, page

from carprice_assets.listings.unstored import clean_file
from carprice_assets.markets import Market
from carprice_assets.markets.market import SplitRules
from carprice_assets.practice_market.site import cards, carscom_detail, hostile, schema_org
from carprice_assets.practice_market.site.settings import SiteSettings
from carprice_assets.practice_market.site.state import SiteState
from carprice_assets.sources.sites import find_adapter
from carprice_assets.sources.sites.base import Offer, SearchPage, Unreadable

SIZE = 250
ORIGIN = "http://127.0.0.1:8010"
RATE = 0.92
EURO = SiteSettings(
    "practice_eu", size=SIZE, template="schema-org", rate=RATE, currency="EUR", distance="km"
)
CARSCOM, SCHEMA_ORG = find_adapter("carscom"), find_adapter("schema-org")


@pytest.fixture
def dollars(home: Any) -> SiteState:
    return SiteState(SiteSettings("practice", size=SIZE), home)


@pytest.fixture
def euros(home: Any) -> SiteState:
    return SiteState(EURO, home)


def flat(state: SiteState, listing: str) -> Any:
    html = carscom_detail.detail_page(state, listing, ORIGIN).decode()
    return CARSCOM.read_detail(html, f"{ORIGIN}/vehicledetail/{listing}/")


def linked(state: SiteState, listing: str) -> Any:
    html = schema_org.detail_page(state, listing, ORIGIN).decode()
    return SCHEMA_ORG.read_detail(html, f"{ORIGIN}/cars/{listing}")


def rendered(state: SiteState, listings: list[str]) -> str:
    """A search page as a browser leaves it."""
    urls = [f"{ORIGIN}{cards.detail_path(each, '//')}" for each in listings]
    advert = cards.sponsored_card(state, listings[0])
    return page(
        advert + "".join(cards.card(state, each) for each in listings) + ld(item_list(*urls))
    )


def test_each_flat_page_gives_exactly_its_payload(dollars: SiteState) -> None:
    assert len(dollars.stock.cars) >= SIZE / 2
    for listing in dollars.stock.cars:
        assert flat(dollars, listing) == Offer(listing, dollars.stock.payload(listing))


def test_cards_change_when_and_only_when_the_payload_does(dollars: SiteState) -> None:
    def fingerprints() -> dict[str, str]:
        read = CARSCOM.read_search(rendered(dollars, list(dollars.stock.cars)), f"{ORIGIN}/?page=1")
        assert isinstance(read, SearchPage)
        assert all(card.url == f"{ORIGIN}/vehicledetail/{card.listing_id}/" for card in read.cards)
        assert "" not in {card.fingerprint for card in read.cards}
        return {card.listing_id: card.fingerprint for card in read.cards}

    before = fingerprints()
    assert before.keys() == dollars.stock.cars.keys()
    dollars.move_to(5)
    after = fingerprints()
    dollars.move_to(0)
    both = before.keys() & after.keys()
    old = {each: dollars.stock.payload(each) for each in both}
    dollars.move_to(5)
    new = {each: dollars.stock.payload(each) for each in both}
    changed = {each for each in both if old[each] != new[each]}
    assert 0 < len(changed) < len(both)
    assert {each for each in both if before[each] != after[each]} == changed


def test_each_linked_page_is_the_same_car_in_other_units(
    dollars: SiteState, euros: SiteState, tmp_path: Path
) -> None:
    listings = list(euros.stock.cars)
    assert listings == list(dollars.stock.cars)
    mine = cleaned(tmp_path, Market("us", "", "USD", "mi", SplitRules("s")), "payload",
                   ((each, dollars.stock.payload(each)) for each in listings))  # fmt: skip
    offers = {each: linked(euros, each) for each in listings}
    assert all(isinstance(o, Offer) and o.listing_id == each for each, o in offers.items())
    theirs = cleaned(tmp_path, Market("eu", "", "EUR", "km", SplitRules("s")), "schema-org",
                     ((each, offer.payload) for each, offer in offers.items()))  # fmt: skip
    both = mine.keys() & theirs.keys()
    assert len(both) > 0.95 * max(len(mine), len(theirs))  # the limits of prices differ
    same = ("make", "model", "trim", "year", "vin", "dealer", "stock_type", "drivetrain",
            "fuel_type", "bodystyle", "exterior_color", "interior_color")  # fmt: skip
    for each in both:
        one, other = mine[each], theirs[each]
        assert {k: one[k] for k in same} == {k: other[k] for k in same}
        assert other["price"] == pytest.approx(one["price"] * RATE, abs=1)
        assert other["msrp"] == pytest.approx(one["msrp"] * RATE, abs=1, nan_ok=True)
        assert other["mileage"] == pytest.approx(one["mileage"] * 1.609344, abs=1, nan_ok=True)
    assert {row["stock_type"] for row in theirs.values()} == {"New", "Used", "Certified"}


def cleaned(
    folder: Path, market: Market, format: str, payloads: Iterator[tuple[str, Mapping[str, Any]]]
) -> dict[str, dict[str, Any]]:
    path = folder / f"{format}.jsonl"
    with path.open("w") as file:
        for listing, payload in payloads:
            line = {"listing_id": listing, "url": None, "payload": payload}
            file.write(json.dumps(line) + "\n")
    found = clean_file(market, format, path, date(2026, 1, 5))
    names = [*found.columns]
    rows = zip(*(found.columns[name] for name in names), strict=True)
    read = [dict(zip(names, row, strict=True)) for row in rows]
    return {row["listing_id"]: row for row in read}


def test_linked_search_pages_name_each_car_once(euros: SiteState) -> None:
    seen: set[str] = set()
    for number in range(1, 100):
        html = schema_org.search_page(euros, number, "", ORIGIN).decode()
        read = SCHEMA_ORG.read_search(html, f"{ORIGIN}/cars/?page={number}")
        assert isinstance(read, SearchPage)
        assert not read.strangers
        if not read.cards:
            break
        assert all(card.fingerprint for card in read.cards)
        seen |= {card.listing_id for card in read.cards}
    assert seen == set(euros.stock.cars)


@pytest.mark.parametrize("layout", ["moved", "renamed"])
def test_another_layout_never_gives_a_whole_car(
    dollars: SiteState, euros: SiteState, layout: str
) -> None:
    for state in (dollars, euros):
        state.faults = type(state.faults)(layout=layout)
        for listing in list(state.stock.cars)[:20]:
            read = flat(state, listing) if state is dollars else linked(state, listing)
            assert not isinstance(read, Offer) or not {"make", "brand"} & read.payload.keys()


def test_deep_pages_are_unreadable(dollars: SiteState, euros: SiteState) -> None:
    listing = hostile.HOSTILE["deep_json"]
    for state in (dollars, euros):
        state.faults = type(state.faults)(hostile=True)
    html = hostile.deepened(carscom_detail.detail_page(dollars, listing, ORIGIN)).decode()
    read = CARSCOM.read_detail(html, f"{ORIGIN}/vehicledetail/{listing}/")
    assert read == Unreadable("page_too_deep", "nested beyond 50")
    html = hostile.deepened(schema_org.detail_page(euros, listing, ORIGIN)).decode()
    read = SCHEMA_ORG.read_detail(html, f"{ORIGIN}/cars/{listing}")
    assert read == Unreadable("page_too_deep", "nested beyond 50")


def test_foreign_addresses_are_strangers(dollars: SiteState) -> None:
    dollars.faults = type(dollars.faults)(hostile=True)
    address = cards.detail_path(hostile.HOSTILE["foreign_address"], "//")
    html = page(ld(item_list(address, f"{ORIGIN}/vehicledetail/a1//")))
    read = CARSCOM.read_search(html, f"{ORIGIN}/shopping/results/?page=1")
    assert isinstance(read, SearchPage)
    assert (read.strangers, [card.listing_id for card in read.cards]) == ((address,), ["a1"])
