"""Doubts: prices, wording, payloads, dealers."""

from __future__ import annotations

import json

import pytest

from carprice_assets.bargains.doubts import (
    GRAVE,
    Dealing,
    car_doubts,
    comparables_doubts,
    dealer_doubts,
    is_grave,
    payload_doubts,
    price_doubts,
)
from carprice_assets.listings.notes import Note

NAN = float("nan")


def codes(price: float, expected: float = 24_000, low: float = 20_000) -> list[str]:
    notes = price_doubts(price, expected, low, too_cheap=0.5, very_cheap=0.6)
    return [note.code for note in notes]


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (2_399, "digit_missing"),
        (399, "monthly_rate"),
        (1, "placeholder_price"),
        (123, "placeholder_price"),
        (1_234_567, "placeholder_price"),
        (999_999, "placeholder_price"),
        (11_111, "placeholder_price"),
        (239_900, "price_typo"),
        (2_399_900, "price_typo"),
        (410_000, "price_typo"),
        (1_450, "price_typo"),
        (9_000, "too_cheap"),
    ],
)
def test_a_price_that_is_none_is_told_by_its_kind(price: float, code: str) -> None:
    assert codes(price) == [code]
    assert code in GRAVE


@pytest.mark.parametrize("price", [65_000, 100_500, 150_000])
def test_a_price_that_is_merely_high_is_no_slip(price: float) -> None:
    wide = codes(price, expected=24_000, low=9_000)  # up to 64,000
    assert codes(price) == wide == []


def test_a_price_far_below_the_expected_one_is_told_and_sets_none_apart() -> None:
    assert codes(14_400) == []
    [note] = price_doubts(14_300, 24_000, 20_000, too_cheap=0.5, very_cheap=0.6)
    assert (note.code, note.message) == (
        "very_cheap", "40% below the expected price is a lot: check why",
    )  # fmt: skip
    assert not is_grave([note])


@pytest.mark.parametrize(
    ("price", "others", "doubted"),
    [
        (18_400, [20_000] * 4, True),
        (18_300, [20_000] * 4, False),
        (18_400, [20_000] * 3, False),
        (18_400, [10_000, 20_000, 20_000, 90_000], True),
        (18_400, [10_000, 10_000, 20_000, 20_000], True),
        (18_400, [20_000, 20_000, 30_000, 30_000], False),
        (18_400, [], False),
    ],
)
def test_what_its_like_is_asked_for_is_held_against_it(
    price: float, others: list[float], doubted: bool
) -> None:
    found = comparables_doubts(price, others, 0.92)
    assert [note.code for note in found] == ["like_comparables"] * doubted
    assert not is_grave(found)


@pytest.mark.parametrize("price", [16_000, 14_500, 19_999, 24_000, 30_000])
def test_a_low_price_that_may_be_true_raises_no_doubt(price: float) -> None:
    assert codes(price) == []


def test_a_pressed_key_that_is_a_fair_price_is_one() -> None:
    assert codes(99_999, expected=101_000, low=90_000) == []
    assert codes(99_999) == ["placeholder_price"]


def test_without_a_valuation_only_the_digits_speak() -> None:
    assert codes(999_999, NAN, NAN) == ["placeholder_price"]
    assert codes(2_399, NAN, NAN) == []


@pytest.mark.parametrize(
    "words",
    [
        "2019 Compact SE - SALVAGE title",
        "rebuilt, drives well",
        "some flood damage",
        "Branded title, inspected",
        "lemon law buyback",
        "for parts or repair",
    ],
)
def test_salvage_wording_sets_apart(words: str) -> None:
    found = payload_doubts(json.dumps({"vehicle": {"notes": ["clean", words]}}))
    assert [note.code for note in found] == ["salvage"]
    assert is_grave(found)


@pytest.mark.parametrize(
    "payload",
    [
        {"title": "2019 Compact SE", "salvage": False, "clean_title": True},
        {"notes": "No salvage, never any flood damage"},
        {"notes": "not a rebuilt car"},
        {"salvage_history": None, "rebuilt": 0},
        {"model": "Salvager", "dealer": "Floodgate Motors"},
    ],
)
def test_a_clean_page_raises_no_doubt(payload: dict[str, object]) -> None:
    assert payload_doubts(json.dumps(payload)) == []


@pytest.mark.parametrize("payload", [{"clean_title": False}, {"deep": [{"is_salvage": True}]}])
def test_a_key_that_says_branded_sets_apart(payload: dict[str, object]) -> None:
    assert [note.code for note in payload_doubts(json.dumps(payload))] == ["salvage"]


def test_a_payload_that_is_no_json_is_read_as_text() -> None:
    assert payload_doubts("rebuilt title") != []


def test_missing_mileage_is_told_of_used_cars_and_sets_none_apart() -> None:
    found = car_doubts(NAN, "Used", [])
    assert [note.code for note in found] == ["missing_mileage"]
    assert not is_grave(found)
    assert car_doubts(NAN, "New", []) == []


def test_an_unsupported_car_is_set_apart() -> None:
    notes = [Note("imputed", "msrp", "…"), Note("unknown_model", "model", "never seen")]
    assert [note.code for note in car_doubts(10.0, "Used", notes)] == ["unsupported"]


@pytest.mark.parametrize(
    ("dealing", "codes"),
    [
        (Dealing(raised=3, listings=20, offers=10), ["dealer_lures"]),
        (Dealing(raised=2, listings=10, offers=10), []),
        (Dealing(raised=3, listings=200, offers=90), []),
        (Dealing(listings=30, offers=10, low_offers=5), ["dealer_lures"]),
        (Dealing(listings=30, offers=12, low_offers=5), ["dealer_low"]),
        (Dealing(raised=3, listings=30, offers=12, low_offers=5), ["dealer_lures"]),
        (Dealing(listings=80, offers=60, low_offers=5), []),
        (Dealing(listings=8, offers=4, low_offers=4), []),
    ],
)
def test_a_pattern_of_a_dealer_needs_several_and_a_share(
    dealing: Dealing, codes: list[str]
) -> None:
    assert [note.code for note in dealer_doubts(dealing)] == codes


def test_low_prices_alone_set_no_offer_apart() -> None:
    assert is_grave(dealer_doubts(Dealing(offers=10, low_offers=6)))
    assert not is_grave(dealer_doubts(Dealing(offers=20, low_offers=6)))
