"""Pages with JSON-LD: which car is the main one, and what its list tells."""

from __future__ import annotations

from typing import Any

import pytest
from site_pages import CAR, EURO_DETAIL, EURO_SEARCH, ld, page, without

from carprice_assets.sources.sites import find_adapter
from carprice_assets.sources.sites.base import Broken, Gone, Offer, SearchPage, Unreadable
from carprice_assets.sources.sites.schema_org import KEPT

ADAPTER = find_adapter("schema-org")
SIMILAR = without(CAR, "@id", "sku", name="2011 Fiat Panda", url="https://autos.invalid/cars/p-9")
KEPT_CAR = {key: value for key, value in CAR.items() if key in KEPT}
ITEM = {"@type": "Car", "name": "2019 VW Golf", "url": "/cars/vw-golf-41"}


def listed(*items: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "ItemList",
        "itemListElement": [
            {"@type": "ListItem", "position": n, "item": item} for n, item in enumerate(items, 1)
        ],
    }


def detail(*values: Any, body: str = "", address: str = EURO_DETAIL) -> Any:
    return ADAPTER.read_detail(page(body, head=ld(*values)), address)


def search(*values: Any) -> SearchPage:
    read = ADAPTER.read_search(page(ld(*values)), EURO_SEARCH)
    assert isinstance(read, SearchPage), read
    return read


@pytest.mark.parametrize(
    "values",
    [
        [CAR],
        [[{"@type": "WebSite"}, CAR]],
        [{"@graph": [{"@type": "BreadcrumbList", "itemListElement": []}, CAR]}],
        [{"@type": "ItemPage", "mainEntity": CAR}],
        [{"@type": "WebPage", "mainEntity": [CAR]}],
        [CAR, CAR],
        [listed(SIMILAR, SIMILAR), CAR],
        [CAR, listed(SIMILAR)],
        [SIMILAR, CAR],
        [without(CAR, **{"@type": ["Product", "Car"]})],
        [without(CAR, **{"@type": "https://schema.org/Car"})],
        [without(CAR, **{"@type": "schema:Vehicle"})],
        [without(CAR, **{"@type": "Product"})],
        [without(CAR, "url", "@id")],
        [without(CAR, isSimilarTo=[SIMILAR])],
    ],
    ids=range(15),
)
def test_the_main_car_is_found_and_no_other(values: list[Any]) -> None:
    read = detail(*values)
    assert isinstance(read, Offer), read
    assert read.listing_id == "vw-golf-41"
    assert {k: v for k, v in read.payload.items() if k not in ("@type", "url")} == {
        k: v for k, v in KEPT_CAR.items() if k not in ("@type", "url")
    }


@pytest.mark.parametrize("address", [EURO_DETAIL + "/", EURO_DETAIL + "?from=mail#top"])
def test_query_slash_and_fragment_do_not_matter(address: str) -> None:
    assert isinstance(detail(SIMILAR, CAR, address=address), Offer)


@pytest.mark.parametrize(
    "values",
    [
        [listed(CAR)],
        [{"@type": "Product", "name": "Tyre", "isRelatedTo": CAR}],
        [{"@type": "Person", "owns": CAR}],
    ],
)
def test_a_car_in_a_list_or_beside_another_thing_is_not_the_main_one(values: list[Any]) -> None:
    assert detail(*values) == Broken("no_data", "no car")


def test_several_cars_none_of_which_is_the_pages() -> None:
    other = without(SIMILAR, url="https://autos.invalid/cars/p-8")
    assert detail(SIMILAR, other) == Broken("bad_data", "several cars")
    assert detail(without(CAR, "url", "@id"), without(SIMILAR, "url")) == Broken(
        "bad_data", "several cars"
    )


def test_a_lonely_car_of_another_page_is_not_the_main_one() -> None:
    assert detail(SIMILAR) == Broken("bad_data", "another listing's data")
    gone = detail(SIMILAR, body="<h1>This vehicle is no longer available</h1>")
    assert gone == Gone("This vehicle is no longer available")


def test_a_car_at_another_host_is_foreign() -> None:
    read = detail(without(CAR, url="http://elsewhere.invalid/cars/vw-golf-41"))
    assert read == Unreadable("foreign_address", "http://elsewhere.invalid/cars/vw-golf-41")


@pytest.mark.parametrize("word", ["SoldOut", "https://schema.org/Discontinued", "OutOfStock"])
def test_what_is_not_available_is_gone(word: str) -> None:
    offer = CAR["offers"] | {"availability": word}
    assert detail(without(CAR, offers=offer)) == Gone(f"availability {word.rpartition('/')[2]}")
    either = [offer, CAR["offers"] | {"availability": "InStock"}]
    assert isinstance(detail(without(CAR, offers=either)), Offer)


