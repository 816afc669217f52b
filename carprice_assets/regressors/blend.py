"""Weights of a blend, from prices that no member had seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

STEPS = 200
"""Picks of the selection: weights are multiples of one two-hundredth."""


def blend_weights(
    unseen: Mapping[str, NDArray[np.float64]], price: NDArray[np.float64]
) -> dict[str, float]:
    """Weights, adding up to 1, of the members' log prices; members of no use are left out.

    Greedy selection with replacement (Caruana et al., *Ensemble Selection from Libraries of
    Models*, 2004) for the least mean absolute error in currency; equal picks go to the first by
    name. Deterministic, and never below zero, so that a blend of ordered prices is ordered.

    Parameters
    ----------
    unseen
        Name to out-of-fold prices, (rows,).
    price
        True prices, (rows,).
    """
    names = sorted(unseen)
    logs = np.stack([np.log(unseen[name]) for name in names])
    picks = np.zeros(len(names), dtype=np.int64)
    total = np.zeros(len(price))
    for step in range(1, STEPS + 1):
        errors = [float(np.abs(np.exp((total + each) / step) - price).mean()) for each in logs]
        best = int(np.argmin(errors))
        picks[best] += 1
        total += logs[best]
    return {name: float(count / STEPS) for name, count in zip(names, picks.tolist()) if count}
