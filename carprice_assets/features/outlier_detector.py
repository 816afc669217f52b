"""How unusual a car is beside the training cars: a flag and a note, never a removal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.imputer import NUMBERS
from carprice_assets.features.price_encoder import FEATURES
from carprice_assets.features.trees import TreeArrays, isolation_trees, mean_path
from carprice_assets.listings.contract import Columns
from carprice_assets.listings.notes import Note

TREES, SAMPLES, SEED = 200, 256, 20_260_101
CONTAMINATION = 0.10
UNUSUAL = 0.005
LOOKED_AT = ("year", "mileage", "mileage_per_year", "msrp")
NUMBERS_AT = np.array([NUMBERS.index(name) for name in LOOKED_AT])
PRICED_BY = ("price_expected", "rest_make", "rest_title_year")
PRICES_AT = np.array([FEATURES.index(name) for name in PRICED_BY])
EXPECTED_AT, FROM_MSRP_AT = FEATURES.index("price_expected"), FEATURES.index("price_from_msrp")
MOST_SCORED = 20_000


class OutlierDetector(Transformer):
    """IsolationForest (200 trees of 256 rows) over a car's numbers, prices and stock type.

    The prices are what such cars usually ask, never the car's own. The score is
    2**(-mean path length / c(256)), in (0, 1), high for cars that few cuts set apart (Liu,
    Ting, Zhou, *Isolation Forest*, 2008). ``threshold`` is exceeded by 10 % of the training
    rows, the reference's contamination, and serves :meth:`is_outlier`; ``unusual`` by 0.5 %,
    and serves the notes. Words count only by what they say of the price: a rare colour or
    make alone is no odd car.
    """

    name = "outlier_detector"
    inputs = ("imputer", "price_encoder", "stock_type_encoder")

    @property
    def feature_names(self) -> tuple[str, ...]:
        return ("outlier_score",)

    def __init__(self) -> None:
        self.threshold = 1.0
        self.unusual = 1.0
        self.typical_path = 1.0
        self._trees: TreeArrays | None = None

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        from sklearn.ensemble import IsolationForest

        features = self._features(columns)
        samples = min(SAMPLES, len(features))
        forest = IsolationForest(
            n_estimators=TREES,
            max_samples=cast("Any", samples),  # its stub knows the word "auto" alone
            random_state=SEED,
        )
        forest.fit(features)
        self._trees = isolation_trees(forest)
        self.typical_path = max(float(mean_path(np.array([samples]))[0]), 1.0)
        step = -(-len(features) // MOST_SCORED)
        scores = self._scores(features[::step])
        self.threshold = float(np.quantile(scores, 1 - CONTAMINATION))
        self.unusual = float(np.quantile(scores, 1 - UNUSUAL))

    def transform(self, columns: Columns) -> Block:
        return self._scores(self._features(columns)).astype(np.float32)[:, None]

    def is_outlier(self, columns: Columns) -> NDArray[np.bool_]:
        """Rows as odd as the oddest 10 % of the training part, shape (rows,)."""
        return self._scores(self._features(columns)) > self.threshold

    def notes(self, columns: Columns) -> Iterator[tuple[int, Note]]:
        """A note for each row as odd as the oddest 0.5 % of the training part."""
        known = columns[self.name] if self.name in columns else self.transform(columns)
        scores = known[:, 0]
        if len(scores) == 1 and not scores[0] > self.unusual:
            return
        for row in np.flatnonzero(scores > self.unusual).tolist():
            yield row, Note("unusual", "car", "few cars like this were learned from: price unsure")

    def _features(self, columns: Columns) -> Block:
        price = columns["price_encoder"]
        # How far the MSRP speaks for another price than title, age and mileage do.
        odds = price[:, FROM_MSRP_AT] - price[:, EXPECTED_AT]
        parts = (
            columns["imputer"].take(NUMBERS_AT, axis=1),
            price.take(PRICES_AT, axis=1),
            odds[:, None],
            columns["stock_type_encoder"],
        )
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _scores(self, features: Block) -> NDArray[np.float64]:
        if self._trees is None:
            return np.zeros(len(features))
        return np.exp2(-self._trees.path_length(features) / self.typical_path)

    def state(self) -> State:
        settings = {
            "threshold": self.threshold,
            "unusual": self.unusual,
            "typical_path": self.typical_path,
        }
        return State(settings, {} if self._trees is None else self._trees.arrays())

    def restore(self, state: State) -> None:
        self.threshold = float(state.settings["threshold"])
        self.unusual = float(state.settings["unusual"])
        self.typical_path = float(state.settings["typical_path"])
        self._trees = TreeArrays.from_arrays(state.arrays) if state.arrays else None
