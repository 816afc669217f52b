"""Comparables: the listings most like a car, on sale now and lately gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.listings.contract import NEW, Columns
from carprice_assets.markets.market import KM_PER_MILE

SHOWN = 4
ALIKE, NEAR = 12, 1.0
"""How many of the nearest say what such a car is asked for, and within how many model years."""
MILES = 15_000.0
"""Miles that count as much as one model year."""
TRIM = 1.5
"""Model years that a trim without a word in common counts."""
STOCK = 0.5
UNKNOWN = 1.0
"""Model years that an unknown mileage counts."""


@dataclass(frozen=True)
class Pool:
    """Listings to compare with, found by make, model and New or not.

    ``columns`` are those of :data:`~carprice_assets.bargains.current.POOL` and more.
    """

    columns: Columns
    rows: Mapping[tuple[str, str, bool], NDArray[np.intp]]
    words: tuple[frozenset[str], ...]
    distance: str

    @classmethod
    def of(cls, columns: Columns, distance: str) -> Pool:
        """Put ``columns`` in order; ``distance`` is the market's unit."""
        found: dict[tuple[str, str, bool], list[int]] = {}
        keys = zip(columns["make"], columns["model"], columns["stock_type"])
        for row, (make, model, stock) in enumerate(keys):
            found.setdefault((make, model, stock == NEW), []).append(row)
        words = tuple(frozenset(trim.lower().split()) for trim in columns["trim"])
        rows = {key: np.array(each, np.intp) for key, each in found.items()}
        return cls(columns, rows, words, distance)

    def nearest(self, cars: Columns, row: int, count: int = SHOWN) -> list[int]:
        """Rows of the pool most like row ``row`` of ``cars``, the nearest first."""
        return [int(each) for each in self._sorted(cars, row)[0][:count]]

    def alike(self, cars: Columns, row: int) -> NDArray[np.float64]:
        """Asking prices of the nearest, at most :data:`ALIKE` and within :data:`NEAR`."""
        rows, far = self._sorted(cars, row)
        return self.columns["price"][rows[:ALIKE][far[:ALIKE] <= NEAR]]

    def _sorted(self, cars: Columns, row: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Rows of the pool by their distance to a car in model years, and the distances.

        The car itself, by listing id or VIN, is none of them.
        """
        stock = cars["stock_type"][row]
        key = (cars["make"][row], cars["model"][row], stock == NEW)
        rows = self.rows.get(key)
        if rows is None:
            return np.empty(0, np.intp), np.empty(0)
        pool = self.columns
        own = pool["listing_id"][rows] == cars["listing_id"][row]
        if cars["vin"][row]:
            own = own | (pool["vin"][rows] == cars["vin"][row])
        rows = rows[~own]
        far = self._distance(cars, row, rows)
        order = np.argsort(far, kind="stable")
        return rows[order], far[order]

    def _distance(self, cars: Columns, row: int, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        pool = self.columns
        unit = MILES * (KM_PER_MILE if self.distance == "km" else 1.0)
        far = np.abs(pool["year"][rows] - cars["year"][row])
        if cars["stock_type"][row] != NEW:
            miles = np.abs(pool["mileage"][rows] - cars["mileage"][row]) / unit
            far = far + np.where(np.isnan(miles), UNKNOWN, miles)
        far = far + STOCK * (pool["stock_type"][rows] != cars["stock_type"][row])
        mine = frozenset(cars["trim"][row].lower().split())
        return far + TRIM * np.array([_apart(mine, self.words[each]) for each in rows], np.float64)


def told(columns: Columns, row: int) -> dict[str, Any]:
    """What is told of a comparable: the car and its asking price, in JSON types."""
    mileage = float(columns["mileage"][row])
    return {
        "year": int(columns["year"][row]),
        "trim": str(columns["trim"][row]),
        "mileage": None if np.isnan(mileage) else round(mileage),
        "stock_type": str(columns["stock_type"][row]),
        "price": round(float(columns["price"][row])),
    }


def _apart(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of words that only one of two trims has; 0 for two empty ones."""
    union = one | other
    return 1.0 - len(one & other) / len(union) if union else 0.0
