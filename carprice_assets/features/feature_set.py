"""The fitted transformers together: from columns to the matrix that regressors see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block, Origin, Transformer, save_state
from carprice_assets.features.columns import Table
from carprice_assets.features.fit import load_fitted, training_blocks
from carprice_assets.features.limits import SCORES, Limits
from carprice_assets.features.outlier_detector import OutlierDetector
from carprice_assets.features.price_encoder import rows_behind
from carprice_assets.features.registry import MATRIX, NAMES
from carprice_assets.features.switches import switched_off
from carprice_assets.files import canonical_json, content_id, folder_hashes, read_json
from carprice_assets.listings.contract import Columns, row_count
from carprice_assets.listings.notes import Note

SERVED = tuple(name for name in NAMES if name in MATRIX)
NOTED = tuple(name for name in SERVED if name in OutlierDetector.inputs)
"""The transformers whose blocks notes need."""
OFF = "features_off.json"
"""Lists the features that are switched off; absent where none is."""
Price = NDArray[np.float64]


@runtime_checkable
class Remarks(Protocol):
    """A transformer that has something to say about single rows."""

    def notes(self, columns: Columns) -> Iterator[tuple[int, Note]]:
        """Row number and note."""
        ...


@dataclass(frozen=True)
class FeatureSet:
    """All transformers of :data:`~carprice_assets.features.registry.NAMES`, fitted together.

    ``transform`` gives the matrix for trees, ``scaled`` the same columns between 0 and 1 for
    networks. The bits of a row depend on nothing but the row. The features named in ``off``
    are in neither; what other transformers make of them stays. ``limits`` tell how far the
    training part reaches. ``matrix`` names the transformers whose blocks are in the matrix.
    """

    transformers: Mapping[str, Transformer]
    origins: Mapping[str, Origin]
    off: frozenset[str] = frozenset()
    limits: Limits | None = None
    matrix: tuple[str, ...] = MATRIX

    @classmethod
    def assemble(cls, folders: Mapping[str, Path]) -> FeatureSet:
        """Load the state folders, transformer name to folder, that belong together.

        Raises
        ------
        UserError
            Where a transformer is missing, or one was fitted on another dataset or on another
            state of its upstream than the one given. It is named.
        """
        for name in NAMES:
            if name not in folders:
                raise UserError(f"feature set: {name} is missing: materialize {name}")
        loaded = {name: load_fitted(Path(folders[name])) for name in NAMES}
        for name, (transformer, _) in loaded.items():
            if transformer.name != name:
                raise UserError(f"feature set: the folder of {name} holds {transformer.name}")
        origins = {name: origin for name, (_, origin) in loaded.items()}
        addresses = {name: content_id(folder_hashes(Path(folders[name]))) for name in NAMES}
        _refuse_mix(origins, addresses)
        return cls({name: transformer for name, (transformer, _) in loaded.items()}, origins)

    @classmethod
    def load(cls, folder: Path) -> FeatureSet:
        """Read what :meth:`save` wrote, refusing a mix as :meth:`assemble` does."""
        found = cls.assemble({name: folder / name for name in NAMES if (folder / name).is_dir()})
        found = replace(found, limits=Limits.load(folder))
        return found.without(read_json(folder / OFF)["off"]) if (folder / OFF).exists() else found

    def without(self, off: Sequence[str]) -> FeatureSet:
        """The same with features switched off, by transformer or one by one.

        Raises
        ------
        UserError
            For a name that is neither, and where no feature would be left.
        """
        names = {name: self.transformers[name].feature_names for name in MATRIX}
        found = replace(self, off=self.off | switched_off(off, names))
        if not found.feature_names:
            raise UserError("features_off: no feature is left to learn from")
        return found

    def reading(self, wanted: Collection[str]) -> FeatureSet:
        """The same without the transformers of which no feature is ``wanted``."""
        kept = tuple(n for n in self.matrix if set(self.transformers[n].feature_names) & {*wanted})
        return replace(self, matrix=kept)

    def save(self, folder: Path) -> None:
        """Write each transformer's state to a folder of its own below ``folder``."""
        for name, transformer in self.transformers.items():
            below = folder / name
            below.mkdir(parents=True)
            save_state(below, name, transformer.state(), self.origins[name])
        if self.off:
            (folder / OFF).write_bytes(canonical_json({"off": sorted(self.off)}))
        if self.limits is not None:
            self.limits.save(folder)

    @property
    def dataset(self) -> str:
        """Address of the dataset that all were fitted on."""
        return self.origins[NAMES[0]].dataset

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name for each column of the matrix."""
        return tuple(name for name in self._every if name not in self.off)

    def blocks(self, columns: Columns) -> Table:
        """``columns`` and the block of each transformer of the matrix, by name.

        Blocks that stand there already are used as they are.
        """
        return self._with(columns, self._served)

    def _with(self, columns: Columns, names: Sequence[str]) -> Table:
        have = columns if isinstance(columns, Table) else Table(columns)
        for name in names:
            if name not in have:
                have[name] = self.transformers[name].transform(have)
        return have

    def variant_blocks(self, cars: Table, rows: Columns, car: NDArray[np.intp]) -> Table:
        """``blocks(rows)`` of rows that are variants of cars, row i of ``cars[car[i]]``.

        What variants share is worked out once a car, and put into ``cars`` as well.
        """
        have = Table(rows, cars, car.tolist())
        still = self._still
        if still:
            own = self._with(cars, tuple(still))
            shared = np.concatenate([own[name] for name in still], axis=1).take(car, axis=0)
            for name, places in still.items():
                have[name] = shared[:, places]
        return self._with(have, self._served)

    def transform(self, columns: Columns) -> Block:
        """The matrix, float32 (rows, features), no NaN; ``columns`` may be ``blocks(…)``."""
        return self._seen(matrix(self.blocks(columns), self.matrix))

    def transform_training(self, columns: Columns, target: Price) -> Block:
        """The matrix of the training part: no row's encodings know its own price."""
        return self.transform(self.training_blocks(columns, target))

    def training_blocks(self, columns: Columns, target: Price) -> dict[str, Any]:
        """The training part and the block of each transformer of the matrix, by name."""
        fitted = {name: self.transformers[name] for name in SERVED}
        return {**columns, **training_blocks(fitted, columns, target)}

    def scaled(self, columns: Columns) -> Block:
        """The matrix with every column between 0 and 1, same names and order."""
        return self._seen(self.transformers["scaler"].transform(self.blocks(columns)))

    def scaled_training(self, columns: Columns, target: Price) -> Block:
        """The scaled matrix of the training part."""
        blocks = self.training_blocks(columns, target)
        return self._seen(self.transformers["scaler"].transform(blocks))

    def outliers(self, columns: Columns) -> NDArray[np.bool_]:
        """Rows that the outlier detector flags, shape (rows,)."""
        detector = self.transformers["outlier_detector"]
        if not isinstance(detector, OutlierDetector):
            raise TypeError("outlier_detector is of another class")
        return detector.is_outlier(self.blocks(columns))

    def with_limits(self, columns: Columns) -> FeatureSet:
        """The same with the limits of the training part, whose ``blocks(…)`` may be given."""
        return replace(self, limits=Limits.of(self._scored(columns)))

    def rows_behind(self, columns: Columns) -> Price:
        """Training rows that a price rests on, (rows,); ``columns`` may be ``blocks(…)``."""
        return rows_behind(self.blocks(columns)["price_encoder"])

    def notes(self, columns: Columns) -> list[tuple[Note, ...]]:
        """What there is to say about each row; ``columns`` may be ``blocks(…)``.

        Those with a code in :data:`~carprice_assets.features.limits.UNSUPPORTED` say that
        nothing like the row was learned from.
        """
        have = self._scored(columns)
        notes: list[list[Note]] = [[] for _ in range(row_count(have))]
        for remarks in self._remarks:
            for row, note in remarks.notes(have):
                notes[row].append(note)
        return [tuple(found) for found in notes]

    def _scored(self, columns: Columns) -> Table:
        """``columns`` with the blocks that notes need."""
        return self._with(columns, (*NOTED, SCORES))

    @cached_property
    def _every(self) -> tuple[str, ...]:
        every = (self.transformers[each].feature_names for each in self.matrix)
        return tuple(name for names in every for name in names)

    @cached_property
    def _served(self) -> tuple[str, ...]:
        """The transformers whose blocks are needed, in order."""
        needed = {*self.matrix, *NOTED}
        return tuple(name for name in SERVED if name in needed)

    @cached_property
    def _still(self) -> dict[str, slice]:
        """The transformers whose blocks variants share, and where each is among them."""
        found: dict[str, slice] = {}
        end = 0
        for name in self._served:
            transformer = self.transformers[name]
            if transformer.still:
                start, end = end, end + len(transformer.feature_names)
                found[name] = slice(start, end)
        return found

    @cached_property
    def _kept(self) -> NDArray[np.intp]:
        return np.array(
            [at for at, name in enumerate(self._every) if name not in self.off], np.intp
        )

    def _seen(self, block: Block) -> Block:
        """The columns that are not switched off."""
        return block.take(self._kept, axis=1) if self.off else block

    @cached_property
    def _remarks(self) -> tuple[Remarks, ...]:
        # Asked once: the look at a protocol costs as much as a transformer's work on a car.
        every = [*self.transformers.values(), self.limits]
        return tuple(each for each in every if isinstance(each, Remarks))


def matrix(blocks: Mapping[str, NDArray[Any]], names: Sequence[str] = MATRIX) -> Block:
    """The blocks of the matrix side by side."""
    return np.concatenate([blocks[name] for name in names], axis=1, dtype=np.float32)


def _refuse_mix(origins: Mapping[str, Origin], addresses: Mapping[str, str]) -> None:
    """Raise a UserError that names the transformer which does not belong to the others."""
    (common, _), *_ = Counter(origin.dataset for origin in origins.values()).most_common(1)
    for name, origin in origins.items():
        if origin.dataset != common:
            raise UserError(
                f"feature set: {name} was fitted on dataset {origin.dataset[:12]}, the others on"
                f" {common[:12]}: materialize all transformers on one dataset"
            )
    for name, origin in origins.items():
        for upstream, address in origin.upstream.items():
            if addresses[upstream] != address:
                raise UserError(
                    f"feature set: {name} was fitted on another state of {upstream} than the one"
                    f" given: materialize {name} again"
                )
