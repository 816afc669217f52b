"""Places in pictures, and numbers as people read them."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carprice_serving.pages import words
from carprice_serving.pages.pictures import range_bar, steps

AMOUNTS = st.floats(1.0, 1e6)


@settings(deadline=None)
@given(st.lists(AMOUNTS, min_size=3, max_size=3), st.none() | AMOUNTS, st.lists(AMOUNTS))
def test_a_range_lies_within_its_picture(
    ends: list[float], asking: float | None, others: list[float]
) -> None:
    low, price, high = sorted(ends)
    bar = range_bar(low, price, high, asking, others)
    assert 0 <= bar.low_at <= bar.price_at <= bar.high_at <= 100
    assert all(0 <= at <= 100 for at in bar.others_at)
    if asking is None:
        assert bar.asking_at is None
        return
    assert bar.asking_at is not None
    assert 0 < bar.asking_at < 100
    if bar.off == 0 and 2 < bar.asking_at < 98:
        rounded = 0.11
        assert (asking < low) <= (bar.asking_at <= bar.low_at + rounded)
        assert (asking > high) <= (bar.asking_at >= bar.high_at - rounded)
    assert (bar.off < 0) <= (asking < low)
    assert (bar.off > 0) <= (asking > high)


def test_a_ranges_places() -> None:
    bar = range_bar(100.0, 150.0, 200.0, 50.0, [120.0, 500.0])
    # From 38 to 212: 12 % of the range's width beyond what is drawn.
    assert (bar.low_at, bar.price_at, bar.high_at) == (35.6, 64.4, 93.1)
    assert bar.asking_at == 6.9
    assert bar.others_at == (47.1,)
    far = range_bar(100.0, 150.0, 200.0, 2_000.0)
    assert (far.off, far.asking_at) == (1, 99.2)


@settings(deadline=None)
@given(AMOUNTS, st.lists(st.integers(-100_000, 100_000), max_size=12))
def test_steps_hang_on_each_other(base: float, amounts: list[int]) -> None:
    found = steps(base, amounts)
    assert [each.up for each in found] == [amount >= 0 for amount in amounts]
    assert all(each.at >= 0 and each.at + each.width <= 100.1 for each in found)
    for one, next_ in pairwise(found):
        end = one.at + one.width if one.up else one.at
        begin = next_.at if next_.up else next_.at + next_.width
        assert end == pytest.approx(begin, abs=0.21)


def test_steps_fill_the_picture() -> None:
    one, two = steps(100.0, [50.0, -20.0])
    assert (one.at, one.width, one.up) == (0.0, 100.0, True)
    assert (two.at, two.width, two.up) == (60.0, 40.0, False)
    assert steps(100.0, [0.0])[0].width == 0.0


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (words.money(1234.5, "USD"), "$1,234"),
        (words.money(-0.4, "USD"), "$0"),
        (words.money(-1234.0, "EUR"), "−€1,234"),
        (words.money(1234.0, "CHF"), "1,234\N{NO-BREAK SPACE}CHF"),
        (words.money(None, "USD"), "–"),
        (words.money(float("nan"), "USD"), "–"),
        (words.signed(12.0, "USD"), "+$12"),
        (words.signed(-12.0, "USD"), "−$12"),
        (words.signed(0.2, "USD"), "$0"),
        (words.distance(31_250.0, "km"), "31,250\N{NO-BREAK SPACE}km"),
        (words.distance(None, "km"), "–"),
        (words.share(0.904), "90\N{NARROW NO-BREAK SPACE}%"),
        (words.share(-0.0512, 1), "−5.1\N{NARROW NO-BREAK SPACE}%"),
        (words.day(date(2026, 11, 3)), "3 Nov 2026"),
        (words.day("2026-11-03"), "3 Nov 2026"),
        (words.moment("2026-11-03T04:05:06+00:00"), "3 Nov 2026, 04:05 UTC"),
        (words.moment(None), "–"),
        (words.short("0123456789abcdef"), "0123456789ab"),
        (words.stated(2020.0, ("year",), "USD", "mi"), "2020"),
        (words.stated(45_000.0, ("msrp",), "USD", "mi"), "$45,000"),
        (words.stated("Red", ("exterior_color",), "USD", "mi"), "Red"),
        (words.sentence("no price"), "No price"),
        (words.dated("as of 2026-01-05, not 2026-11-24"), "as of 5 Jan 2026, not 24 Nov 2026"),
        (words.dated("on 2026-11-24T00:28:25.494+00:00"), "on 24 Nov 2026, 00:28 UTC"),
        (words.dated("no word of '2026-13-45' is known"), "no word of '2026-13-45' is known"),
    ],
)
def test_words(told: str, expected: str) -> None:
    assert told == expected
