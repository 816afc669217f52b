"""How much a regressor leans on each feature, by what shuffling it costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.regressors.base import Side

ROWS = 1_000


def permutation_importances(
    predict: Callable[[Block], NDArray[np.float64]], side: Side, *, seed: int
) -> NDArray[np.float64]:
    """Rise of the mean absolute error of the log price when a feature is shuffled, (features,).

    Over at most 1,000 rows of ``side``; never below 0. After Breiman (2001) and Fisher, Rudin,
    Dominici, *All Models are Wrong, but Many are Useful* (2019).
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(side.price))[:ROWS]
    features, true = side.features[rows].copy(), np.log(side.price[rows])
    rises = np.zeros(features.shape[1])

    def error() -> float:
        return float(np.abs(np.log(predict(features)) - true).mean())

    usual = error()
    order = rng.permutation(len(rows))
    for place in range(features.shape[1]):
        column = features[:, place].copy()
        if (column == column[0]).all():
            continue
        features[:, place] = column[order]
        rises[place] = max(error() - usual, 0.0)
        features[:, place] = column
    return rises
