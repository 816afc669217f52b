"""Model names hashed into a few signed columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import gathered, hash64, named, texts
from carprice_assets.features.remembered import Remembered
from carprice_assets.listings.contract import Columns
from carprice_assets.listings.notes import Note

MODELS_PER_BUCKET, LEAST = 20, 8


class ModelHasher(Transformer):
    """The hashing trick over ``make model``: one bucket for every 20 distinct models.

    The bucket is the BLAKE2b hash modulo the number of buckets, and its highest bit the sign,
    after Weinberger et al., *Feature Hashing for Large Scale Multitask Learning* (2009), which
    is what scikit-learn's FeatureHasher does with another hash. The models seen are kept only
    to tell unknown ones.
    """

    name = "model_hasher"
    still = True
    inputs = ("make", "model")

    def __init__(self) -> None:
        self.buckets = LEAST
        self.known: frozenset[str] = frozenset()
        self._rows: Remembered[str, NDArray[np.float32]] = Remembered()

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"model_hash_{bucket}" for bucket in range(self.buckets))

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        self._rows.clear()
        self.known = frozenset(named(columns))
        self.buckets = max(LEAST, -(-len(self.known) // MODELS_PER_BUCKET))

    def transform(self, columns: Columns) -> Block:
        return gathered(named(columns), self._row_of, self.buckets)

    def _row_of(self, car: str) -> NDArray[np.float32]:
        return self._rows.of(car, self._row)

    def _row(self, car: str) -> NDArray[np.float32]:
        row = np.zeros(self.buckets, dtype=np.float32)
        value = hash64(car)
        row[value % self.buckets] = 1.0 if value >> 63 else -1.0
        return row

    def notes(self, columns: Columns) -> Iterator[tuple[int, Note]]:
        """A note for each row whose make and model no training row had together."""
        models = texts(columns, "model")
        for row, car in enumerate(named(columns)):
            if car not in self.known:
                message = f"no listing of model {models[row]!r} of this make was learned"
                yield row, Note("unknown_model", "model", message)

    def state(self) -> State:
        return State({"buckets": self.buckets, "known": sorted(self.known)})

    def restore(self, state: State) -> None:
        self._rows.clear()
        self.buckets = int(state.settings["buckets"])
        self.known = frozenset(state.settings["known"])
