"""The order guard: an older car is not dearer, and a used one not dearer than a new one.

A regressor learns from what is on offer, where the older car is sometimes the better equipped
one and the used one the rarer. Asked about one car twice, all else equal, it should not say so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite, isnan
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.columns import numbers
from carprice_assets.features.imputer import DAYS_A_YEAR, EPOCH_YEAR, YOUNGEST, age_at
from carprice_assets.files import canonical_json, read_json
from carprice_assets.listings.contract import NEW, USED, Columns, take, text_array
from carprice_assets.regressors.order_of_few import ordered_one, variants_of_few

FILE = "order.json"
FORMAT = 1
WINDOW = 2
"""Model years looked at on either side."""
STEP = 0.01
"""Least rise of the log price from one model year to the next."""
LEAST_SUPPORT = 0.01
"""Weight of a model year of which nothing was seen."""
YOUNG = 1.5
"""Age in years up to which a car may be as good as new."""
FEW_MILES = 500.0
NEW_QUANTILE = 0.99

FEW = 4
"""Cars up to which they are gone through one by one: numpy's calls cost more than cars do."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Variants:
    """Cars as they are, of the model years around theirs, and of the other stock type.

    Attributes
    ----------
    columns
        One row a variant, each once.
    car
        Car of each row.
    own
        Row of each car as it is, (cars,).
    same, other
        Rows of each car's variants by model year, older first, (cars, 2 * window + 1): with its
        own stock type, and with the one that it is compared to (the same row where with none).
    good
        Variants that are as good as new, same shape.
    new
        Cars whose stock type is New, (cars, 1).
    """

    columns: dict[str, NDArray[Any]]
    car: NDArray[np.intp]
    own: NDArray[np.intp]
    same: NDArray[np.intp]
    other: NDArray[np.intp]
    good: NDArray[np.bool_]
    new: NDArray[np.bool_]


