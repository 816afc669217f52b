"""One column for each value of a closed vocabulary of the Listing contract."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import folded, slug, texts
from carprice_assets.listings.contract import BY_NAME, Columns


class ClosedVocabularyEncoder(Transformer):
    """One-hot over the ``values`` of one field; unknown and missing words are all zeros.

    The columns come from the contract, so that every market has the same; fitting counts the
    rows of each value. Subclasses name the field.
    """

    field: ClassVar[str]

    def __init__(self) -> None:
        self.values = BY_NAME[self.field].values
        self.rows: dict[str, int] = {}
        self._index = {folded(value): i for i, value in enumerate(self.values)}

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"{self.field}_{slug(value)}" for value in self.values)

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        counts = Counter(folded(text) for text in texts(columns, self.field))
        self.rows = {value: counts[folded(value)] for value in self.values}

    def transform(self, columns: Columns) -> Block:
        words = texts(columns, self.field)
        block = np.zeros((len(words), len(self.values)), dtype=np.float32)
        for row, word in enumerate(words):
            column = self._index.get(folded(word))
            if column is not None:
                block[row, column] = 1.0
        return block

    def state(self) -> State:
        return State({"values": list(self.values), "rows": self.rows})

    def restore(self, state: State) -> None:
        self.values = tuple(state.settings["values"])
        self.rows = dict(state.settings["rows"])
        self._index = {folded(value): i for i, value in enumerate(self.values)}
