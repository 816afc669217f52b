"""Serving forms: what a release carries, loaded by kind from an allow-list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.features.trees import TreeArrays
from carprice_assets.files import canonical_json, read_json
from carprice_assets.regressors.base import ServingForm

FORM = "form.json"
TREE_ARRAYS = ("feature", "threshold", "left", "missing_left", "value", "roots", "depth")
MULTITHREAD_ROWS = 256
"""From this many rows on, CatBoost's threads cost less than they save."""


def predict_catboost(model: Any, features: Block) -> NDArray[np.float64]:
    """Prices by a CatBoost model of the log price, shape (rows,)."""
    threads = 1 if len(features) < MULTITHREAD_ROWS else -1
    # One car goes in as a list 0.1 ms faster than as an array.
    rows = features.tolist() if len(features) == 1 else features
    return np.exp(np.asarray(model.predict(rows, thread_count=threads), np.float64))


class CatBoostForm:
    """A ``.cbm`` file, read by CatBoost alone; its output is the logarithm of the price."""

    def __init__(self, path: Path) -> None:
        import catboost

        self.model: Any = catboost.CatBoost()
        self.model.load_model(str(path))

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        return predict_catboost(self.model, features)


class ForestForm:
    """Tree arrays in ``.npy`` files; their mean is the logarithm of the price."""

    def __init__(self, trees: TreeArrays) -> None:
        self.trees = trees

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        return np.exp(self.trees.predict(features))


def save_trees(folder: Path, trees: TreeArrays) -> None:
    """Write tree arrays as one ``.npy`` file each."""
    for name, array in trees.arrays().items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def load_trees(folder: Path) -> TreeArrays:
    """Read what :func:`save_trees` wrote."""
    return TreeArrays.from_arrays(
        {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in TREE_ARRAYS}
    )


def write_form(folder: Path, kind: str, feature_names: tuple[str, ...]) -> None:
    """Write the head of a serving form: its kind and the features it expects, in order."""
    head = {"kind": kind, "feature_names": list(feature_names)}
    (folder / FORM).write_bytes(canonical_json(head))


def form_features(folder: Path) -> tuple[str, ...]:
    """The features that the serving form in ``folder`` expects, in order."""
    return tuple(read_json(folder / FORM)["feature_names"])


def load_serving_form(folder: Path) -> ServingForm:
    """The serving form in ``folder``.

    Raises
    ------
    UserError
        For a kind that is not on the list.
    """
    kind = read_json(folder / FORM).get("kind")
    if kind == "catboost":
        return CatBoostForm(folder / "model.cbm")
    if kind == "trees":
        return ForestForm(load_trees(folder))
    raise UserError(f"{folder / FORM}: unknown serving form {kind!r}")
