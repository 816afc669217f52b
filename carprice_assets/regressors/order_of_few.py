"""The order guard for a few cars, number by number: numpy's calls would cost more than the cars.

The same sums and comparisons in the same order as :mod:`carprice_assets.regressors.order`, so
that the bits are the same; a test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from carprice_assets.listings.contract import NEW, USED

Rows = list[list[int]]
Values = Sequence[Sequence[float]]


@dataclass
class Few:
    """Variants of a few cars, as rows of a table: those of their own stock type come first.

    ``car``, ``year`` and ``kind`` are of each row, ``same``, ``other`` and ``good`` of each
    car's model years; ``count`` rows are of the cars' own stock types.
    """

    car: list[int] = field(default_factory=list[int])
    year: list[float] = field(default_factory=list[float])
    kind: list[str] = field(default_factory=list[str])
    same: Rows = field(default_factory=list[list[int]])
    other: Rows = field(default_factory=list[list[int]])
    good: list[list[bool]] = field(default_factory=list[list[bool]])
    count: int = 0


def variants_of_few(
    years: Sequence[Sequence[float]], good: Sequence[Sequence[bool]], kinds: Sequence[str]
) -> Few:
    """The rows that a few cars' prices depend on.

    Parameters
    ----------
    years
        Model years around each car's own, which stands in the middle; repeated at the ends.
    good
        Whether each would be as good as new.
    kinds
        The cars' stock types.
    """
    found = Few()
    compared: list[tuple[int, int]] = []
    for car, (own, new_like) in enumerate(zip(years, good)):
        new, middle = kinds[car] == NEW, len(own) // 2
        whole = new_like[middle] != new  # the car itself is compared, and so are all its years
        rows: list[int] = []
        for step, year in enumerate(own):
            if not step or year != own[step - 1]:
                found.car.append(car)
                found.year.append(year)
                found.kind.append(kinds[car])
                if whole or new_like[step] != new:
                    compared.append((car, step))
            rows.append(len(found.car) - 1)
        found.same.append(rows)
        found.good.append(list(new_like))
    found.count = len(found.car)
    other = list(range(found.count))
    for car, step in compared:
        other[found.same[car][step]] = len(found.car)
        found.car.append(car)
        found.year.append(years[car][step])
        found.kind.append(USED if kinds[car] == NEW else NEW)
    found.other = [[other[row] for row in rows] for rows in found.same]
    return found


def ordered_one(
    rises: Sequence[float],
    own: tuple[Sequence[float], Sequence[float]],
    turned: tuple[Sequence[float], Sequence[float]],
    good: Sequence[bool],
    new: bool,
) -> float:
    """The log price of one car, see :meth:`carprice_assets.regressors.order.Order.ordered`.

    Parameters
    ----------
    rises
        Least rise from the car's own model year to each.
    own, turned
        Log prices and weights of its model years, with its stock type and with the other.
    """
    as_new, of_new = own if new else turned
    as_used, of_used = turned if new else own
    news: list[float] = []
    useds: list[float] = []
    new_weights: list[float] = []
    used_weights: list[float] = []
    for rise, a, b, weight_a, weight_b, as_good in zip(
        rises, as_new, as_used, of_new, of_used, good
    ):
        one, two = a - rise, b - rise
        crossed = two > one
        new_weights.append(weight_b if crossed and not as_good else weight_a)
        used_weights.append(weight_a if crossed and as_good else weight_b)
        news.append(one if as_good or not crossed else two)
        useds.append(one if as_good and crossed else two)
    one, two = isotonic_middle(news, new_weights), isotonic_middle(useds, used_weights)
    if good[len(good) // 2]:
        return one if new else min(one, two)
    return max(one, two) if new else two


def isotonic_middle(values: Sequence[float], weights: Sequence[float]) -> float:
    """The middle value of a weighted isotonic regression."""
    middle = len(values) // 2
    products = [value * weight for value, weight in zip(values, weights)]
    best = -math.inf
    for first in range(middle + 1):
        weight = total = 0.0
        least = math.inf
        for step in range(first, len(values)):
            weight += weights[step]
            total += products[step]
            if step >= middle and (mean := total / weight) < least:
                least = mean
        best = max(best, least)
    return best
