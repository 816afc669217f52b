"""Planted bargains: prices lowered at random, to calibrate and to judge a detector by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHARE = 0.02
CUT = (0.20, 0.35)

Prices = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Planted:
    """Prices of which some were lowered, and which; arrays of shape (rows,)."""

    price: Prices
    is_planted: Flags


def plant(price: Prices, *, seed: int, share: float = SHARE) -> Planted:
    """Lower ``share`` of the prices, one at least, by 20 to 35 %, evenly drawn."""
    draws = np.random.default_rng(seed)
    count = max(1, round(share * len(price)))
    rows = draws.choice(len(price), size=count, replace=False)
    flags = np.zeros(len(price), np.bool_)
    flags[rows] = True
    lowered = price.copy()
    lowered[rows] *= 1.0 - draws.uniform(*CUT, count)
    return Planted(lowered, flags)


def precision(score: Prices, is_planted: Flags, count: int | None = None) -> float:
    """Share of planted ones among the ``count`` highest scores, by default as many as planted.

    Rows without a score (NaN) come last. Equal scores count by their order.
    """
    wanted = int(is_planted.sum()) if count is None else count
    ranked = np.argsort(-np.where(np.isfinite(score), score, -np.inf), kind="stable")
    return float(is_planted[ranked[:wanted]].mean()) if wanted else 0.0
