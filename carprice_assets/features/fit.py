"""Fitting transformers in order, each on the training part and its upstream's blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block, Origin, Transformer, load_state, save_state
from carprice_assets.features.registry import NAMES, create, upstream_of
from carprice_assets.listings.contract import Columns, row_count

Price = NDArray[np.float64]


def closure(names: Iterable[str]) -> tuple[str, ...]:
    """``names`` and everything upstream of them, in order."""
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting.extend(upstream_of(name))
    return tuple(name for name in NAMES if name in wanted)


def fit_one(
    name: str, columns: Columns, target: Price, upstream: Mapping[str, Transformer]
) -> Transformer:
    """Fit one transformer on the training part.

    Parameters
    ----------
    columns
        Feature columns of the training part, with ``vehicle``. A block that stands there
        already under its transformer's name is used as it is.
    target
        Price, shape (rows,), above zero.
    upstream
        Fitted transformers by name: at least those above ``name``, directly or not.

    Raises
    ------
    UserError
        Where there are no rows, or one of the upstream is missing.
    """
    if not row_count(columns):
        raise UserError(f"{name}: the training part has no rows")
    have: dict[str, NDArray[Any]] = dict(columns)
    for other in closure(upstream_of(name)):
        if other in have:
            continue
        if other not in upstream:
            raise UserError(f"{name}: needs {other}, which is not fitted: materialize it first")
        have[other] = upstream[other].transform_training(have, target)
    transformer = create(name)
    transformer.fit(have, target)
    return transformer


def fit_all(
    columns: Columns, target: Price, only: Iterable[str] | None = None
) -> dict[str, Transformer]:
    """Fit all transformers, or ``only`` some and their upstream, in order."""
    fitted: dict[str, Transformer] = {}
    have: dict[str, NDArray[Any]] = dict(columns)
    wanted = NAMES if only is None else closure(only)
    for name in wanted:
        fitted[name] = fit_one(name, have, target, fitted)
        if any(name in upstream_of(other) for other in wanted):
            have[name] = fitted[name].transform_training(have, target)
    return fitted


def training_blocks(
    fitted: Mapping[str, Transformer], columns: Columns, target: Price
) -> dict[str, Block]:
    """Each transformer's block of the training part, out of fold where it reads the price."""
    have: dict[str, NDArray[Any]] = dict(columns)
    blocks: dict[str, Block] = {}
    for name in closure(fitted):
        blocks[name] = have[name] = fitted[name].transform_training(have, target)
    return blocks


def save_fitted(
    transformer: Transformer, folder: Path, dataset: str, upstream: Mapping[str, str]
) -> None:
    """Write a fitted transformer's state to an empty folder, with what it was fitted on.

    ``dataset`` is the dataset's address, ``upstream`` the artifact address of each transformer
    that it reads (others in it are left out).

    Raises
    ------
    UserError
        Where the address of an upstream transformer is missing.
    """
    addresses: dict[str, str] = {}
    for name in upstream_of(transformer.name):
        if name not in upstream:
            raise UserError(f"{transformer.name}: no address of {name}: materialize it first")
        addresses[name] = upstream[name]
    save_state(folder, transformer.name, transformer.state(), Origin(dataset, addresses))


def load_fitted(folder: Path) -> tuple[Transformer, Origin]:
    """A transformer from what :func:`save_fitted` wrote, and what it was fitted on."""
    name, state, origin = load_state(folder)
    transformer = create(name)
    transformer.restore(state)
    return transformer, origin