def test_a_notice_is_gone_and_no_car_is_no_data() -> None:
    assert detail(body="<h1>Vehicle not found</h1>") == Gone("Vehicle not found")
    assert detail() == Broken("no_data", "no car")
    read = ADAPTER.read_detail(page(ld(CAR)[:200]), EURO_DETAIL)
    assert isinstance(read, Broken)
    assert read.reason == "bad_data"


@pytest.mark.parametrize("depth", [49, 2_000])
def test_deep_data_are_unreadable(depth: int) -> None:
    text = ld(CAR | {"color": "DEEP"}).replace('"DEEP"', "[" * depth + "]" * depth)
    read = ADAPTER.read_detail(page(text), EURO_DETAIL)
    if depth < 50:
        assert isinstance(read, Offer)
    else:
        assert isinstance(read, Unreadable)
        assert read.reason == "page_too_deep"


def test_data_of_another_type_are_no_linked_data() -> None:
    moved = page(ld(CAR, listed(ITEM)).replace("application/ld+json", "application/json"))
    assert ADAPTER.read_detail(moved, EURO_DETAIL) == Broken("no_data", "no car")
    assert isinstance(ADAPTER.read_search(moved, EURO_SEARCH), Broken)


@pytest.mark.parametrize(
    ("node", "path", "expected"),
    [
        ({"sku": "S1"}, "/cars/vw-41", "vw-41"),
        ({"sku": "S1"}, "/cars/golf/", "S1"),
        ({"productID": 77}, "/cars/golf", "77"),
        ({"identifier": {"@type": "PropertyValue", "value": "X9"}}, "/golf", "X9"),
        ({"sku": "S1"}, "/detail.html?id=5", "S1"),
        ({}, "/detail.html?id=5", "detail.html?id=5"),
        ({}, "/cars/golf", "golf"),
    ],
)
def test_ids_are_the_same_on_both_kinds_of_page(
    node: dict[str, Any], path: str, expected: str
) -> None:
    address = f"https://autos.invalid{path}"
    car = without(CAR, "sku") | node | {"url": address, "@id": address}
    read = detail(car, address=address)
    assert isinstance(read, Offer)
    (card,) = search(listed(node | {"name": "VW", "url": address})).cards
    assert read.listing_id == card.listing_id == expected
    assert card.url == address


OFFERED = ITEM | {
    "offers": {"price": 15900, "priceCurrency": "EUR"},
    "mileageFromOdometer": {"value": 48000, "unitCode": "KMT"},
}


def mark(**change: Any) -> str:
    return search(listed(OFFERED | change)).cards[0].fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"name": "2019 VW Polo"},
        {"offers": {"price": 15800, "priceCurrency": "EUR"}},
        {"offers": {"price": 15900, "priceCurrency": "CHF"}},
        {"mileageFromOdometer": {"value": 48001}},
        {"itemCondition": "https://schema.org/NewCondition"},
    ],
)
def test_what_matters_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert mark(**change) != mark()


def test_noise_does_not_change_the_fingerprint() -> None:
    assert mark(image="1.jpg", aggregateRating={"ratingValue": 3}) == mark()
    assert mark(offers=[{"price": "15900", "priceCurrency": "EUR"}]) == mark()
    moved = search(listed(SIMILAR, OFFERED)).cards[1]
    assert moved.fingerprint == mark()


def test_links_alone_have_no_fingerprint() -> None:
    links = {
        "@type": "ItemList",
        "itemListElement": [
            {"@type": "ListItem", "url": "/cars/a-1"},
            {"@type": "ListItem", "item": "https://autos.invalid/cars/a-2"},
            {"@type": "ListItem", "item": {"@id": "/cars/a-3"}},
            {"@type": "ListItem", "url": "https://elsewhere.invalid/cars/a-4"},
        ],
    }
    read = search(links)
    assert [(card.listing_id, card.fingerprint) for card in read.cards] == [
        ("a-1", ""),
        ("a-2", ""),
        ("a-3", ""),
    ]
    assert read.strangers == ("https://elsewhere.invalid/cars/a-4",)


def test_an_empty_list_is_the_end() -> None:
    assert search(listed()) == SearchPage(())
    assert ADAPTER.read_search(page(""), EURO_SEARCH) == Broken("no_data", "no list of offers")
