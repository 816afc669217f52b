"""Does a regressor behave: asked twice about one car, all else equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carprice_assets.evaluation.metrics import Floats
from carprice_assets.listings.contract import (
    FEATURE_FIELDS,
    NEW,
    STOCK_TYPES,
    Columns,
    row_count,
    take,
)
from carprice_assets.listings.declared import declared_numbers, declared_words

Predict: TypeAlias = Callable[[Columns], Floats]
"""Prices in the market's currency for columns of all feature fields, shape (rows,)."""

MORE_MILEAGE = 20_000.0
TOLERANCE = 1e-9
_FEATURES = frozenset(field.name for field in FEATURE_FIELDS)


def features_of(columns: Columns) -> dict[str, NDArray[Any]]:
    """The feature columns alone, so that no regressor is ever handed a price to predict."""
    own = {*declared_numbers(columns), *declared_words(columns)}
    return {name: values for name, values in columns.items() if name in _FEATURES | own}


def measure(
    predict: Predict, columns: Columns, *, sample: int = 1000, seed: int = 0
) -> dict[str, float | int | None]:
    """Change one thing about real cars and see whether the price moves the right way.

    Parameters
    ----------
    predict
        Prices for feature columns; it is never given the price.
    columns
        Cars with all feature fields.
    sample
        Cars drawn for each question, without replacement; all where there are fewer.

    Returns
    -------
    dict
        For ``mileage`` (20,000 units more; Used and Certified of known mileage), ``year`` (one
        model year older, same mileage; all cars) and ``new`` (as Used against as New; New
        cars, missing mileage taken as 0 in both): ``*_rows``, ``*_violations`` (share of cars
        whose price rises, beyond 1e-9 of it) and ``*_change`` (median relative change of the
        price). For ``msrp`` (dropped; cars that have one): ``msrp_rows``, ``msrp_change`` and
        ``msrp_change_p90``, median and 90th percentile of the absolute relative change. Where
        a market has no such stock type, cars of all stock types are asked; shares are None
        where there is no car to ask.

    Raises
    ------
    ValueError
        Where ``predict`` gives no price for a car.
    """
    features = features_of(columns)
    rng = np.random.default_rng(seed)
    stock = features["stock_type"]
    mileage = _numbers(features, "mileage")
    msrp = _numbers(features, "msrp")
    moved = np.isfinite(mileage)
    second_hand = np.isin(stock, STOCK_TYPES) & (stock != NEW)
    anyone = np.ones(row_count(features), dtype=bool)

    def drawn(*wishes: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        rows = next((np.flatnonzero(wish) for wish in wishes if wish.any()), np.array([], int))
        if len(rows) > sample:
            rows = np.sort(rng.choice(rows, sample, replace=False))
        return take(features, rows)

    driven = drawn(moved & second_hand, moved)
    aged = drawn(anyone)
    fresh = drawn(stock == NEW, anyone)
    fresh["mileage"] = np.nan_to_num(_numbers(fresh, "mileage"), nan=0.0)
    listed = drawn(np.isfinite(msrp) & (msrp > 0))
    more = driven | {"mileage": _numbers(driven, "mileage") + MORE_MILEAGE}
    older = aged | {"year": _numbers(aged, "year") - 1}
    bare = listed | {"msrp": np.full(row_count(listed), np.nan)}
    dropped = np.abs(_relative_change(predict, listed, bare))
    return {
        **_question("mileage", _relative_change(predict, driven, more)),
        **_question("year", _relative_change(predict, aged, older)),
        **_question("new", _relative_change(predict, _all(fresh, NEW), _all(fresh, "Used"))),
        "msrp_rows": len(dropped),
        "msrp_change": _percentile(dropped, 50),
        "msrp_change_p90": _percentile(dropped, 90),
    }


def _question(name: str, change: Floats) -> dict[str, float | int | None]:
    rising = float(np.mean(change > TOLERANCE)) if len(change) else None
    return {
        f"{name}_rows": len(change),
        f"{name}_violations": rising,
        f"{name}_change": _percentile(change, 50),
    }


def _relative_change(predict: Predict, before: Columns, after: Columns) -> Floats:
    """(after - before) / before of the prices, shape (rows,)."""
    rows = row_count(before)
    if rows == 0:
        return np.empty(0)
    first, second = np.asarray(predict(before)), np.asarray(predict(after))
    for prices in (first, second):
        if prices.shape != (rows,) or not (np.isfinite(prices) & (prices > 0)).all():
            raise ValueError(f"behaviour: no price above 0 for each of {rows} cars")
    return second.astype(np.float64) / first.astype(np.float64) - 1


def _all(cars: Columns, stock_type: str) -> Columns:
    return {**cars, "stock_type": np.full(row_count(cars), stock_type, dtype=object)}


def _numbers(columns: Columns, name: str) -> Floats:
    return columns[name].astype(np.float64)


def _percentile(values: Floats, percent: float) -> float | None:
    return float(f"{np.percentile(values, percent):.10g}") if len(values) else None
