"""What age, mileage, stock type and title leave of the log price, without looking ahead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.depreciation import Depreciation
from carprice_assets.features.hierarchy import Hierarchy
from carprice_assets.features.imputer import NUMBERS
from carprice_assets.features.price_encoder import FEATURES, vehicle_folds
from carprice_assets.features.price_levels import MSRP_LEVELS
from carprice_assets.features.title_keys import all_titles, crosses
from carprice_assets.listings.contract import Columns

INPUTS = (
    *("make", "model", "trim", "year", "stock_type"),
    *("imputer", "stock_type_encoder", "price_encoder"),
)
"""The columns that a transformer must read to learn from rests."""

EXPECTED_AT = FEATURES.index("price_expected")
AGE, MILEAGE = NUMBERS.index("age"), NUMBERS.index("mileage")
Numbers = NDArray[np.float64]


class Bases:
    """The log price by age, mileage and stock type alone, as ``price_encoder`` learns it.

    ``columns`` holds the blocks of ``imputer`` and ``stock_type_encoder``.
    """

    def __init__(self, columns: Columns) -> None:
        numbers = columns["imputer"].astype(np.float64)
        age, mileage = (np.ascontiguousarray(numbers[:, at]) for at in (AGE, MILEAGE))
        self._base = Depreciation()
        self._base.set_knots(mileage)
        self._design = self._base.design(age, mileage, columns["stock_type_encoder"])

    def fitted(self, target: Numbers) -> Numbers:
        """The estimates of the rows that it learns from, shape (rows,)."""
        self._base.fit(self._design, np.log(target))
        return self._base.predict(self._design)

    def out_of_fold(self, target: Numbers, folds: NDArray[np.int64]) -> Numbers:
        """For each fold the estimates of all rows by the other folds, (folds, rows)."""
        return self._base.out_of_fold(self._design, np.log(target), folds)


def rests(columns: Columns, target: Numbers) -> Numbers:
    """Log price less ``price_expected`` of the training rows, shape (rows,).

    ``columns`` holds the training block of ``price_encoder``, whose values are out of fold.
    """
    expected = np.ascontiguousarray(columns["price_encoder"][:, EXPECTED_AT], dtype=np.float64)
    return np.log(target) - expected


def rests_without(columns: Columns, target: Numbers) -> tuple[Numbers, NDArray[np.int64]]:
    """The rests as they are where one fold does not exist, and the fold of each row.

    Row i of :func:`rests` knows the prices of all folds but its own, so a mean of the other
    folds' rests would still know the price that it is meant to foretell. Here the rests
    (folds, rows) at ``[f, i]`` come from the folds other than f and i's own; they are 0 where
    i is of fold f. The folds are those of ``price_encoder``.
    """
    folds = vehicle_folds(columns)
    log_price = np.log(target)
    bases = Bases(columns).out_of_fold(target, folds)
    hierarchy = Hierarchy(MSRP_LEVELS)
    groups = hierarchy.groups(all_titles(columns), crosses(columns))
    found = np.zeros(bases.shape)
    for fold, own in enumerate(bases):
        others = np.flatnonzero(folds != fold)
        values = (log_price - own)[others]
        estimates, _ = hierarchy.out_of_fold_of(
            [group[others] for group in groups], values[None, :, None], folds[others]
        )
        found[fold, others] = values - estimates[0, :, -1]
    return found, folds
