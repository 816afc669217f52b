"""The naive valuation: what anyone can do with a table of medians, and regressors must beat."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from math import isnan
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.listings.contract import NEW, Columns, row_count

FORMAT = 1
ENOUGH = 20
Key = TypeVar("Key", bound=Hashable)


class NaiveValuation:
    """Medians of training prices, looked up from fine to coarse.

    Method
    ------
    A New car with an MSRP: MSRP times the median of price over MSRP of its make's New cars
    (of all New cars where the make has fewer than 20). Every other car: the median price of
    its make, model, year and stock type; where there is none, of its make and model in the
    nearest year, whatever the stock type (the older one of two equally near); of its make and
    year; of its make; of all cars.
    """

    def __init__(self) -> None:
        self._ratio: float | None = None
        self._ratio_by_make: dict[str, float] = {}
        self._exact: dict[tuple[str, str, float, str], float] = {}
        self._by_model: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
        self._by_make_year: dict[tuple[str, float], float] = {}
        self._by_make: dict[str, float] = {}
        self._overall: float | None = None

    def fit(self, columns: Columns, price: NDArray[np.float64]) -> None:
        """Learn the medians.

        Parameters
        ----------
        columns
            ``make``, ``model``, ``year``, ``stock_type``, ``msrp`` of the training part.
        price
            Shape (rows,), in the market's currency.

        Raises
        ------
        UserError
            Where there is no row.
        ValueError
            Where a price or year is missing or there is not one price for each row.
        """
        if len(price) != row_count(columns):
            raise ValueError(f"{len(price)} prices for {row_count(columns)} cars")
        if len(price) == 0:
            raise UserError("no rows to learn the naive valuation from")
        if not np.isfinite(price).all():
            raise ValueError("the naive valuation cannot learn from a missing price")
        if not np.isfinite(columns["year"].astype(np.float64)).all():
            raise ValueError("the naive valuation cannot learn from a missing year")
        prices = price.tolist()
        make, model, year, stock = _keys(columns)
        self._exact = _medians(zip(make, model, year, stock, strict=True), prices)
        self._by_make_year = _medians(zip(make, year, strict=True), prices)
        self._by_make = _medians(make, prices)
        self._overall = float(np.median(price))
        self._by_model = _years(_medians(zip(make, model, year, strict=True), prices))
        self._fit_ratio(columns, price)

    def _fit_ratio(self, columns: Columns, price: NDArray[np.float64]) -> None:
        rows = _with_msrp(columns)
        ratio = price[rows] / columns["msrp"][rows].astype(np.float64)
        makes = columns["make"][rows].tolist()
        self._ratio = float(np.median(ratio)) if len(ratio) else None
        self._ratio_by_make = _medians(makes, ratio.tolist(), at_least=ENOUGH)

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,); every row gets one.

        Raises
        ------
        ValueError
            Before :meth:`fit` or :meth:`restore`.
        """
        if self._overall is None:
            raise ValueError("the naive valuation is not fitted")
        known: dict[tuple[str, str, float, str], float] = {}
        prices: list[float] = []
        for key in zip(*_keys(columns), strict=True):
            price = known.get(key)
            if price is None:
                price = known[key] = self._look_up(*key, self._overall)
            prices.append(price)
        result = np.array(prices, dtype=np.float64)
        if self._ratio is not None:
            rows = _with_msrp(columns)
            default = self._ratio
            ratio = [self._ratio_by_make.get(make, default) for make in columns["make"][rows]]
            result[rows] = columns["msrp"][rows].astype(np.float64) * np.array(ratio)
        return result

    def _look_up(self, make: str, model: str, year: float, stock: str, overall: float) -> float:
        exact = self._exact.get((make, model, year, stock))
        if exact is not None:
            return exact
        if not isnan(year) and (make, model) in self._by_model:
            return _nearest(*self._by_model[make, model], year)
        of_year = self._by_make_year.get((make, year))
        return of_year if of_year is not None else self._by_make.get(make, overall)

    def state(self) -> dict[str, Any]:
        """All that was learned, as JSON types; equal states for equal training rows."""
        return {
            "format": FORMAT,
            "ratio": self._ratio,
            "ratio_by_make": dict(sorted(self._ratio_by_make.items())),
            "exact": [[*key, value] for key, value in sorted(self._exact.items())],
            "by_model": [[*key, *value] for key, value in sorted(self._by_model.items())],
            "by_make_year": [[*key, value] for key, value in sorted(self._by_make_year.items())],
            "by_make": dict(sorted(self._by_make.items())),
            "overall": self._overall,
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> NaiveValuation:
        """The naive valuation that gave ``state``.

        Raises
        ------
        UserError
            For a state of another format.
        """
        if state.get("format") != FORMAT:
            raise UserError(
                f"naive valuation: state of format {state.get('format')!r}, not {FORMAT}"
            )
        self = cls()
        self._ratio = state["ratio"]
        self._ratio_by_make = dict(state["ratio_by_make"])
        self._exact = {
            (make, model, year, stock): median
            for make, model, year, stock, median in state["exact"]
        }
        self._by_model = {
            (make, model): (list(years), list(medians))
            for make, model, years, medians in state["by_model"]
        }
        self._by_make_year = {(make, year): median for make, year, median in state["by_make_year"]}
        self._by_make = dict(state["by_make"])
        self._overall = state["overall"]
        return self


def _keys(columns: Columns) -> tuple[list[str], list[str], list[float], list[str]]:
    return (
        columns["make"].tolist(),
        columns["model"].tolist(),
        columns["year"].astype(np.float64).tolist(),
        columns["stock_type"].tolist(),
    )


def _with_msrp(columns: Columns) -> NDArray[np.bool_]:
    msrp = columns["msrp"].astype(np.float64)
    return (columns["stock_type"] == NEW) & np.isfinite(msrp) & (msrp > 0)


def _medians(keys: Iterable[Key], values: list[float], *, at_least: int = 1) -> dict[Key, float]:
    groups: defaultdict[Key, list[float]] = defaultdict(list)
    for key, value in zip(keys, values, strict=True):
        groups[key].append(value)
    return {key: _median(group) for key, group in groups.items() if len(group) >= at_least}


def _median(values: list[float]) -> float:
    values.sort()
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _years(
    medians: Mapping[tuple[str, str, float], float],
) -> dict[tuple[str, str], tuple[list[float], list[float]]]:
    """Per make and model the years that were seen, ascending, and the median of each."""
    found: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for (make, model, year), median in medians.items():
        found[make, model].append((year, median))
    return {
        key: ([year for year, _ in sorted(pairs)], [median for _, median in sorted(pairs)])
        for key, pairs in found.items()
    }


def _nearest(years: list[float], medians: list[float], year: float) -> float:
    after = bisect_left(years, year)
    if after == len(years) or (after > 0 and year - years[after - 1] <= years[after] - year):
        after -= 1
    return medians[after]
