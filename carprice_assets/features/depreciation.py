"""Log price by age, mileage and stock type alone: straight pieces that never rise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError

AGE_KNOTS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 13.0, 17.0, 25.0)
MILEAGE_QUANTILES = (0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 0.98)
RIDGE = 1e-3
FEW = 8
"""Rows up to which they are gone through one by one: numpy's calls cost more than rows do."""
Numbers = NDArray[np.float64]
Piece = tuple[float, float, float]
"""Knot, width and weight of a straight piece."""


class Depreciation:
    """Piecewise linear in age (New apart) and mileage, all slopes at most zero.

    Bounded least squares on the normal equations: a few dozen coefficients, so that tens of
    thousands of rows cannot be learned by heart. Units of mileage are the market's; its knots
    are quantiles of the training part.
    """

    def __init__(self) -> None:
        self.mileage_knots: list[float] = [0.0, 1.0]
        self.weights: list[float] = []
        self._build()

    def _build(self) -> None:
        self._age = np.array(AGE_KNOTS)
        self._miles = np.array(self.mileage_knots)
        self._age_widths, self._mile_widths = _widths(self._age), _widths(self._miles)
        self._weights = np.array(self.weights, dtype=np.float64)
        count, free = len(self._age), self.weights[:3]
        ages, miles = (self._age, self._age_widths), (self._miles, self._mile_widths)
        used, new = (_pieces_of(*ages, self.weights[3 + at :][:count]) for at in (0, count))
        self._parts = free, used, new, _pieces_of(*miles, self.weights[3 + 2 * count :])

    def set_knots(self, mileage: Numbers) -> None:
        """Place the mileage knots at quantiles of ``mileage`` above zero, shape (rows,)."""
        driven = mileage[mileage > 0]
        if len(driven):
            knots = {round(float(q), 1) for q in np.quantile(driven, MILEAGE_QUANTILES)}
            self.mileage_knots = [0.0, *sorted(knots - {0.0})]
        self._build()

    def design(self, age: Numbers, mileage: Numbers, stock: NDArray[Any]) -> Numbers:
        """The columns of the regression, (rows, weights); ``stock`` is (rows, 3) of 0 and 1."""
        ages = _pieces(age, self._age, self._age_widths)
        miles = _pieces(mileage, self._miles, self._mile_widths)
        count = ages.shape[1]
        found = np.empty((len(age), 3 + 2 * count + miles.shape[1]))
        found[:, 0] = 1.0
        found[:, 1], found[:, 2] = stock[:, 0], stock[:, 2]
        new = found[:, 1:2]
        np.multiply(ages, 1 - new, out=found[:, 3 : 3 + count])
        np.multiply(ages, new, out=found[:, 3 + count : 3 + 2 * count])
        found[:, 3 + 2 * count :] = miles
        return found

    def solve(self, gram: Numbers, moment: Numbers) -> Numbers:
        """Weights from X'X (k, k) and X'y (k,): least squares with slopes at most zero."""
        from scipy.optimize import lsq_linear

        free = 3
        scale = np.sqrt(np.maximum(np.diag(gram), 1e-12))
        scaled = gram / np.outer(scale, scale) + RIDGE / max(1.0, float(gram[0, 0])) * np.eye(
            len(scale)
        )
        root = np.linalg.cholesky(scaled + 1e-9 * np.eye(len(scale)))
        aim = np.linalg.solve(root, moment / scale)
        upper = np.concatenate([np.full(free, np.inf), np.full(len(scale) - free, 1e-12)])
        found = lsq_linear(root.T, aim, (np.full(len(scale), -np.inf), upper), tol=1e-8)
        weights = found.x / scale
        weights[free:] = np.minimum(weights[free:], 0.0)
        return weights

    def fit(self, design: Numbers, target: Numbers) -> None:
        """Learn from :meth:`design` and the log price."""
        self.weights = self.solve(design.T @ design, design.T @ target).tolist()
        self._build()

    def out_of_fold(self, design: Numbers, target: Numbers, folds: NDArray[np.int64]) -> Numbers:
        """For each fold the estimates of all rows by the other folds' rows, (folds, rows)."""
        parts = int(folds.max(initial=0)) + 1
        of_part = [design[folds == part] for part in range(parts)]
        grams = np.array([rows.T @ rows for rows in of_part])
        moments = np.array([rows.T @ target[folds == i] for i, rows in enumerate(of_part)])
        result = np.empty((parts, len(target)))
        for part in range(parts):
            others = np.arange(parts) != part
            weights = self.solve(grams[others].sum(axis=0), moments[others].sum(axis=0))
            result[part] = design @ weights
        return result

    def predict(self, design: Numbers) -> Numbers:
        """The estimate of each row, summed column by column for the same bits in any batch."""
        return np.ascontiguousarray(np.add.accumulate(design * self._weights, axis=1)[:, -1])

    def estimates(self, age: Numbers, mileage: Numbers, stock: NDArray[Any]) -> Numbers:
        """The estimate of each row, (rows,), for what :meth:`design` takes."""
        if len(age) > FEW:
            return self.predict(self.design(age, mileage, stock))
        given = zip(age.tolist(), mileage.tolist(), stock.tolist(), strict=True)
        return np.array([self._of_one(*each) for each in given], np.float64)

    def _of_one(self, age: float, mileage: float, stock: list[float]) -> float:
        """The same sum in the same order, without the pieces that a car does not reach."""
        free, used, new, miles = self._parts
        total = free[0] + stock[0] * free[1] + stock[2] * free[2]
        total = _added(total, age, new if stock[0] else used)
        return _added(total, mileage, miles)

    def state(self) -> dict[str, Any]:
        """All that was learned, for JSON."""
        return {"mileage_knots": self.mileage_knots, "weights": self.weights}

    def restore(self, settings: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` gave."""
        self.mileage_knots = [float(value) for value in settings["mileage_knots"]]
        self.weights = [float(value) for value in settings["weights"]]
        wanted = 3 + 2 * len(AGE_KNOTS) + len(self.mileage_knots)
        if self.weights and len(self.weights) != wanted:
            raise UserError(f"depreciation: {len(self.weights)} weights, not {wanted}")
        self._build()


def _pieces_of(knots: Numbers, widths: Numbers, weights: list[float]) -> list[Piece]:
    return list(zip(knots.tolist(), widths.tolist(), weights))


def _added(total: float, value: float, pieces: list[Piece]) -> float:
    """``total`` and what ``value`` adds to it."""
    for knot, width, weight in pieces:
        if value <= knot:
            break
        total += min(value - knot, width) * weight
    return total


def _widths(knots: Numbers) -> Numbers:
    """How long the piece after each knot is; the last has no end."""
    return np.append(np.diff(knots), np.inf)


def _pieces(values: Numbers, knots: Numbers, widths: Numbers) -> Numbers:
    """How far each value reaches into the piece after each knot, (rows, knots)."""
    return np.minimum(np.maximum(values[:, None] - knots, 0.0), widths)
