"""The mileage that is usual for a car's age and make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OLDEST = 30
MAKE_WEIGHT = 50.0
LEAST = 20


class UsualMileage:
    """Median mileage at each whole year of age, times a shrunken factor of the make.

    Both are learned from cars that are not New. Ages with fewer than 20 cars take the value
    of the next younger age that has them.
    """

    def __init__(self) -> None:
        self.by_age: list[float] = [0.0] * (OLDEST + 1)
        self.by_make: dict[str, float] = {}

    def fit(
        self, makes: Sequence[str], age: NDArray[np.float64], mileage: NDArray[np.float64]
    ) -> None:
        """Learn from rows with a ``mileage``; NaN rows are left out. All shapes (rows,)."""
        rows = np.flatnonzero(np.isfinite(mileage))
        if not len(rows):
            return
        years = np.clip(age[rows], 0, OLDEST).astype(np.intp)
        known = mileage[rows]
        medians: list[float] = []
        for year in range(OLDEST + 1):
            here = known[years == year]
            if len(here) >= LEAST:
                medians.append(float(np.median(here)))
            else:
                medians.append(medians[-1] if medians else 0.0)
        first = next((value for value in medians if value > 0), float(np.median(known)))
        self.by_age = [value or first for value in medians]
        ratios: defaultdict[str, list[float]] = defaultdict(list)
        for row, year, value in zip(rows.tolist(), years.tolist(), known.tolist(), strict=True):
            ratios[makes[row]].append(value / self.by_age[year] if self.by_age[year] else 1.0)
        self.by_make = {
            make: (len(have) * float(np.median(have)) + MAKE_WEIGHT) / (len(have) + MAKE_WEIGHT)
            for make, have in sorted(ratios.items())
        }

    def of(self, make: str, age: float) -> float:
        """The usual mileage of a car of ``make`` that is ``age`` years old."""
        return self.by_age[int(min(max(age, 0.0), OLDEST))] * self.by_make.get(make, 1.0)

    def state(self) -> dict[str, Any]:
        """All that was learned, for JSON."""
        return {"by_age": self.by_age, "by_make": self.by_make}

    def restore(self, settings: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` gave."""
        self.by_age = [float(value) for value in settings["by_age"]]
        self.by_make = dict(settings["by_make"])