@dataclass(frozen=True)
class Order:
    """Puts the prices of a regressor f in order, car by car.

    A car is *as good as new* up to an age of :data:`YOUNG` and a mileage of ``new_mileage``.

    - Stock type: h is f; but of a New car that is not as good as new the larger of f as New and
      as Used, and of a Used or Certified car that is the smaller of f as it is and as New.
    - Model year: g is the isotonic regression of log h over the model years from ``window``
      older to ``window`` newer, each year at least ``step`` above the one before, weighted by
      the training rows that stand behind a year (min-max formula: Robertson, Wright, Dykstra,
      *Order Restricted Statistical Inference*, 1988). A year of which little was seen bends to
      those of which much was seen; where h rises fast enough it stands.
    - The price answered is g by the first rule once more, as the weights of New and Used differ.

    Attributes
    ----------
    first_year, last_year
        Model years seen in training; variants beyond them are not asked for.
    new_mileage
        Mileage up to which a car may be as good as new.
    last_observed
        Day taken where a car has none.
    window
        Model years on either side.
    step
        Least rise of the log price from one model year to the next.
    """

    first_year: float
    last_year: float
    new_mileage: float
    last_observed: float
    window: int = WINDOW
    step: float = STEP

    @classmethod
    def of(cls, columns: Columns) -> Order:
        """Learn the limits from the training part.

        Raises
        ------
        UserError
            Where no row has a model year.
        """
        years = _finite(columns, "year")
        if not len(years):
            raise UserError("order guard: no training car has a model year")
        observed = _finite(columns, "observed_at")
        new = take(columns, columns["stock_type"] == NEW)
        driven = _finite(new, "mileage")
        usual = float(np.quantile(driven, NEW_QUANTILE)) if len(driven) else 0.0
        return cls(
            first_year=float(years.min()),
            last_year=float(years.max()),
            new_mileage=max(FEW_MILES, usual),
            last_observed=float(observed.max()) if len(observed) else 0.0,
        )

    def variants(self, columns: Columns) -> Variants:
        """All rows that the prices of ``columns`` depend on."""
        own_year = numbers(columns, "year")
        if 0 < len(own_year) <= FEW and not np.isnan(own_year).any():
            return self._variants_of_few(columns, own_year.tolist())
        first = np.fmin(own_year, self.first_year)[:, None]
        last = np.fmax(own_year, self.last_year)[:, None]
        steps = np.arange(-self.window, self.window + 1.0)
        years = np.clip(own_year[:, None] + steps, first, last)
        wanted = np.ones(years.shape, bool)
        wanted[:, 1:] = years[:, 1:] != years[:, :-1]
        new = np.asarray(columns["stock_type"] == NEW, bool)[:, None]
        good = self._as_good_as_new(columns, years, new)
        compared = good != new
        # Where the car itself is compared, so are all its years: both curves are needed.
        compared = wanted & (compared | compared[:, self.window, None])
        same = np.cumsum(wanted).reshape(wanted.shape) - 1
        count = int(wanted.sum())
        beyond = np.cumsum(compared).reshape(compared.shape) - 1 + count
        # A repeated year's comparison stands at the first of its repeats.
        places = np.where(compared, beyond, same)
        other = np.empty(count, np.intp)
        other[same[wanted]] = places[wanted]
        car, step = (
            np.concatenate([a, b])
            for a, b in zip(np.nonzero(wanted), np.nonzero(compared), strict=True)
        )
        rows = take(columns, car)
        rows["year"] = years[car, step]
        self._turn(rows, count)
        return Variants(rows, car, same[:, self.window], same, other[same], good, new)

    def ordered(self, variants: Variants, prices: Floats, support: Floats) -> Floats:
        """Prices of the cars from the prices of their variants, (cars,).

        ``support`` is the training rows that stand behind each variant, (variants,), 0 or more.
        NaN where a variant has no price above 0.
        """
        logs = np.log(np.where(prices > 0, prices, np.nan))
        weights = LEAST_SUPPORT + support
        if 0 < len(variants.own) <= FEW and not np.isnan(logs).any():
            return self._ordered_few(variants, logs.tolist(), weights.tolist())
        years = numbers(variants.columns, "year")[variants.same]
        rise = np.nan_to_num(self.step * (years - years[:, self.window, None]))
        own, turned = (logs[rows] - rise for rows in (variants.same, variants.other))
        as_new = np.where(variants.new, own, turned)
        as_used = np.where(variants.new, turned, own)
        own, turned = weights[variants.same], weights[variants.other]
        of_new = np.where(variants.new, own, turned)
        of_used = np.where(variants.new, turned, own)
        crossed, good = as_used > as_new, variants.good
        of_new, of_used = (
            np.where(crossed & ~good, of_used, of_new),
            np.where(crossed & good, of_new, of_used),
        )
        as_new, as_used = _compared(as_new, as_used, good)
        as_new, as_used = _compared(
            _isotonic_middle(as_new, of_new),
            _isotonic_middle(as_used, of_used),
            good[:, self.window],
        )
        return np.exp(np.where(variants.new[:, 0], as_new, as_used))

    def _variants_of_few(self, columns: Columns, own_year: list[float]) -> Variants:
        """:meth:`variants` of cars that all have a model year."""
        kinds: list[str] = columns["stock_type"].tolist()
        observed = numbers(columns, "observed_at").tolist()
        mileage = numbers(columns, "mileage").tolist()
        years: list[list[float]] = []
        good: list[list[bool]] = []
        for year, kind, day, miles in zip(own_year, kinds, observed, mileage, strict=True):
            first, last = min(year, self.first_year), max(year, self.last_year)
            steps = range(-self.window, self.window + 1)
            own = [min(max(year + step, first), last) for step in steps]
            today = EPOCH_YEAR + (day if isfinite(day) else self.last_observed) / DAYS_A_YEAR
            driven = 0.0 if kind == NEW and isnan(miles) else miles
            few = driven <= self.new_mileage
            years.append(own)
            good.append([few and max(today - each + 0.5, YOUNGEST) <= YOUNG for each in own])
        found = variants_of_few(years, good, kinds)
        car = np.array(found.car, np.intp)
        driven = [mileage[each] for each in found.car]
        for row in range(found.count, len(driven)):
            if found.kind[row] == USED and isnan(driven[row]):
                driven[row] = 0.0
        rows = take(columns, car)
        rows["year"], rows["stock_type"] = np.array(found.year), text_array(found.kind)
        rows["mileage"] = np.array(driven)
        same = np.array(found.same, np.intp)
        new = np.array([[kind == NEW] for kind in kinds], bool)
        other, as_good = np.array(found.other, np.intp), np.array(found.good, bool)
        return Variants(rows, car, same[:, self.window], same, other, as_good, new)

    def _ordered_few(self, variants: Variants, logs: list[float], weights: list[float]) -> Floats:
        """:meth:`ordered` of cars whose variants all have a price."""
        years = variants.columns["year"].tolist()
        found: list[float] = []
        for same, other, good, (new,) in zip(
            variants.same.tolist(),
            variants.other.tolist(),
            variants.good.tolist(),
            variants.new.tolist(),
            strict=True,
        ):
            own_year = years[same[self.window]]
            found.append(
                ordered_one(
                    [self.step * (years[row] - own_year) for row in same],
                    ([logs[row] for row in same], [weights[row] for row in same]),
                    ([logs[row] for row in other], [weights[row] for row in other]),
                    good,
                    new,
                )
            )
        return np.exp(np.array(found))

    def _as_good_as_new(
        self, columns: Columns, years: Floats, new: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        observed = numbers(columns, "observed_at")
        observed = np.where(np.isfinite(observed), observed, self.last_observed)[:, None]
        mileage = numbers(columns, "mileage")
        mileage = np.where(new[:, 0] & np.isnan(mileage), 0.0, mileage)[:, None]
        return (age_at(years, observed) <= YOUNG) & (mileage <= self.new_mileage)

    def _turn(self, rows: dict[str, NDArray[Any]], count: int) -> None:
        """Turn the rows from ``count`` on to the stock type that they are compared with."""
        kinds, mileage = rows["stock_type"][count:], numbers(rows, "mileage")
        were_new = np.asarray(kinds == NEW, bool)
        turned = text_array([USED if was else NEW for was in were_new.tolist()])
        rows["stock_type"] = np.concatenate([rows["stock_type"][:count], turned])
        # A New car without mileage has none driven, as whatever it is sold.
        mileage[count:][were_new & np.isnan(mileage[count:])] = 0.0
        rows["mileage"] = mileage

    def save(self, folder: Path) -> None:
        """Write ``order.json``."""
        (folder / FILE).write_bytes(canonical_json({"format": FORMAT, **asdict(self)}))

    @classmethod
    def load(cls, folder: Path) -> Order | None:
        """The order guard of a serving form, or None where it has none.

        Raises
        ------
        UserError
            Where ``order.json`` is of another format or malformed.
        """
        path = folder / FILE
        if not path.exists():
            return None
        table = cast("dict[str, Any]", read_json(path))
        given = table.pop("format", None)
        if given != FORMAT:
            raise UserError(f"{path}: format {given!r}; this program reads {FORMAT}")
        try:
            order = cls(**table)
        except TypeError as error:
            raise UserError(f"{path}: {error}") from error
        values = [float(value) for value in asdict(order).values()]
        if not np.isfinite(values).all() or not 0 <= order.window <= 10:
            raise UserError(f"{path}: limits must be finite, the window from 0 to 10")
        return order


def _finite(columns: Columns, name: str) -> Floats:
    values = numbers(columns, name)
    return values[np.isfinite(values)]


def _compared(as_new: Floats, as_used: Floats, good: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The stock type rule on log prices: those as New and as Used, in order."""
    return (
        np.where(good, as_new, np.maximum(as_new, as_used)),
        np.where(good, np.minimum(as_new, as_used), as_used),
    )


def _isotonic_middle(values: Floats, weights: Floats) -> Floats:
    """The middle value of each row's weighted isotonic regression, (rows,).

    The largest, over the columns up to the middle, of the smallest, over the columns from it,
    of the weighted mean between the two. ``values`` and ``weights`` are (rows, odd).
    """
    middle = values.shape[1] // 2
    found: list[Floats] = []
    for first in range(middle + 1):
        # Summed anew from each first column: differences of sums would lose small weights.
        weight = np.cumsum(weights[:, first:], axis=1)[:, middle - first :]
        sums = np.cumsum((values * weights)[:, first:], axis=1)[:, middle - first :]
        found.append((sums / weight).min(axis=1))
    return np.max(found, axis=0)
