"""Pictures that templates draw as SVG: only positions are worked out here."""

from __future__ import annotations

from dataclasses import dataclass

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


def range_bar(low: float, price: float, high: float, asking: float | None = None) -> RangeBar:
    """Places of a range's ends, its price and what is asked, 0 < low <= price <= high."""
    width = max(high - low, 0.02 * price)
    first, last = low - ROOM * width, high + ROOM * width
    if asking is not None:
        first = max(min(first, asking - ROOM * width), low - FARTHEST * width)
        last = min(max(last, asking + ROOM * width), high + FARTHEST * width)

    def at(amount: float) -> float:
        return round(100.0 * (amount - first) / (last - first), 1)

    off = 0 if asking is None or first <= asking <= last else 1 if asking > last else -1
    asking_at = None if asking is None else min(max(at(asking), 0.8), 99.2)
    return RangeBar(low, price, high, asking, at(low), at(price), at(high), asking_at, off)
