"""Do the cars that came lately differ from those learned from? Population stability index.

Of each feature: the sum over bins of (new share - old share) times the log of their ratio
(Siddiqi, 2006); below 0.1 little has changed, above 0.25 much. What so few cars would show by
chance is taken off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.listings.contract import FEATURE_FIELDS, Columns, row_count

LEAST_ROWS = 200
"""Fewer new cars tell nothing."""
BINS, WORDS = 10, 20
LEFT_OUT = ("observed_at", "vin", "dealer")
"""Days always move on; the others name a car or a place and are no kind."""


@dataclass(frozen=True)
class FeatureDrift:
    """How far new cars are from those learned from.

    Attributes
    ----------
    rows
        New cars.
    shifts
        Feature (and ``price``) to its index, 0 at least; empty with too few cars on either side.
    """

    rows: int = 0
    shifts: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def greatest(self) -> tuple[str, float]:
        """The feature that moved most, and its index; ("", 0) where nothing was compared."""
        return max(self.shifts.items(), key=lambda item: item[1], default=("", 0.0))


def feature_drift(learned: Columns, newer: Columns) -> FeatureDrift:
    """Compare ``newer`` cars with those ``learned`` from; both have all feature fields and price.

    Features of the market's own are not compared.
    """
    rows = row_count(newer)
    if rows < LEAST_ROWS or row_count(learned) < LEAST_ROWS:
        return FeatureDrift(rows)
    kinds = {f.name: f.kind == "number" for f in FEATURE_FIELDS if f.name not in LEFT_OUT}
    shifts = {
        name: (_numbers if number else _words)(learned[name], newer[name])
        for name, number in (kinds | {"price": True}).items()
    }
    return FeatureDrift(rows, shifts)


def _numbers(before: NDArray[Any], after: NDArray[Any]) -> float:
    """By tenths of what was learned from; missing is a bin of its own."""
    old, new = before.astype(np.float64), after.astype(np.float64)
    known = old[np.isfinite(old)]
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else known

    def counts(values: NDArray[np.float64]) -> NDArray[np.int64]:
        bins = np.searchsorted(edges, values, side="right")
        bins[~np.isfinite(values)] = len(edges) + 1
        return np.bincount(bins, minlength=len(edges) + 2)

    return _index(counts(old), counts(new))


def _words(before: NDArray[Any], after: NDArray[Any]) -> float:
    """By the words that were seen most, and one bin for all others."""
    old, new = before.astype(str), after.astype(str)
    words, times = np.unique(old, return_counts=True)
    shown = np.sort(words[np.argsort(-times, kind="stable")[:WORDS]])

    def counts(values: NDArray[Any]) -> NDArray[np.int64]:
        place = np.minimum(np.searchsorted(shown, values), len(shown) - 1)
        place = np.where(shown[place] == values, place, len(shown))
        return np.bincount(place, minlength=len(shown) + 1)

    return _index(counts(old), counts(new))


def _index(old: NDArray[np.int64], new: NDArray[np.int64]) -> float:
    used = (old + new) > 0
    before, after = old[used] + 0.5, new[used] + 0.5  # an empty bin is no infinite surprise
    p, q = before / before.sum(), after / after.sum()
    found = float(np.sum((q - p) * np.log(q / p)))
    chance = (int(used.sum()) - 1) * (1 / before.sum() + 1 / after.sum())
    return max(0.0, found - float(chance))
