"""How far a dealer's prices lie above or below what such cars ask elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.category_codes import dealer_key
from carprice_assets.features.columns import folded, texts
from carprice_assets.features.hierarchy import Hierarchy, Level
from carprice_assets.features.rests import INPUTS, rests, rests_without
from carprice_assets.listings.contract import NEW, Columns

BASES = ("dealer", "dealer_model")
LEVELS = (
    Level("dealer", "dealer", "", (), 10.0),
    Level("dealer_model", "dealer_model", "", ((1.0, "dealer"),), 3.0),
)
FEATURES = (*(f"dealer_rest_{base}" for base in BASES), "dealer_rows", "dealer_known")
UNCROSSED = (0, 0, 0, 0)
Keys = list[tuple[str, ...]]


class DealerEncoder(Transformer):
    """Shrunken means of what ``price_expected`` leaves of the log price, by dealer.

    Dealer with New apart from the rest, and that crossed with make and model: discounts on new
    cars are a dealer's habit. Beside the means stand log(1 + rows) of training and whether the
    dealer is known; all are 0 where it is not. Dealers are kept as 64-bit hashes.

    In training the values are out of fold as in ``price_encoder``.
    """

    name = "dealer_encoder"
    inputs = ("dealer", *INPUTS)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return FEATURES

    def __init__(self) -> None:
        self._rest = Hierarchy(LEVELS, bases=BASES)

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        keys = _keys(columns)
        rows = [row for row, key in enumerate(keys) if key]
        rest = rests(columns, target)[rows] if rows else np.zeros(0)
        self._rest.fit([keys[i] for i in rows], [UNCROSSED] * len(rows), rest[:, None])

    def transform(self, columns: Columns) -> Block:
        keys = _keys(columns)
        block = np.zeros((len(keys), len(FEATURES)), dtype=np.float32)
        if not any(keys):
            return block
        found = {key: self._rest.row(key, UNCROSSED) for key in set(keys) if key}
        for row, key in enumerate(keys):
            if key and (rows := found[key][0][1]):
                block[row] = (found[key][0][0], found[key][1][0], np.log1p(rows), 1.0)
        return block

    def transform_training(self, columns: Columns, target: NDArray[np.float64]) -> Block:
        """Values of each row from the prices of the other folds of vehicles alone."""
        keys = _keys(columns)
        block = np.zeros((len(keys), len(FEATURES)), dtype=np.float32)
        rows = np.array([row for row, key in enumerate(keys) if key], dtype=np.int64)
        if len(rows):
            rest, folds = rests_without(columns, target)
            estimates, behind = self._rest.out_of_fold(
                [keys[i] for i in rows.tolist()],
                [UNCROSSED] * len(rows),
                rest[:, rows, None],
                folds[rows],
            )
            seen = behind[:, 0] > 0
            block[rows, :2] = np.where(seen[:, None], estimates[0], 0.0)
            block[rows, 2], block[rows, 3] = np.log1p(behind[:, 0]), seen
        return block

    def state(self) -> State:
        settings, arrays = self._rest.state()
        return State(settings, arrays)

    def restore(self, state: State) -> None:
        self._rest.restore(state.settings, state.arrays)


def _keys(columns: Columns) -> Keys:
    """The keys of each row at each of :data:`BASES`, () where it names no dealer."""
    dealers = texts(columns, "dealer")
    if not any(dealers):
        return [()] * len(dealers)
    hashed = {dealer: dealer_key(dealer) for dealer in set(dealers)}
    rows = zip(*(texts(columns, name) for name in ("dealer", "make", "model", "stock_type")))
    keys: Keys = []
    for dealer, make, model, stock_type in rows:
        name = f"{hashed[dealer]}|{'new' if stock_type == NEW else 'used'}"
        keys.append((name, f"{name}|{folded(make)}|{folded(model)}") if hashed[dealer] else ())
    return keys
