"""Whether each transformer has learned what the training part teaches, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import State, Transformer
from carprice_assets.features.fit import fit_one
from carprice_assets.listings.contract import Columns

TOLERANCE = 1e-4
"""Relative; sums by another number of threads differ by far less, another row by far more."""


def foreign_states(
    fitted: Mapping[str, Transformer], columns: Columns, target: NDArray[np.float64]
) -> tuple[str, ...]:
    """The transformers whose state is not what fitting on the training part gives.

    Each is fitted anew, above the others as they are, and the states are compared number by
    number: one that has seen any row beside the training part has other counts, means or words.

    Parameters
    ----------
    fitted
        All transformers by name.
    columns
        The training part with ``vehicle`` and, to save time, the training blocks of the
        transformers that have one there.
    target
        Its prices, shape (rows,).
    """
    return tuple(
        name
        for name, transformer in fitted.items()
        if not same_state(transformer.state(), fit_one(name, columns, target, fitted).state())
    )


def same_state(one: State, other: State) -> bool:
    """Whether two states agree, numbers with a fraction up to a relative 1e-4."""
    return (
        _same(one.settings, other.settings)
        and one.arrays.keys() == other.arrays.keys()
        and all(_same_array(array, other.arrays[key]) for key, array in one.arrays.items())
    )


def _same_array(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype.kind == "f":
        return bool(np.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
    return bool(np.array_equal(one, other))


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values agree."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        left, right = dict[Any, Any](one), dict[Any, Any](other)
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        left, right = list[Any](one), list[Any](other)
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(one, float) and isinstance(other, (int, float)):
        return bool(np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
    return bool(one == other)


def told(names: Sequence[str]) -> str:
    """One line on the transformers that :func:`foreign_states` found."""
    if not names:
        return "every transformer is what fitting on the training part gives"
    return (
        f"{', '.join(names)}: the state is not what fitting on the training part gives; it has"
        " seen other rows, or was fitted by other code: materialize the transformers again"
    )
