"""The transformer protocol: fitted once on the training part, applied the same way everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.files import PLAIN, canonical_json, read_json
from carprice_assets.listings.contract import Columns

Block: TypeAlias = NDArray[np.float32]
"""What a transformer gives: float32 of shape (rows, len(feature_names))."""


@dataclass(frozen=True)
class State:
    """What a transformer has learned, in types that JSON and ``.npy`` hold.

    ``settings`` is JSON; ``arrays`` are saved one file each, without pickles.
    """

    settings: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])


@dataclass(frozen=True)
class Origin:
    """What a state was fitted on: the dataset's address and the upstream states' addresses."""

    dataset: str
    upstream: Mapping[str, str] = field(default_factory=dict[str, str])


class Transformer(Protocol):
    """One fitted step from columns to a float32 block.

    ``inputs`` names the columns that it reads: listing fields, or the names of upstream
    transformers, whose blocks then stand in ``columns`` under those names. ``transform``
    never raises for unknown words or missing numbers, and the bits of a row do not depend on
    the rows beside it.
    """

    name: str
    inputs: tuple[str, ...]
    still: ClassVar[bool] = False
    """Whether a car's variants share its block: ``transform`` then reads neither the fields
    in which they differ (:data:`~carprice_assets.features.columns.VARIED`) nor other blocks."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name for each column of the block."""
        ...

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        """Learn from the training part; ``target`` is the price, shape (rows,)."""
        ...

    def transform(self, columns: Columns) -> Block:
        """The block of ``columns``, shape (rows, features)."""
        ...

    def transform_training(self, columns: Columns, target: NDArray[np.float64]) -> Block:
        """The block of the rows it was fitted on.

        The same as :meth:`transform`, save where a transformer reads the price: then each
        row's values come from the other folds' prices, never from its own.
        """
        del target
        return self.transform(columns)

    def state(self) -> State:
        """All that was learned."""
        ...

    def restore(self, state: State) -> None:
        """Take over a state that :meth:`state` gave."""
        ...


def save_state(folder: Path, name: str, state: State, origin: Origin) -> None:
    """Write a state as ``state.json`` and one ``.npy`` file an array."""
    for key, array in state.arrays.items():
        np.save(folder / f"{key}.npy", array, allow_pickle=False)
    head = {
        "transformer": name,
        "settings": state.settings,
        "arrays": sorted(state.arrays),
        "dataset": origin.dataset,
        "upstream": dict(origin.upstream),
    }
    (folder / "state.json").write_bytes(canonical_json(head))


def load_state(folder: Path) -> tuple[str, State, Origin]:
    """Read what :func:`save_state` wrote: transformer name, state, origin.

    Raises
    ------
    UserError
        For an array whose name leads out of the folder.
    """
    head = read_json(folder / "state.json")
    if strange := [key for key in head["arrays"] if not PLAIN.fullmatch(key)]:
        raise UserError(f"{folder / 'state.json'}: {strange[0]!r} is no name of an array")
    arrays = {key: np.load(folder / f"{key}.npy", allow_pickle=False) for key in head["arrays"]}
    origin = Origin(head["dataset"], head["upstream"])
    return head["transformer"], State(head["settings"], arrays), origin
