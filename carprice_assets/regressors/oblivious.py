"""A CatBoost model of numbers as flat arrays: a few rows cost a tenth of CatBoost's call.

CatBoost wraps every call in a pool of its own, which takes 0.2 to 0.4 ms however few the rows
are. Its trees are oblivious: every node of a level asks the same question, so that a leaf's
number is the answers' bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features import walk

FEW, FEW_COMPILED = 32, 128
"""Rows up to which this is quicker than CatBoost itself: in numpy, and in compiled code."""
PROBES = 12
MAGIC = b"CBM1"
# Places in the tables of CatBoost's flatbuffers schema (model.fbs, ctr_data.fbs).
MODEL_TREES, TREE_SPLITS, TREE_SIZES = 1, 1, 2

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ObliviousTrees:
    """The trees of a CatBoost model; :meth:`predict` gives the bits that CatBoost gives.

    Attributes
    ----------
    columns, borders
        Column that each question looks at and what it must exceed, (trees * bits,): of each
        tree 8 or 16 questions, those that it has not answered by no (border infinity).
    starts
        First leaf of each tree, (trees,).
    sizes
        Questions that each tree really asks, (trees,).
    leaves
        Values, the trees' one after the other.
    bits
        Places for a tree's questions, 8 or 16.
    """

    columns: NDArray[np.intp]
    borders: NDArray[np.float32]
    starts: NDArray[np.intp]
    sizes: NDArray[np.uint8]
    leaves: Floats
    bits: int
    scale: float
    bias: float

    @classmethod
    def of(cls, model: Any) -> ObliviousTrees | None:
        """The trees of a loaded model; None where they cannot be told exactly.

        That is so for categorical features, trees of another kind, or a format that this
        program does not know: then CatBoost answers itself. What was read is compared with
        CatBoost's own answers, bit by bit, before it is trusted.
        """
        try:
            found = cls._read(model)
            return found if found is not None and found._agrees(model) else None
        except (struct.error, ValueError, IndexError, TypeError):
            return None

    @classmethod
    def _read(cls, model: Any) -> ObliviousTrees | None:
        borders: dict[int, list[float]] = model.get_borders()
        leaves = np.asarray(model.get_leaf_values(), np.float64)
        splits, sizes = _splits(bytes(model._serialize_model()))
        deepest = int(sizes.max(initial=0))
        wide = max(borders, default=0) < 1 << 16
        whole = wide and len(leaves) == int((1 << sizes).sum()) and int(sizes.sum()) == len(splits)
        if not (whole and 0 < deepest <= 16 and len(sizes) == model.tree_count_):
            return None
        column = np.repeat(list(borders), [len(each) for each in borders.values()])
        border = np.array([one for each in borders.values() for one in each], np.float32)
        bits = 8 if deepest <= 8 else 16
        shape = (len(sizes), bits)
        columns, limits = np.zeros(shape, np.intp), np.full(shape, np.inf, np.float32)
        asked = np.arange(bits) < sizes[:, None]
        columns[asked], limits[asked] = column[splits], border[splits]
        ends = np.cumsum(1 << sizes)
        scale, bias = model.get_scale_and_bias()
        starts = np.concatenate([[0], ends[:-1]]).astype(np.intp)
        flat = columns.reshape(-1), limits.reshape(-1)
        size = sizes.astype(np.uint8)
        return cls(*flat, starts, size, leaves, bits, float(scale), float(bias))

    def _agrees(self, model: Any) -> bool:
        """Whether rows on both sides of the borders get CatBoost's bits."""
        width = len(model.feature_names_)
        rng = np.random.default_rng(0)
        rows = np.zeros((PROBES, width), np.float32)
        finite = np.isfinite(self.borders)
        for column in np.unique(self.columns[finite]).tolist():
            own = self.borders[finite & (self.columns == column)]
            near = np.concatenate([own, np.nextafter(own, np.float32(np.inf)), own - 1])
            rows[:, column] = rng.choice(near, PROBES)
        expected = np.asarray(model.predict(rows, thread_count=1), np.float64)
        return expected.tobytes() == self.predict(rows).tobytes()

    @property
    def few(self) -> int:
        """Rows up to which :meth:`predict` is quicker than CatBoost's call."""
        return FEW if walk.compiled is None else FEW_COMPILED

    def predict(self, features: NDArray[np.float32]) -> Floats:
        """What the model gives for each row of float32 (rows, columns), (rows,).

        Raises
        ------
        ValueError
            For rows of too few columns.
        """
        if features.shape[1] < self._width:
            raise ValueError(f"{features.shape[1]} columns for trees that ask for {self._width}")
        sums = self._sums(features) if walk.compiled is None else self._walked(features)
        return sums * self.scale + self.bias

    def _walked(self, features: NDArray[np.float32]) -> Floats:
        sums = np.empty(len(features))
        rows = np.ascontiguousarray(features, np.float32)
        walk.compiled.oblivious(rows, *self._asked, self.sizes, self.leaves, sums)
        return sums

    def _sums(self, features: NDArray[np.float32]) -> Floats:
        # No place is beyond the arrays: "clip" then spares numpy a buffer, and half of the time.
        yes = features.take(self.columns, axis=1, mode="clip") > self.borders
        numbers = np.packbits(yes, axis=1, bitorder="little")
        if self.bits > 8:
            numbers = numbers.view("<u2")
        # Tree by tree, as CatBoost adds: numpy's pairwise sum has other bits.
        found = self.leaves.take(numbers + self.starts, mode="clip")
        return np.add.accumulate(found, axis=1)[:, -1]

    @cached_property
    def _width(self) -> int:
        """Columns that a row must have."""
        return int(self.columns.max(initial=-1)) + 1

    @cached_property
    def _asked(self) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        """Columns and borders of the questions that are really asked."""
        places = np.arange(self.bits) < self.sizes[:, None]
        asked = places.reshape(-1)
        return self.columns[asked].astype(np.uint16), self.borders[asked]


def _splits(data: bytes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Questions of all trees, as places in the list of all borders, and how many each asks.

    ``data`` is a ``.cbm`` file: flatbuffers behind eight bytes of head.
    """
    if data[:4] != MAGIC:
        raise ValueError("not a .cbm file")
    body = memoryview(data)[8:]
    root = _word(body, 0)
    at = _field(body, root, MODEL_TREES)
    trees = at + _word(body, at)
    return _vector(body, trees, TREE_SPLITS), _vector(body, trees, TREE_SIZES)


def _word(body: memoryview, at: int) -> int:
    return int(struct.unpack_from("<I", body, at)[0])


def _field(body: memoryview, table: int, place: int) -> int:
    """Where the field ``place`` of ``table`` stands."""
    layout = table - int(struct.unpack_from("<i", body, table)[0])
    size, offset = struct.unpack_from("<H", body, layout)[0], 0
    if 4 + 2 * place < size:
        offset = int(struct.unpack_from("<H", body, layout + 4 + 2 * place)[0])
    if not offset:
        raise ValueError("a field is missing")
    return table + offset


def _vector(body: memoryview, table: int, place: int) -> NDArray[np.intp]:
    at = _field(body, table, place)
    at += _word(body, at)
    return np.frombuffer(body, "<i4", _word(body, at), at + 4).astype(np.intp)
