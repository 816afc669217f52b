"""Deal ratings by the range, and asking prices as people write them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carprice_assets.releases.rating import RATINGS, rate, rated, read_asking_price

LOW, PRICE, HIGH = 9_000.0, 10_000.0, 10_000.0**2 / 9_000.0


@pytest.mark.parametrize(
    ("asking", "rating"),
    [
        (8_999.99, "great"),
        (LOW, "good"),
        (9_650.0, "good"),
        (9_660.0, "fair"),
        (PRICE, "fair"),
        (10_350.0, "fair"),
        (10_360.0, "high"),
        (HIGH, "high"),
        (HIGH + 0.01, "overpriced"),
        (1e8, "overpriced"),
        (0.01, "great"),
    ],
)
def test_by_the_range(asking: float, rating: str) -> None:
    assert rate(asking, LOW, PRICE, HIGH) == rating


def test_a_range_without_width() -> None:
    assert [rate(a, 5.0, 5.0, 5.0) for a in (4.9, 5.0, 5.1)] == ["great", "fair", "overpriced"]


amounts = st.floats(1, 1e6)


@given(price=amounts, reach=st.floats(1e-3, 3), first=amounts, second=amounts)
def test_who_asks_more_is_never_rated_better(
    price: float, reach: float, first: float, second: float
) -> None:
    low, high = price * math.exp(-reach), price * math.exp(reach)
    cheap, dear = (RATINGS.index(rate(a, low, price, high)) for a in sorted((first, second)))
    assert cheap <= dear


def test_what_is_too_low_to_be_believed_is_told() -> None:
    assert rated(LOW / 2, "USD", PRICE, LOW, HIGH) == (LOW / 2, "great", None)
    asking, rating, note = rated(LOW / 2 - 1, "USD", PRICE, LOW, HIGH)
    assert (asking, rating) == (LOW / 2 - 1, "great")
    assert note is not None
    assert (note.code, note.field) == ("implausible", "asking_price")
    assert "error or a fraud" in note.message


@pytest.mark.parametrize(
    ("given", "amount"),
    [(25_900, 25_900.0), ("$25,900", 25_900.0), ("25900.006 USD", 25_900.01),
     (None, None), ("", None), (0, None)],
)  # fmt: skip
def test_asking_prices(given: Any, amount: float | None) -> None:
    assert read_asking_price(given, "USD") == (amount, None)


@pytest.mark.parametrize(
    ("given", "code"),
    [(True, "wrong_type"), (False, "wrong_type"), ([1], "wrong_type"), ("cheap", "wrong_type"),
     ("€ 20,000", "wrong_type"), (-5, "out_of_range"), (1e12, "out_of_range"),
     (10**400, "wrong_type"), (float("nan"), "wrong_type")],
)  # fmt: skip
def test_asking_prices_that_are_none(given: Any, code: str) -> None:
    amount, note = read_asking_price(given, "USD")
    assert amount is None
    assert note is not None
    assert (note.code, note.field) == (code, "asking_price")
