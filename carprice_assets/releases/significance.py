"""Is a lower error more than chance? A paired bootstrap over vehicles.

Both releases price the same cars, so what one car's price is off by chance falls out of the
difference; listings of one vehicle are drawn together (Efron and Tibshirani, 1993; Davison and
Hinkley, 1997, 4.2 for the count that begins at one).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carprice_assets.releases.facts import Figure

RESAMPLES = 2_000

Floats = NDArray[np.float64]


def chance(
    challenger: Floats,
    champion: Floats,
    vehicles: NDArray[np.uint64],
    *,
    margin: float,
    seed: int,
    resamples: int = RESAMPLES,
) -> Figure:
    """Share of the resamples in which the challenger's gain is no more than ``margin``.

    Parameters
    ----------
    challenger, champion
        Absolute errors of the same cars, (cars,).
    vehicles
        Hash of each car's vehicle, (cars,).
    margin
        Relative gain in MAE that the challenger must have.
    seed
        Of the draws: equal input gives an equal share, whatever the order of the cars.

    Returns
    -------
    float or None
        None without cars, or where an error is not finite.
    """
    if not len(vehicles) or not (np.isfinite(challenger).all() and np.isfinite(champion).all()):
        return None
    names, place = np.unique(vehicles, return_inverse=True)
    ours = np.bincount(place, weights=challenger, minlength=len(names))
    theirs = np.bincount(place, weights=champion, minlength=len(names))
    rng = np.random.default_rng(seed)
    none = 0
    for _ in range(resamples):
        drawn = rng.integers(0, len(names), len(names))
        # Not better by the margin: ours >= theirs * (1 - margin), without a division by zero.
        none += bool(ours[drawn].sum() >= (1.0 - margin) * theirs[drawn].sum())
    return (none + 1) / (resamples + 1)
