"""Pictures that templates draw as SVG: only positions are worked out here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

ROOM = 0.12
"""Of the range's width, kept free at both sides of it."""
FARTHEST = 1.5
"""Widths of the range to either side, beyond which an asking price is drawn at the edge."""


@dataclass(frozen=True, slots=True)
class RangeBar:
    """A range from ``low`` to ``high`` with its price and, where there is one, an asking price.

    Attributes
    ----------
    low_at, price_at, high_at, asking_at
        Places along the picture in per cent of its width, one decimal.
    off
        -1 or 1 where the asking price lies beyond the picture's left or right edge, else 0.
    others_at
        Prices of other cars.
    """

    low: float
    price: float
    high: float
    asking: float | None
    low_at: float
    price_at: float
    high_at: float
    asking_at: float | None
    off: int
    others_at: tuple[float, ...] = ()


def range_bar(
    low: float,
    price: float,
    high: float,
    asking: float | None = None,
    others: Sequence[float] = (),
) -> RangeBar:
    """Places of a range's ends, its price and what is asked, 0 < low <= price <= high.

    ``others`` are prices of other cars; those beyond the picture's edges are left out.
    """
    width = max(high - low, 0.02 * price)
    first, last = low - ROOM * width, high + ROOM * width
    if asking is not None:
        first = max(min(first, asking - ROOM * width), low - FARTHEST * width)
        last = min(max(last, asking + ROOM * width), high + FARTHEST * width)

    def at(amount: float) -> float:
        return round(100.0 * (amount - first) / (last - first), 1)

    off = 0 if asking is None or first <= asking <= last else 1 if asking > last else -1
    asking_at = None if asking is None else min(max(at(asking), 0.8), 99.2)
    marks = tuple(at(each) for each in others if first <= each <= last)
    return RangeBar(low, price, high, asking, at(low), at(price), at(high), asking_at, off, marks)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sum drawn as bars that hang on each other.

    Attributes
    ----------
    at, width
        Left end and width in per cent of the picture's width, one decimal.
    up
        Whether it adds.
    """

    at: float
    width: float
    up: bool


def steps(base: float, amounts: Sequence[float]) -> list[Step]:
    """Places of ``amounts`` that add up from ``base``; the picture begins at the least sum."""
    sums = [base]
    for amount in amounts:
        sums.append(sums[-1] + amount)
    first, last = min(sums), max(sums)
    scale = 100.0 / (last - first) if last > first else 0.0
    return [
        Step(round((min(a, b) - first) * scale, 1), round(abs(b - a) * scale, 1), b >= a)
        for a, b in pairwise(sums)
    ]
