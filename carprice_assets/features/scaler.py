"""Every feature between 0 and 1, for networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.imputer import NUMBERS
from carprice_assets.listings.contract import Columns

LOW, HIGH = 0.001, 0.999
SKEWED = ("mileage", "mileage_per_year", "msrp")
MATRIX = (
    "imputer",
    "make_encoder",
    "model_hasher",
    "drivetrain_encoder",
    "bodystyle_encoder",
    "fuel_type_encoder",
    "stock_type_encoder",
    "exterior_color_vectors",
    "interior_color_vectors",
    "category_vectors",
    "price_encoder",
    "market_features",
    "dealer_encoder",
    "vin_encoder",
    "word_encoder",
    "category_codes",
)
"""The transformers whose blocks, side by side, are the matrix that regressors learn from."""


class Scaler(Transformer):
    """Min-max scaling of the whole matrix between its 0.1 % and 99.9 % quantiles, clipped.

    Mileage, mileage a year and MSRP are taken as log(1 + x) first. The block has the matrix's
    columns in the matrix's order; it stands beside the matrix and is not part of it, since
    trees need no scale.
    """

    name = "scaler"
    inputs = MATRIX

    def __init__(self) -> None:
        self._low = np.zeros(0, dtype=np.float64)
        self._width = np.ones(0, dtype=np.float64)
        # The imputer comes first in the matrix, so that its columns are the matrix's own.
        self._skewed = [NUMBERS.index(name) for name in SKEWED]

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"scaled_{i}" for i in range(len(self._low)))

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        matrix = self._matrix(columns)
        low, high = np.quantile(matrix, [LOW, HIGH], axis=0)
        flat = high <= low  # a rare word's column: its quantiles say nothing
        low = np.where(flat, matrix.min(axis=0), low)
        width = np.where(flat, matrix.max(axis=0), high) - low
        self._low, self._width = low, np.where(width > 0, width, 1.0)

    def transform(self, columns: Columns) -> Block:
        scaled = (self._matrix(columns) - self._low) / self._width
        return np.clip(scaled, 0.0, 1.0).astype(np.float32)

    def _matrix(self, columns: Columns) -> NDArray[np.float64]:
        matrix = np.concatenate([columns[name] for name in MATRIX], axis=1, dtype=np.float64)
        for column in self._skewed:
            matrix[:, column] = np.log1p(np.maximum(np.ascontiguousarray(matrix[:, column]), 0.0))
        return matrix

    def state(self) -> State:
        return State({"features": len(self._low)}, {"low": self._low, "width": self._width})

    def restore(self, state: State) -> None:
        self._low, self._width = state.arrays["low"], state.arrays["width"]
