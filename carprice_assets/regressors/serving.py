"""Serving forms: what a release carries, loaded by kind from an allow-list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.features.trees import TreeArrays
from carprice_assets.files import PLAIN, canonical_json, read_json
from carprice_assets.regressors.base import ServingForm
from carprice_assets.regressors.network_form import NetworkForm
from carprice_assets.regressors.oblivious import ObliviousTrees

FORM = "form.json"
MEMBERS = "members"
TREE_ARRAYS = ("feature", "threshold", "left", "missing_left", "value", "roots", "depth")
UNREPEATABLE = ("model_guid", "train_finish_time")
"""Metadata that would give the same CatBoost model another hash each time."""
MULTITHREAD_ROWS = 256
"""From this many rows on, CatBoost's threads cost less than they save."""
_threads = {"most": -1}


def bound_threads(most: int) -> None:
    """Let no call of a CatBoost model in this process take more than ``most`` threads.

    All cores by default; a service leaves some to its other requests.
    """
    _threads["most"] = most


def run_catboost(
    model: Any, features: Block, trees: ObliviousTrees | None = None
) -> NDArray[np.float64]:
    """What a CatBoost model gives for each row, shape (rows,).

    ``trees`` are the model's own, where there are any: they give the same bits sooner.
    """
    if trees is not None and len(features) <= trees.few:
        return trees.predict(features)
    threads = 1 if len(features) < MULTITHREAD_ROWS else _threads["most"]
    # One car goes in as a list 0.1 ms faster than as an array.
    # Many go in column by column: CatBoost takes them over a fifth faster.
    rows = features.tolist() if len(features) == 1 else np.asfortranarray(features)
    return np.asarray(model.predict(rows, thread_count=threads), np.float64)


def predict_catboost(
    model: Any, features: Block, trees: ObliviousTrees | None = None
) -> NDArray[np.float64]:
    """Prices by a CatBoost model of the log price, shape (rows,)."""
    return np.exp(run_catboost(model, features, trees))


def load_catboost(path: Path) -> Any:
    """The CatBoost model of a ``.cbm`` file, which prints nothing.

    It remembers how often its training told its progress, and would set the whole process to tell
    all while it answers: another thread's call would print a line each, and wait for ever once a
    pipe that nobody reads is full.
    """
    import catboost

    model: Any = catboost.CatBoost()
    model.load_model(str(path))
    model._init_params.pop("verbose", None)  # a fitted model's parameters cannot be set
    return model


def save_catboost(model: Any, path: Path) -> None:
    """Write a CatBoost model as a ``.cbm`` file: equal models have equal bytes."""
    for key in UNREPEATABLE:
        model.get_metadata()[key] = ""
    model.save_model(str(path))


class CatBoostForm:
    """A CatBoost model; its output is the logarithm of the price."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.trees = ObliviousTrees.of(model)

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        return predict_catboost(self.model, features, self.trees)


class ForestForm:
    """Tree arrays in ``.npy`` files; their mean is the logarithm of the price."""

    def __init__(self, trees: TreeArrays) -> None:
        self.trees = trees

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        return np.exp(self.trees.predict(features))


class BoostedForm:
    """Tree arrays in ``.npy`` files; their sum and ``base`` are the logarithm of the price."""

    def __init__(self, trees: TreeArrays, base: float) -> None:
        self.trees, self.base = trees, base

    @classmethod
    def load(cls, folder: Path) -> BoostedForm:
        """Read the arrays and, from the head, the base."""
        return cls(load_trees(folder), float(read_json(folder / FORM)["settings"]["base"]))

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        trees = len(self.trees.roots)
        return np.exp(self.trees.predict(features) * trees + self.base)


class BlendForm:
    """Weighted mean of log prices of the forms in ``members``; weights add up to 1."""

    def __init__(self, members: Sequence[ServingForm], weights: Sequence[float]) -> None:
        self.members, self.weights = tuple(members), tuple(weights)

    @classmethod
    def load(cls, folder: Path) -> BlendForm:
        """Read the members' folders and, from the head, their names and weights.

        Raises
        ------
        UserError
            For a member whose name leads out of the folder.
        """
        head = read_json(folder / FORM)
        names, weights = head["feature_names"], head["settings"]["weights"]
        if strange := [name for name in weights if not PLAIN.fullmatch(name)]:
            raise UserError(f"{folder / FORM}: {strange[0]!r} is no name of a member")
        members = [load_serving_form(folder / MEMBERS / name, names) for name in weights]
        return cls(members, [float(weight) for weight in weights.values()])

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        total = np.zeros(len(features))
        for member, weight in zip(self.members, self.weights):
            total += weight * np.log(member.predict(features))
        return np.exp(total)


def save_trees(folder: Path, trees: TreeArrays) -> None:
    """Write tree arrays as one ``.npy`` file each."""
    for name, array in trees.arrays().items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def load_trees(folder: Path) -> TreeArrays:
    """Read what :func:`save_trees` wrote."""
    return TreeArrays.from_arrays(
        {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in TREE_ARRAYS}
    )


def write_form(
    folder: Path,
    kind: str,
    feature_names: Sequence[str],
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write the head of a serving form: its kind and the features it reads, in order."""
    head: dict[str, Any] = {"kind": kind, "feature_names": list(feature_names)}
    if settings is not None:
        head["settings"] = dict(settings)
    (folder / FORM).write_bytes(canonical_json(head))


def form_features(folder: Path) -> tuple[str, ...]:
    """The features that the serving form in ``folder`` reads, in order."""
    return tuple(read_json(folder / FORM)["feature_names"])


class Selected:
    """A form that reads some columns of a matrix whose columns are called ``names``."""

    def __init__(self, form: ServingForm, wanted: Sequence[str], names: Sequence[str]) -> None:
        places = {name: place for place, name in enumerate(names)}
        self.form = form
        self._places = np.array([places[name] for name in wanted], np.intp)
        self._all = tuple(wanted) == tuple(names)

    def columns(self, features: Block) -> Block:
        """The columns that the form reads, in its order."""
        return features if self._all else np.ascontiguousarray(features[:, self._places])

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        return self.form.predict(self.columns(features))


def load_serving_form(folder: Path, names: Sequence[str]) -> ServingForm:
    """The serving form in ``folder``, for matrices whose columns are called ``names``.

    Raises
    ------
    UserError
        For a kind that is not on the list, and for a feature that is not among ``names``.
    """
    wanted = form_features(folder)
    if missing := [name for name in wanted if name not in set(names)]:
        raise UserError(f"{folder}: fitted on the feature {missing[0]!r}, which is not there")
    form = load_form(folder)
    return form if wanted == tuple(names) else Selected(form, wanted, names)


def load_form(folder: Path) -> ServingForm:
    """The serving form in ``folder``, for the columns that it names itself.

    Raises
    ------
    UserError
        For a kind that is not on the list.
    """
    kind = read_json(folder / FORM).get("kind")
    if kind == "catboost":
        return CatBoostForm(load_catboost(folder / "model.cbm"))
    if kind == "trees":
        return ForestForm(load_trees(folder))
    if kind == "boosted_trees":
        return BoostedForm.load(folder)
    if kind == "network":
        return NetworkForm.load(folder)
    if kind == "blend":
        return BlendForm.load(folder)
    raise UserError(f"{folder / FORM}: unknown serving form {kind!r}")
