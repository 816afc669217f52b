"""Why a price is what it is: what each field adds, in currency, from a base to the price.

Shapley values (Shapley, *A Value for n-Person Games*, 1953) of the price as it is answered, with
order guard, so that one method serves every regressor: what a field adds is its mean gain over
all orders in which a typical car could be turned into this one. Many fields are sampled by random
orders and their reverses (Štrumbelj, Kononenko, *Explaining prediction models and individual
predictions with feature contributions*, Knowledge and Information Systems 41, 2014).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.columns import folded
from carprice_assets.listings.contract import NEW, Columns, take
from carprice_assets.releases.comparables import WORDS, Comparables

METHOD = (
    "Shapley values of the price, from a typical car of the model to this one"
    " (Shapley 1953; Štrumbelj and Kononenko 2014)"
)
EXACT = 7
"""Fields up to which all orders are counted, by 2^7 prices; more are sampled."""
PAIRS = 8
"""Random orders, each with its reverse."""
SEED = 20_14
LEAST = 5
"""Rows of the same newness from which on the typical car is one of them."""
GIVEN = ("make", "model", "observed_at")
"""Fields that the typical car has in common with the one explained."""
BY_MODEL = ("make", "model")

Floats = NDArray[np.float64]
Plain: TypeAlias = str | float | None
Predict = Callable[[Columns], Floats]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one field adds to the price.

    Attributes
    ----------
    fields
        One field, or make and model together.
    value, typical
        What the car has, and what a typical car of its model has; None where it is not stated.
    amount
        In the market's currency, two decimals.
    """

    fields: tuple[str, ...]
    value: Plain
    typical: Plain
    amount: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """``base`` and all contributions add up to ``price``, to the cent.

    Attributes
    ----------
    base
        The middle asking price of the listings learned from.
    contributions
        That of make and model first, then the largest first. A field that the car has in common
        with the typical one adds nothing and is left out.
    exact
        False where the orders were sampled: the split is then an estimate, the sum is not.
    """

    base: float
    price: float
    contributions: tuple[Contribution, ...]
    method: str
    exact: bool


def explain(
    known: Comparables, predict: Predict, cars: Columns, row: int, price: float
) -> Explanation | None:
    """The explanation of ``price`` for ``cars[row]``; the same for the same car every time.

    None where no listing of the model is known, or a car between has no price.

    Parameters
    ----------
    predict
        Prices of columns with all feature fields, (rows,), as the price was computed.
    """
    car = take(cars, np.array([row]))
    typical = typical_car(known, car)
    if typical is None:
        return None
    players = [name for name in car if name not in GIVEN and _differ(car[name], typical[name])]
    masks, exact = _coalitions(len(players))
    values = predict(_between(car, typical, players, masks))
    if not (np.isfinite(values) & (values > 0)).all():
        return None
    worth = dict(zip(masks, values.tolist(), strict=True))
    amounts = _shapley(len(players), worth) if exact else _sampled(len(players), worth)
    base = round(known.median_price, 2)
    found = [
        Contribution((name,), _plain(car[name][0]), _plain(typical[name][0]), round(amount, 2))
        for name, amount in zip(players, amounts, strict=True)
    ]
    found.sort(key=lambda each: -abs(each.amount))
    named = f"{car['make'][0]} {car['model'][0]}"
    rest = round(price - base - math.fsum(each.amount for each in found), 2)
    return Explanation(
        base, price, (Contribution(BY_MODEL, named, None, rest), *found), METHOD, exact
    )


def typical_car(known: Comparables, car: Columns) -> dict[str, NDArray[Any]] | None:
    """What a car of the model mostly is, as columns of one row, or None for an unknown model.

    Middle year and mileage and the most frequent words of the model's listings; of those as new
    as ``car``, where there are some. What listings of a release do not tell is not stated.
    """
    rows = known.rows(str(car["make"][0]), str(car["model"][0]))
    if not len(rows):
        return None
    new = np.array([word == NEW for word in known.words["stock_type"]], bool)
    own_new = car["stock_type"][0] == NEW
    alike = rows[new[known.columns["stock_type"][rows]] == own_new]
    rows = alike if len(alike) >= LEAST else rows
    typical = {name: values if name in GIVEN else _missing(values) for name, values in car.items()}
    for name in WORDS:
        code = int(np.bincount(known.columns[name][rows]).argmax())
        typical[name] = _one(known.words[name][code])
    for name in ("year", "mileage"):
        values = known.columns[name][rows].astype(np.float64)
        values = np.sort(values[np.isfinite(values)])
        if len(values):
            typical[name] = np.array([values[(len(values) - 1) // 2]])
    if own_new and np.isnan(typical["mileage"][0]):
        typical["mileage"] = car["mileage"]  # neither has been driven
    return typical


def _differ(own: NDArray[Any], other: NDArray[Any]) -> bool:
    if own.dtype == object:
        return folded(str(own[0])) != folded(str(other[0]))
    return not np.array_equal(own, other, equal_nan=True)


def _between(
    car: Columns, typical: Columns, players: Sequence[str], masks: Sequence[int]
) -> dict[str, NDArray[Any]]:
    """A row a mask: the typical car with the fields of the mask's bits taken from ``car``."""
    bits = np.array(masks, dtype=object)
    columns = {name: np.repeat(values, len(masks)) for name, values in typical.items()}
    for place, name in enumerate(players):
        chosen = np.array([bool(mask >> place & 1) for mask in bits], bool)
        columns[name] = np.where(chosen, car[name][0], columns[name]).astype(car[name].dtype)
    return columns


def _coalitions(count: int) -> tuple[list[int], bool]:
    """The masks whose prices are needed, each once, and whether they are all there are."""
    if count <= EXACT:
        return list(range(1 << count)), True
    masks = {0: None, (1 << count) - 1: None}
    for order in _orders(count):
        masks |= dict.fromkeys(_steps(order))
    return list(masks), False


def _orders(count: int) -> list[list[int]]:
    rng = np.random.default_rng(SEED)
    orders = [rng.permutation(count).tolist() for _ in range(PAIRS)]
    return [each for order in orders for each in (order, order[::-1])]


def _steps(order: Sequence[int]) -> list[int]:
    """The masks on the way from none to all, none first."""
    masks = [0]
    for player in order:
        masks.append(masks[-1] | 1 << player)
    return masks


def _shapley(count: int, worth: Mapping[int, float]) -> list[float]:
    """Mean gain of each over all orders."""
    amounts: list[float] = []
    for player in range(count):
        others = [each for each in range(count) if each != player]
        gains: list[float] = []
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1)
            for chosen in combinations(others, size):
                mask = sum(1 << each for each in chosen)
                gains.append(weight * (worth[mask | 1 << player] - worth[mask]))
        amounts.append(math.fsum(gains) / math.factorial(count))
    return amounts


def _sampled(count: int, worth: Mapping[int, float]) -> list[float]:
    """Mean gain of each over the random orders."""
    orders = _orders(count)
    amounts = [0.0] * count
    for order in orders:
        masks = _steps(order)
        for player, before, after in zip(order, masks, masks[1:]):
            amounts[player] += (worth[after] - worth[before]) / len(orders)
    return amounts


def _missing(values: NDArray[Any]) -> NDArray[Any]:
    return _one("") if values.dtype == object else np.array([np.nan])


def _one(word: str) -> NDArray[Any]:
    found = np.empty(1, object)
    found[0] = word
    return found


def _plain(value: Any) -> Plain:
    if isinstance(value, str):
        return value or None
    return None if np.isnan(value) else float(value)
