"""The combination: one score from the residual in its range and the autoencoders' errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.bargains.planting import CUT, SHARE

RIDGE, RIDGE_OF_FEW = 1e-3, 2.0
"""Penalty on a squared weight for each row, and for each row over the number of cars."""
STEPS = 50
TINY = 1e-10
REPEATS = 4
FARTHEST = 8.0
"""Spreads at which a signal is cut off."""
OWN = (
    *("residual", "residual_in_range", "residual_squared", "in_range_squared"),
    *("too_far", "width"),
)
"""Signals of the residual alone, in order."""
TOO_FAR = 0.5
"""Log residual beyond which a price is rather wrong than low: the combination may say so."""

Floats = NDArray[np.float64]


def residual(price: Floats, expected: Floats) -> Floats:
    """Logarithm of the asking price over the expected one, (rows,)."""
    return np.log(price) - np.log(expected)


def in_range(price: Floats, expected: Floats, low: Floats) -> Floats:
    """The residual in units of the lower half of its range: -1 at the low end, (rows,)."""
    return residual(price, expected) / np.maximum(np.log(expected) - np.log(low), 1e-3)


def signal_names(members: Iterable[str]) -> tuple[str, ...]:
    """Names of the signals where these autoencoders take part, in order."""
    return (*OWN, *(f"{name}_{kind}" for name in members for kind in ("along", "rest")))


def signals(
    price: Floats,
    expected: Floats,
    low: Floats,
    along: Mapping[str, NDArray[Any]],
    rest: Mapping[str, NDArray[Any]],
) -> tuple[tuple[str, ...], Floats]:
    """Names and values, (rows, signals), of what the combination weighs.

    ``along`` and ``rest`` hold each autoencoder's error along the direction and of all else.
    """
    off = residual(price, expected)
    width = np.log(expected) - np.log(low)
    spreads = np.clip(in_range(price, expected, low), -FARTHEST, FARTHEST)
    columns = [
        off,
        spreads,
        off * np.abs(off),
        spreads * np.abs(spreads),
        np.maximum(-off - TOO_FAR, 0.0),
        np.log(np.maximum(width, 1e-3)),
    ]
    for name, values in along.items():
        columns.append(np.clip(values.astype(np.float64), -FARTHEST, FARTHEST))
        columns.append(np.minimum(rest[name].astype(np.float64), FARTHEST))
    return signal_names(along), np.stack(columns, axis=1)


@dataclass(frozen=True)
class Combination:
    """A logistic regression over :func:`signals`, calibrated on validation.

    ``weights`` are those of the standardised signals, (signals,).
    """

    names: tuple[str, ...]
    center: Floats
    scale: Floats
    weights: Floats
    intercept: float

    def score(self, values: Floats) -> Floats:
        """From 0 to 1, (rows,): rising with how likely such an offer was a planted bargain.

        NaN where a signal is.
        """
        return _logistic(((values - self.center) / self.scale) @ self.weights + self.intercept)

    def logit(self, values: Floats) -> Floats:
        """The same before it is pressed between 0 and 1: ranks also where that is flat."""
        return ((values - self.center) / self.scale) @ self.weights + self.intercept

    def state(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "names": list(self.names),
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "weights": self.weights.tolist(),
            "intercept": self.intercept,
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Combination:
        """What :meth:`state` gave.

        Raises
        ------
        ValueError
            Where the parts do not fit each other or are not finite.
        """
        center, scale, weights = arrays = [
            np.asarray(state[key], np.float64) for key in ("center", "scale", "weights")
        ]
        names = tuple(state["names"])
        intercept = float(state["intercept"])
        if any(each.shape != (len(names),) for each in arrays) or not names:
            raise ValueError("combination: its parts are not equally long")
        if not all(np.isfinite(each).all() for each in arrays) or not np.isfinite(intercept):
            raise ValueError("combination: a weight is not finite")
        return cls(names, center, scale, weights, intercept)


def fit(names: Sequence[str], plain: Floats, lowered: Sequence[Floats]) -> Combination:
    """Fit on signals of cars as they are, and of the same cars with lowered prices.

    Both are weighted so that :data:`SHARE` of all are bargains. Newton's method with a ridge
    (iteratively reweighted least squares).
    """
    values = np.concatenate([plain, *lowered])
    truth = np.concatenate([np.zeros(len(plain)), np.ones(sum(len(each) for each in lowered))])
    sound = np.isfinite(values).all(axis=1)
    values, truth = values[sound], truth[sound]
    bargains = max(truth.sum(), 1.0)
    weight = np.where(truth > 0, SHARE / bargains, (1 - SHARE) / max(len(truth) - bargains, 1.0))
    weight *= len(truth)
    center, scale = values.mean(axis=0), np.maximum(values.std(axis=0), TINY)
    table = np.column_stack([(values - center) / scale, np.ones(len(values))])
    found = np.zeros(table.shape[1])
    found[-1] = np.log(SHARE / (1 - SHARE))
    penalty = np.full(len(found), (RIDGE + RIDGE_OF_FEW / max(len(plain), 1)) * len(truth))
    penalty[-1] = 0.0
    for _ in range(STEPS):
        chance = _logistic(table @ found)
        slope = table.T @ (weight * (chance - truth)) + penalty * found
        bend = np.maximum(weight * chance * (1 - chance), TINY)
        step = np.linalg.solve(table.T @ (table * bend[:, None]) + np.diag(penalty + TINY), slope)
        longest = float(np.abs(step).max())
        found -= step * min(1.0, 2.0 / max(longest, TINY))
        if longest < 1e-6:
            break
    return Combination(tuple(names), center, scale, found[:-1], float(found[-1]))


def cuts(rows: int, seed: int) -> list[Floats]:
    """Factors that lower prices as planted ones are, :data:`REPEATS` times (rows,)."""
    draws = np.random.default_rng(seed)
    return [1.0 - draws.uniform(*CUT, rows) for _ in range(REPEATS)]


def _logistic(values: Floats) -> Floats:
    return 0.5 * (1.0 + np.tanh(0.5 * values))
