"""Numbers without gaps: age, mileage, list price, and flags that say what was filled in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import folded, numbers, numbers_block, texts
from carprice_assets.features.hierarchy import Hierarchy
from carprice_assets.features.mileage import UsualMileage
from carprice_assets.features.price_levels import MSRP_LEVELS
from carprice_assets.features.remembered import MOST_TITLES, Remembered
from carprice_assets.features.title_keys import all_titles, crosses
from carprice_assets.listings.contract import BY_NAME, NEW, Columns, row_count
from carprice_assets.listings.notes import Note

DAYS_A_YEAR = 365.25
EPOCH_YEAR = 1970
YOUNGEST = 0.5
LAST_DAY = 100_000.0
NUMBERS = (
    "year",
    "age",
    "mileage",
    "mileage_per_year",
    "msrp",
    "observed_at",
    "mileage_missing",
    "msrp_missing",
)
"""The imputer's columns."""
MILEAGE, MSRP = NUMBERS.index("mileage"), NUMBERS.index("msrp")
NO_MILEAGE, NO_MSRP = NUMBERS.index("mileage_missing"), NUMBERS.index("msrp_missing")
Title = tuple[tuple[str, ...], tuple[int, int, int, int]]
"""A title's keys and the codes of its crosses."""
FINEST = (len(MSRP_LEVELS) - 1,)
YEARS, MILES, PRICES = (BY_NAME[name] for name in ("year", "mileage", "msrp"))
FEW = 8
"""Rows up to which they are gone through one by one: numpy's calls cost more than rows do."""
ODD_RATIO = 5.0  # an MSRP five times the price, or a fifth of it, is a slip of the pen


