"""Make as columns of zeros and ones, rare makes together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import folded, gathered, slug, texts
from carprice_assets.features.remembered import Remembered
from carprice_assets.listings.contract import Columns
from carprice_assets.listings.notes import Note

MOST, LEAST, SHARE = 300, 5, 0.003


class MakeEncoder(Transformer):
    """One-hot over the makes of at least ``min_rows`` training rows, and ``make_other``.

    ``min_rows`` is the reference's 300, less where there are few rows: 0.3 % of them, at
    least 5. Rare, unknown and missing makes are ``other``: no row is ever dropped.
    """

    name = "make_encoder"
    still = True
    inputs = ("make",)

    def __init__(self, min_rows: int | None = None) -> None:
        self.min_rows = min_rows
        self.rows: dict[str, int] = {}
        self._index: dict[str, int] = {}
        self._rows: Remembered[str, NDArray[np.float32]] = Remembered()

    @property
    def feature_names(self) -> tuple[str, ...]:
        return (*(f"make_{slug(make)}" for make in self._index), "make_other")

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        makes = [folded(make) for make in texts(columns, "make")]
        if self.min_rows is None:
            self.min_rows = min(MOST, max(LEAST, round(SHARE * len(makes))))
        self.rows = dict(sorted(Counter(make for make in makes if make).items()))
        self._build()

    def _build(self) -> None:
        least = self.min_rows or 0
        kept = [make for make in sorted(self.rows) if self.rows[make] >= least]
        self._index = {make: i for i, make in enumerate(kept)}
        self._rows.clear()

    def transform(self, columns: Columns) -> Block:
        return gathered(texts(columns, "make"), self._row_of, len(self._index) + 1)

    def _row_of(self, make: str) -> NDArray[np.float32]:
        return self._rows.of(make, self._row)

    def _row(self, make: str) -> NDArray[np.float32]:
        row = np.zeros(len(self._index) + 1, dtype=np.float32)
        row[self._index.get(folded(make), -1)] = 1.0
        return row

    def notes(self, columns: Columns) -> Iterator[tuple[int, Note]]:
        """A note for each row whose make no training row had."""
        for row, make in enumerate(texts(columns, "make")):
            if folded(make) not in self.rows:
                yield row, Note("unknown_make", "make", f"no listing of make {make!r} was learned")

    def state(self) -> State:
        return State({"min_rows": self.min_rows, "rows": self.rows})

    def restore(self, state: State) -> None:
        self.min_rows = state.settings["min_rows"]
        self.rows = dict(state.settings["rows"])
        self._build()
