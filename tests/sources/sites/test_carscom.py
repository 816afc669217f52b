"""Pages in the shape of cars.com: which offers they show, and what the main car is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from site_pages import DETAIL, FLAT, HOST, ID, SEARCH, card, flat_page, ld, page, results

from carprice_assets.sources.sites import find_adapter
from carprice_assets.sources.sites.base import Broken, Card, Gone, Offer, SearchPage, Unreadable
from carprice_assets.sources.sites.carscom import KEPT

ADAPTER = find_adapter("carscom")


def found(html: str, address: str = SEARCH) -> SearchPage:
    read = ADAPTER.read_search(html, address)
    assert isinstance(read, SearchPage), read
    return read


def mark(**change: str) -> str:
    """The fingerprint of one card."""
    (only,) = found(results(card(**change), f"{DETAIL}/")).cards
    return only.fingerprint


def test_the_list_gives_addresses_and_the_cards_fingerprints() -> None:
    read = found(results(card() + card("cc33", "id"), f"{DETAIL}/", f"{HOST}/vehicledetail/cc33//"))
    assert [(each.listing_id, each.url) for each in read.cards] == [
        (ID, DETAIL),
        ("cc33", f"{HOST}/vehicledetail/cc33/"),
    ]
    first, second = (each.fingerprint for each in read.cards)
    assert first == second != ""
    assert len(first) == 16


def test_an_entry_without_a_card_counts_and_a_card_without_an_entry_does_not() -> None:
    read = found(results(card("advert-1"), f"{DETAIL}//", f"{DETAIL}?aff=x", "/vehicledetail/dd4/"))
    assert read.cards == (Card(ID, DETAIL, ""), Card("dd4", f"{HOST}/vehicledetail/dd4/", ""))


@pytest.mark.parametrize(
    "change",
    [
        {"badge": "Great Deal"},
        {"rating": "2.1"},
        {"dealer": "Miller"},
        {"title": "  2024 Honda\n Civic "},
    ],
)
def test_badges_ratings_and_dealers_are_volatile(change: dict[str, str]) -> None:
    assert mark(**change) == mark()


def test_the_price_drop_is_volatile_but_the_msrp_is_not() -> None:
    assert mark(second="price drop") == mark(second="") == mark(second="$500 price drop") != mark()
    assert mark(second="MSRP $26,000") != mark()


@pytest.mark.parametrize("field", ["title", "status", "price", "mileage"])
def test_what_matters_changes_the_fingerprint(field: str) -> None:
    assert mark(**{field: "another"}) != mark()


def test_the_fingerprint_does_not_depend_on_the_place() -> None:
    urls = [f"{HOST}/vehicledetail/{each}//" for each in ("a1", "b2")]
    cards = [card("a1"), card("b2", price="$5")]
    one = found(results("".join(cards), *urls)).cards
    other = found(results("".join(reversed(cards)), *reversed(urls))).cards
    assert set(one) == set(other)


def test_of_two_cards_of_a_listing_the_fuller_one_counts() -> None:
    poor = card(mileage="", second="")
    fingerprints = {
        found(results(cards, DETAIL)).cards[0].fingerprint
        for cards in (poor + card(), card() + poor, card())
    }
    assert len(fingerprints) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://elsewhere.invalid/vehicledetail/x1/",
        "https://cars.invalid@elsewhere.invalid/vehicledetail/x1/",
        "https://cars.invalid:8443/vehicledetail/x1/",
        "//elsewhere.invalid/vehicledetail/x1/",
        "javascript:alert(1)",
        "http://[::1/vehicledetail/x1/",
        "http://cars.invalid\\@elsewhere.invalid/vehicledetail/x1/",
    ],
)
def test_addresses_at_other_hosts_are_strangers(address: str) -> None:
    read = found(results(card(), address, DETAIL))
    assert [each.listing_id for each in read.cards] == [ID]
    assert read.strangers == (address,)


def test_addresses_of_the_site_that_are_no_offers_are_passed_over() -> None:
    read = found(results("", f"{HOST}/", f"{HOST}/vehicledetail/../account/", f"{HOST}/dealers/7/"))
    assert read == SearchPage(())


def test_an_empty_list_is_the_end_and_no_list_is_none() -> None:
    assert found(results(card())) == SearchPage(())
    assert ADAPTER.read_search(page(card()), SEARCH) == Broken("no_data", "no list of offers")
    crumbs = {"@type": "BreadcrumbList", "itemListElement": [{"item": DETAIL}]}
    assert ADAPTER.read_search(page(ld(crumbs)), SEARCH) == Broken("no_data", "no list of offers")


@pytest.mark.parametrize("keep", [20, 60, 120])
def test_a_list_that_was_cut_off_is_bad(keep: int) -> None:
    whole = results("", DETAIL)
    read = ADAPTER.read_search(whole[: whole.index("{") + keep], SEARCH)
    assert isinstance(read, Broken)
    assert read.reason == "bad_data"


def test_one_broken_list_beside_a_good_one_is_bad() -> None:
    broken = '<script type="application/ld+json">{"itemListElement": [</script>'
    assert isinstance(ADAPTER.read_search(results("", DETAIL) + broken, SEARCH), Broken)


def test_the_payload_is_kept_and_tracking_dropped() -> None:
    carousel = f'{card("zz9")}<script class="carousel-data" type="application/json">[{{}}]</script>'
    expected = {key: value for key, value in FLAT.items() if key in KEPT}
    assert "utm_source" not in expected
    assert ADAPTER.read_detail(flat_page(body=carousel), DETAIL) == Offer(ID, expected)
    assert ADAPTER.read_detail(flat_page(body=carousel), DETAIL + "?page=2") == Offer(ID, expected)


@pytest.mark.parametrize("listing", ["other", None, 7, ""])
def test_another_listings_data_are_refused(listing: Any) -> None:
    read = ADAPTER.read_detail(flat_page(FLAT | {"listing_id": listing}), DETAIL)
    assert read == Broken("bad_data", "another listing's data")


@pytest.mark.parametrize(("key", "value"), [("price", [1]), ("listing_id", {}), ("make", {"a": 1})])
def test_a_list_where_a_value_should_stand(key: str, value: Any) -> None:
    html = flat_page(FLAT | {key: value, "utm_term": [1]})
    assert ADAPTER.read_detail(html, DETAIL) == Unreadable("bad_value", key)
    assert isinstance(ADAPTER.read_detail(flat_page(FLAT | {"utm_term": [1]}), DETAIL), Offer)


@pytest.mark.parametrize(
    "text", ["", "{", '{"listing_id": "aa', "[]", "7", '{"price": NaN}', "{}{}"]
)
def test_data_that_cannot_be_read_are_bad(text: str) -> None:
    read = ADAPTER.read_detail(flat_page(text), DETAIL)
    assert isinstance(read, Broken)
    assert read.reason == "bad_data"


@pytest.mark.parametrize("depth", [51, 1_000, 200_000])
def test_deep_data_are_unreadable(depth: int) -> None:
    text = json.dumps(FLAT)[:-1] + ', "x": ' + "[" * depth + "]" * depth + "}"
    read = ADAPTER.read_detail(flat_page(text), DETAIL)
    assert isinstance(read, Unreadable)
    assert read.reason == "page_too_deep"


def test_brackets_in_texts_are_not_depth() -> None:
    name = "[" * 500 + '\\"' + "{" * 500
    read = ADAPTER.read_detail(flat_page(FLAT | {"dealer_name": name}), DETAIL)
    assert isinstance(read, Offer)
    assert read.payload["dealer_name"] == name


@pytest.mark.parametrize(
    ("title", "heading"),
    [
        ("Vehicle not found", "Sorry"),
        ("Cars", "This vehicle is no longer available"),
        ("Cars", "This listing is no longer listed"),
        ("Cars", "SOLD"),
        ("2019 Ford Focus (Sold)", ""),
        ("Cars", "The car you asked for was not found"),
        ("Cars", "This car has been sold"),
        ("Cars", "We couldn't find that vehicle"),
    ],
)
def test_notices_tell_that_a_car_is_gone(title: str, heading: str) -> None:
    read = ADAPTER.read_detail(page(f"<h1>{heading}</h1>", title), DETAIL)
    assert isinstance(read, Gone)
    assert read.notice in (title, heading)


@pytest.mark.parametrize(
    "heading",
    [
        "Page not found",
        "Sold and serviced by Smith",
        "This car is sold by Smith",
        "2,000 cars sold",
        "Just a moment…",
        "Honda",
    ],
)
def test_other_headings_do_not(heading: str) -> None:
    read = ADAPTER.read_detail(page(f"<h1>{heading}</h1>"), DETAIL)
    assert read == Broken("no_data", "no script#initial-activity-data")


def test_a_notice_about_another_car_says_nothing_of_this_one() -> None:
    carousel = "<h3>This vehicle is no longer available</h3>"
    assert isinstance(ADAPTER.read_detail(flat_page(body=carousel), DETAIL), Offer)
    assert isinstance(ADAPTER.read_detail(page(carousel), DETAIL), Broken)


def test_what_is_kept_can_be_written_as_json_again() -> None:
    text = json.dumps(FLAT)[:-1] + ', "trim": "a\\ud800b", "msrp": 1e999}'
    read = ADAPTER.read_detail(flat_page(text), DETAIL)
    assert isinstance(read, Offer)
    assert (read.payload["trim"], read.payload["msrp"]) == ("a\ufffdb", "1e999")
    json.dumps(read.payload, allow_nan=False, ensure_ascii=False).encode()