class Imputer(Transformer):
    """Fills what is missing from what similar cars have.

    - ``age``: years from half a year before the model year to ``observed_at``, at least 0.5;
      a missing ``observed_at`` is the last one of the training part.
    - ``mileage``: 0 for New; else the usual one of that age and make.
    - ``msrp``: the shrunken geometric mean of cars with the same title and year, see
      :class:`~carprice_assets.features.hierarchy.Hierarchy`; 0 and implausibly small values
      count as missing. Where no training row has one, the typical price stands in.

    Numbers outside the contract's range count as missing. No value depends on a row's own
    price, so training and serving see the same.
    """

    name = "imputer"
    inputs = ("make", "model", "trim", "year", "mileage", "msrp", "stock_type", "observed_at")

    @property
    def feature_names(self) -> tuple[str, ...]:
        return NUMBERS

    def __init__(self) -> None:
        self.last_observed = 0.0
        self.usual_year = 0.0
        self.msrp_floor = 0.0
        self._mileage = UsualMileage()
        self._msrp = Hierarchy(MSRP_LEVELS)
        self._usual_msrps: Remembered[Title, float] = Remembered(MOST_TITLES)

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        observed = numbers(columns, "observed_at")
        self.last_observed = float(np.nanmax(observed)) if _any(observed) else 0.0
        years = numbers(columns, "year")
        self.usual_year = float(np.nanmedian(years)) if _any(years) else 0.0
        msrp = numbers(columns, "msrp")
        with np.errstate(invalid="ignore"):
            good = (msrp > target / ODD_RATIO) & (msrp < target * ODD_RATIO)
        self.msrp_floor = float(np.quantile(msrp[good], 0.001)) / 2 if good.any() else 0.0
        logs = np.log(np.where(good, msrp, np.nan))
        self._msrp.fit(all_titles(columns), crosses(columns), logs[:, None])
        if not good.any() and len(target):
            self._msrp.overall = [float(np.log(np.median(target)))]
        makes = [folded(make) for make in texts(columns, "make")]
        known = np.where(self._new(columns), np.nan, numbers(columns, "mileage"))
        self._mileage.fit(makes, age_at(self._years(columns), self._observed(columns)), known)
        self.restore(self.state())

    def transform(self, columns: Columns) -> Block:
        if 0 < row_count(columns) <= FEW:
            return self._few(columns)
        years, observed = self._years(columns), self._observed(columns)
        age = age_at(years, observed)
        mileage, no_mileage = self._miles(columns, age)
        msrp, no_msrp = self._list_price(columns)
        return numbers_block(
            [years, age, mileage, mileage / age, msrp, observed, no_mileage, no_msrp]
        )

    def _few(self, columns: Columns) -> Block:
        """:meth:`transform` number by number, with the same bits."""
        kinds = texts(columns, "stock_type")
        names = ("year", "observed_at", "mileage", "msrp")
        given = zip(*(numbers(columns, name).tolist() for name in names), strict=True)
        block: list[tuple[float, ...]] = []
        for row, (year, day, driven, price) in enumerate(given):
            year = year if YEARS.low <= year <= YEARS.high else self.usual_year
            day = day if abs(day) < LAST_DAY else self.last_observed
            age = max(EPOCH_YEAR + day / DAYS_A_YEAR - year + 0.5, YOUNGEST)
            if no_miles := not MILES.low <= driven <= MILES.high:
                new = kinds[row] == NEW
                driven = 0.0 if new else self._mileage.of(folded(texts(columns, "make")[row]), age)
            if no_price := not (PRICES.low <= price <= PRICES.high and price >= self.msrp_floor):
                title = all_titles(columns)[row], crosses(columns)[row]
                price = self._usual_msrps.of(title, self._usual_msrp)
            block.append((year, age, driven, driven / age, price, day, no_miles, no_price))
        return np.array(block, np.float32)

    def notes(self, columns: Columns) -> Iterator[tuple[int, Note]]:
        """A note for each mileage of a car that is not New, and each MSRP of a New one."""
        block = columns[self.name] if self.name in columns else self.transform(columns)
        if len(block) == 1:
            new = texts(columns, "stock_type")[0] == NEW
            if not block[0, NO_MSRP if new else NO_MILEAGE] > 0:
                return
        new = self._new(columns)
        for row in np.flatnonzero((block[:, NO_MILEAGE] > 0) & ~new).tolist():
            used = f"{block[row, MILEAGE]:,.0f}, usual for age and make, was used"
            yield row, Note("imputed", "mileage", f"mileage is missing: {used}")
        for row in np.flatnonzero((block[:, NO_MSRP] > 0) & new).tolist():
            used = f"{block[row, MSRP]:,.0f}, usual for such cars, was used"
            yield row, Note("imputed", "msrp", f"msrp is missing: {used}")

    def _new(self, columns: Columns) -> NDArray[np.bool_]:
        return np.array([kind == NEW for kind in texts(columns, "stock_type")], dtype=bool)

    def _observed(self, columns: Columns) -> NDArray[np.float64]:
        observed = numbers(columns, "observed_at")
        known = np.isfinite(observed) & (np.abs(observed) < LAST_DAY)
        return np.where(known, observed, self.last_observed)

    def _years(self, columns: Columns) -> NDArray[np.float64]:
        years = numbers(columns, "year")
        return np.where(_within(years, "year"), years, self.usual_year)

    def _miles(
        self, columns: Columns, age: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        mileage = numbers(columns, "mileage")
        missing = ~_within(mileage, "mileage")
        if not missing.any():
            return mileage, missing
        mileage = np.where(missing, 0.0, mileage)
        wanted = np.flatnonzero(missing & ~self._new(columns)).tolist()
        if wanted:
            makes = texts(columns, "make")
            for row in wanted:
                mileage[row] = self._mileage.of(folded(makes[row]), float(age[row]))
        return mileage, missing

    def _list_price(self, columns: Columns) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        msrp = numbers(columns, "msrp")
        missing = ~(_within(msrp, "msrp") & (msrp >= self.msrp_floor))
        if missing.any():
            msrp = np.where(missing, 0.0, msrp)
            titles, codes = all_titles(columns), crosses(columns)
            for row in np.flatnonzero(missing).tolist():
                title = titles[row], codes[row]
                msrp[row] = self._usual_msrps.of(title, self._usual_msrp)
        return msrp, missing

    def _usual_msrp(self, title: Title) -> float:
        return math.exp(self._msrp.pick(*title, FINEST)[0])

    def state(self) -> State:
        settings, arrays = self._msrp.state()
        head: dict[str, Any] = {
            "last_observed": self.last_observed,
            "usual_year": self.usual_year,
            "msrp_floor": self.msrp_floor,
            "mileage": self._mileage.state(),
            "msrp": settings,
        }
        return State(head, arrays)

    def restore(self, state: State) -> None:
        self._usual_msrps.clear()
        settings = state.settings
        self.last_observed = float(settings["last_observed"])
        self.usual_year = float(settings["usual_year"])
        self.msrp_floor = float(settings["msrp_floor"])
        self._mileage.restore(settings["mileage"])
        self._msrp.restore(settings["msrp"], state.arrays)


def age_at(years: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Years from half a year before the model year to the day observed, at least 0.5."""
    return np.maximum(EPOCH_YEAR + observed / DAYS_A_YEAR - years + 0.5, YOUNGEST)


def _within(values: NDArray[np.float64], field: str) -> NDArray[np.bool_]:
    """Where a number is in the range of its field; NaN is not."""
    return (values >= BY_NAME[field].low) & (values <= BY_NAME[field].high)


def _any(values: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(values).any())
