"""What both adapters have in common: names, addresses, and that no page makes them raise."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from site_pages import CAR, DETAIL, EURO_DETAIL, FLAT, SEARCH, card, flat_page, ld, page, results

from carprice_assets.errors import UserError
from carprice_assets.markets import DeclaredFeature, Market, sites
from carprice_assets.markets.market import SplitRules
from carprice_assets.sources import FORMATS
from carprice_assets.sources.sites import ADAPTERS, find_adapter
from carprice_assets.sources.sites.addresses import with_page
from carprice_assets.sources.sites.base import Broken, Gone, Offer, SearchPage, Unreadable
from carprice_assets.sources.sites.html import MOST_ELEMENTS, is_deep

PAGES = (
    flat_page(),
    page(ld(CAR)),
    results(card(), DETAIL, "http://elsewhere.invalid/"),
    page("<h1>Vehicle not found</h1>"),
)
PIECES = st.sampled_from(
    [
        *('<script type="application/ld+json">', "<script>", "</script>", "<!--", "-->", "<svg>"),
        *('{"@type": "Car"', '"itemListElement": [', "{", "}", "[", "]", '"', "\\", "\\ud83d", ","),
        *('<script id="initial-activity-data">', '"url": "http://[::1"', '"listing_id": null'),
        *('"@graph": [', '"mainEntity": {', '"offers": 7', "\0", "\ud800", "1e999", "9" * 5_000),
        *('<div class="vehicle-card" id>', "<title>sold</title>", "<template>", "<plaintext>"),
    ]
)
ANYTHING = st.one_of(
    st.text(max_size=200),
    st.binary(max_size=200).map(lambda data: data.decode("latin-1")),
    st.lists(PIECES, max_size=12).map("".join),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*CAR, *FLAT, "@graph", "itemListElement", "item"]), inner
        )
    ),
    max_leaves=12,
)


def read_all(html: str) -> None:
    for adapter in ADAPTERS.values():
        for address in (DETAIL, EURO_DETAIL, SEARCH):
            assert isinstance(adapter.read_search(html, address), SearchPage | Broken)
            found = adapter.read_detail(html, address)
            assert isinstance(found, Offer | Gone | Broken | Unreadable)
            if isinstance(found, Offer):
                json.dumps(found.payload, allow_nan=False, ensure_ascii=False).encode()


def test_the_names_are_those_that_a_market_may_give() -> None:
    assert tuple(ADAPTERS) == sites.ADAPTERS
    for name, adapter in ADAPTERS.items():
        assert find_adapter(name) is adapter
        assert adapter.format in FORMATS
        assert set(adapter.ready) == {"search", "detail"} >= adapter.renders
    with pytest.raises(UserError, match="unknown adapter 'x': there are carscom, schema-org"):
        find_adapter("x")


@pytest.mark.parametrize(
    ("start", "address"),
    [
        ("https://a.invalid/s", "https://a.invalid/s?page=3"),
        ("https://a.invalid/s?page=9&q=a%20b&&r=", "https://a.invalid/s?q=a%20b&r=&page=3"),
        ("https://a.invalid/s?mypage=9", "https://a.invalid/s?mypage=9&page=3"),
    ],
)
def test_pages_are_numbered(start: str, address: str) -> None:
    assert with_page(start, 3) == address
    assert {adapter.search_address(start, 3) for adapter in ADAPTERS.values()} == {address}


@settings(deadline=None, max_examples=120)
@given(ANYTHING)
def test_no_page_makes_an_adapter_raise(html: str) -> None:
    read_all(html)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PAGES), st.integers(0, 2_000), st.integers(0, 40), ANYTHING)
def test_nor_does_a_page_that_was_spoilt(html: str, at: int, gap: int, junk: str) -> None:
    read_all(html[:at])
    read_all(html[:at] + junk + html[at + gap :])


@settings(deadline=None, max_examples=120)
@given(JSON)
def test_nor_does_any_json(value: Any) -> None:
    read_all(page(ld(value)))
    read_all(flat_page(json.dumps(value)))
    read_all(flat_page(FLAT | {"price": value}))
    read_all(page(ld(CAR | {"offers": value, "url": value, "sku": value, "@type": [value, "Car"]})))
    read_all(page(ld({"itemListElement": [value, {"item": value}, {"item": {"url": value}}]})))


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[" * 50 + "]" * 50, False),
        ("[" * 51, True),
        ('{"a":' * 51, True),
        ("[]" * 500, False),
        ('["' + "[" * 99 + '"]', False),
        ('["' + '\\"[' * 99 + '"]', False),
        ('"' + "[" * 99, False),
        ('"\\', False),
    ],
)
def test_depth_is_found_outside_texts(text: str, deep: bool) -> None:
    assert is_deep(text) is deep


@pytest.mark.parametrize("text", ['"\\"' * 400_000, '{"' * 400_000, "[" * 49 + '\\"' * 400_000])
def test_depth_is_found_in_one_pass(text: str) -> None:
    begin = time.process_time()
    is_deep(text)
    assert time.process_time() - begin < 10  # the square of this would be hours


@pytest.mark.parametrize(
    "html", ["<div>" * (MOST_ELEMENTS + 1), "<div " + " ".join(f"a{i}=1" for i in range(300_000))]
)
def test_pages_that_would_take_minutes_are_not_parsed(html: str) -> None:
    for adapter in ADAPTERS.values():
        begin = time.process_time()
        read = adapter.read_detail(html, DETAIL)
        assert isinstance(read, Unreadable)
        assert read.reason == "page_too_large"
        assert isinstance(adapter.read_search(html, SEARCH), Broken)
        assert time.process_time() - begin < 10


def test_a_page_keeps_what_the_markets_own_features_are_read_from() -> None:
    names = ("doors", "gearbox", "power")
    fields = {
        "payload": {"gearbox": "transmission", "power": "engine", "doors": "specs.doors"},
        "schema-org": {"gearbox": "gear", "power": "specs.power[0]", "doors": "a.b"},
    }
    market = Market(
        *("own", "Own", "USD", "mi", SplitRules("own-1")),
        features=tuple(DeclaredFeature(name, "category") for name in names),
        sources={"fields": fields},
    )
    more = {"transmission": "CVT", "gear": "manual", "visitor_id": "x", "a.b": 4}
    nested = {"engine": [1], "specs": {"power": [90]}}
    flat = find_adapter("carscom", market).read_detail(flat_page(FLAT | more | nested), DETAIL)
    assert isinstance(flat, Offer)
    plain = find_adapter("carscom").read_detail(flat_page(FLAT | more | nested), DETAIL)
    assert isinstance(plain, Offer)
    assert set(flat.payload) - set(plain.payload) == {"transmission"}
    linked = find_adapter("schema-org", market)
    read = linked.read_detail(page(ld(CAR | more | nested)), EURO_DETAIL)
    assert isinstance(read, Offer)
    assert read.payload["specs"] == {"power": [90]}
    assert (read.payload["gear"], read.payload["a.b"]) == ("manual", 4)
    assert "visitor_id" not in read.payload
