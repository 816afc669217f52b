"""One column for each value of a closed vocabulary of the Listing contract."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import folded, gathered, slug, texts
from carprice_assets.features.remembered import Remembered
from carprice_assets.listings.contract import BY_NAME, Columns


class ClosedVocabularyEncoder(Transformer):
    """One-hot over the ``values`` of one field; unknown and missing words are all zeros.

    The columns come from the contract, so that every market has the same; fitting counts the
    rows of each value. Subclasses name the field.
    """

    field: ClassVar[str]
    still = True

    def __init__(self) -> None:
        self.values = BY_NAME[self.field].values
        self.rows: dict[str, int] = {}
        self._index = {folded(value): i for i, value in enumerate(self.values)}
        self._rows: Remembered[str, NDArray[np.float32]] = Remembered()

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"{self.field}_{slug(value)}" for value in self.values)

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        counts = Counter(folded(text) for text in texts(columns, self.field))
        self.rows = {value: counts[folded(value)] for value in self.values}

    def transform(self, columns: Columns) -> Block:
        return gathered(texts(columns, self.field), self._row_of, len(self.values))

    def _row_of(self, word: str) -> NDArray[np.float32]:
        return self._rows.of(word, self._row)

    def _row(self, word: str) -> NDArray[np.float32]:
        row = np.zeros(len(self.values), dtype=np.float32)
        column = self._index.get(folded(word))
        if column is not None:
            row[column] = 1.0
        return row

    def state(self) -> State:
        return State({"values": list(self.values), "rows": self.rows})

    def restore(self, state: State) -> None:
        self.values = tuple(state.settings["values"])
        self.rows = dict(state.settings["rows"])
        self._rows.clear()
        self._index = {folded(value): i for i, value in enumerate(self.values)}
