"""What both network families share: their data, their members, their way to disk."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.regressors.base import FitSettings, Progress, Report, Side, no_report
from carprice_assets.regressors.family import Family
from carprice_assets.regressors.importances import permutation_importances
from carprice_assets.regressors.network_form import NetworkForm
from carprice_assets.regressors.network_inputs import Codes, Floats, Inputs
from carprice_assets.regressors.serving import Selected, load_form, write_form

ARCHITECTURES = ("embeddings", "reference")
EMBEDDING, WORDS = 16, 24
"""Widths of the vectors of a name and of a word."""
SMALLEST_BATCH = 32
REFERENCE_BATCH, REFERENCE_EPOCHS, REFERENCE_PATIENCE = 32, 200, 10
Answers = Callable[[Floats, Codes, Codes], NDArray[np.float64]]
"""Numbers, codes and words to the scaled answers of all members, (members, rows)."""


@dataclass(frozen=True)
class Layers:
    """Outputs of each layer but the last, what follows each, which have a way around them."""

    widths: tuple[int, ...]
    activation: str
    residual: tuple[int, ...]
    linear: bool


@dataclass(frozen=True)
class Rows:
    """One side as a network reads it; ``target`` is scaled, float32 (rows,)."""

    numbers: Floats
    codes: Codes
    words: Codes
    target: Floats


@dataclass(frozen=True)
class Task:
    """What a network is trained on.

    ``shown`` is float32 (rows, members): 1 where a member learns from a training row, 0 where
    the row is of the part that it never sees. A target times ``spread`` plus ``mean`` is the
    price, or what is added to the log price that ``inputs`` starts from.
    """

    inputs: Inputs
    layers: Layers
    train: Rows
    validation: Rows
    shown: Floats
    mean: float
    spread: float
    squared: bool

    def error(self, answers: NDArray[np.float64]) -> float:
        """Validation error of the members' mean: absolute, in units of the target."""
        mean = answers.mean(axis=0)
        return float(np.abs(mean - self.validation.target).mean()) * self.spread


@dataclass(frozen=True)
class Trained:
    """All members after training: their arrays as in :class:`NetworkForm`, and the framework's
    own way to answer.
    """

    tables: tuple[Floats, ...]
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    linear: Floats
    answers: Answers
    curves: Mapping[str, list[float]] = field(default_factory=dict[str, list[float]])


class Train(Protocol):
    """A framework's part: trains all members."""

    def __call__(
        self,
        task: Task,
        parameters: Mapping[str, Any],
        settings: FitSettings,
        progress: Progress,
        report: Report,
    ) -> Trained: ...


class Network(Family):
    """A network family; its framework hands in ``train``."""

    defaults: Mapping[str, Any] = {
        "architecture": "embeddings",
        "members": 4,
        "width": 256,
        "dropout": 0.1,
        "epochs": 14,
        "least_steps": 2_000,
        "batch": 256,
        "learning_rate": 2e-3,
        "weight_decay": 0.02,
        "hidden_dealers": 0.1,
        "price_features": True,
    }

    def __init__(self, train: Train) -> None:
        super().__init__()
        self._train = train
        self._task: Task | None = None
        self._trained: Trained | None = None
        self._form: NetworkForm | None = None

    def fit(self, train: Side, validation: Side, settings: FitSettings, progress: Progress) -> None:
        """Fit on ``train``; ``validation`` chooses the epoch and serves the search."""
        names = settings.feature_names

        def fitted(parameters: Mapping[str, Any], report: Report) -> tuple[Task, Trained]:
            task = make_task(names, train, validation, parameters)
            return task, self._train(task, parameters, settings, progress, report)

        def predict_with(parameters: Mapping[str, Any], report: Report) -> Any:
            task, trained = fitted(parameters, report)
            return Selected(form_of(task, trained), task.inputs.names, names).predict

        chosen = self.choose(settings, space, predict_with, validation, progress)
        task, trained = fitted(chosen, no_report)
        self.feature_names = names
        self._task, self._trained, self._form = task, trained, form_of(task, trained)
        self.parameters: Mapping[str, Any] = chosen
        self.curves: Mapping[str, list[float]] = trained.curves
        self.out_of_fold: NDArray[np.float64] | None = self._unseen(task, train)
        served = Selected(self._form, task.inputs.names, names)
        self.weigh(names, permutation_importances(served.predict, validation, seed=settings.seed))

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency: by the framework after a fit, else by the form."""
        assert self._form is not None, "neither fitted nor loaded"
        read = Selected(self._form, self._form.inputs.names, self.feature_names)
        if self._trained is None:
            return read.predict(features)
        chosen = read.columns(features)
        answers = self._trained.answers(*self._form.inputs.split(chosen))
        return np.exp(self._form.to_log_prices(answers, chosen).mean(axis=0))

    def _unseen(self, task: Task, train: Side) -> NDArray[np.float64]:
        """Each training row's price by the members that never saw it, (rows,)."""
        assert self._form is not None
        rows = Selected(self._form, self._form.inputs.names, self.feature_names)
        logs = self._form.log_prices(rows.columns(train.features))
        unseen = 1.0 - task.shown.T
        if not unseen.any():
            return np.exp(logs.mean(axis=0))
        return np.exp((logs * unseen).sum(axis=0) / unseen.sum(axis=0))

    def save(self, folder: Path) -> None:
        """Write ``regressor.json`` and the serving form, which is the whole network."""
        assert self._form is not None, "nothing fitted"
        serving = folder / "serving"
        serving.mkdir()
        write_form(serving, "network", self._form.inputs.names, self._form.save(serving))
        self.save_head(folder)

    def load(self, folder: Path) -> None:
        """Take over what :meth:`save` wrote."""
        self.load_head(folder)
        form = load_form(folder / "serving")
        assert isinstance(form, NetworkForm)
        self._form, self._trained = form, None


def make_task(
    names: tuple[str, ...], train: Side, validation: Side, parameters: Mapping[str, Any]
) -> Task:
    """The data of a training: inputs learned from ``train``, scaled targets, members' parts.

    Raises
    ------
    UserError
        For an architecture that there is not.
    """
    architecture = parameters["architecture"]
    if architecture not in ARCHITECTURES:
        known = " and ".join(ARCHITECTURES)
        raise UserError(f"unknown architecture {architecture!r}: there are {known}")
    reference = architecture == "reference"
    view = "reference" if reference else "all" if parameters["price_features"] else "unpriced"
    inputs = Inputs.of(names, train, view)
    places = [names.index(name) for name in inputs.names]

    def target(side: Side) -> NDArray[np.float64]:
        if reference:
            return side.price
        return np.log(side.price) - inputs.offsets(side.features[:, places])

    aim = target(train)
    mean, spread = float(aim.mean()), max(float(aim.std()), 1e-6)

    def rows(side: Side) -> Rows:
        numbers, codes, words = inputs.split(side.features[:, places])
        scaled = ((target(side) - mean) / spread).astype(np.float32)
        return Rows(numbers, codes, words, scaled)

    width = int(parameters["width"])
    layers = (
        Layers((50, 30, 15), "relu", (), linear=False)
        if reference
        else Layers((width, width, max(width // 2, 1)), "silu", (1,), linear=True)
    )
    members = 1 if reference else int(parameters["members"])
    shown = members_shown(train, members)
    return Task(inputs, layers, rows(train), rows(validation), shown, mean, spread, reference)


def members_shown(train: Side, members: int) -> Floats:
    """1 where a member learns from a row, (rows, members); a single member learns from all."""
    shown = np.ones((len(train.price), members), np.float32)
    if members > 1:
        shown[np.arange(len(shown)), train.parts(members)] = 0.0
    return shown


def form_of(task: Task, trained: Trained) -> NetworkForm:
    """The serving form of what was trained."""
    return NetworkForm(
        inputs=task.inputs,
        tables=trained.tables,
        weights=trained.weights,
        biases=trained.biases,
        linear=trained.linear,
        activation=task.layers.activation,
        residual=task.layers.residual,
        target="price" if task.squared else "log_price",
        mean=task.mean,
        spread=task.spread,
    )


def schedule(task: Task, parameters: Mapping[str, Any]) -> tuple[int, int]:
    """Rows a batch and epochs: few cars are seen in smaller batches and more often."""
    rows = len(task.train.target)
    if task.squared:
        return min(REFERENCE_BATCH, rows), REFERENCE_EPOCHS
    batch = min(max(rows // 100, SMALLEST_BATCH), int(parameters["batch"]), rows)
    steps = int(parameters["least_steps"])
    return batch, max(int(parameters["epochs"]), math.ceil(steps * batch / rows))


def table_widths(task: Task) -> list[int]:
    """The width of the embedding table of each of ``task.inputs.sizes``."""
    widths = [EMBEDDING] * len(task.inputs.codes)
    return [*widths, WORDS] if task.inputs.words else widths


def entering(task: Task) -> int:
    """Columns that enter the first layer."""
    return task.train.numbers.shape[1] + sum(table_widths(task))


def space(trial: Any) -> dict[str, Any]:
    """What a search proposes for either network."""
    return {
        "width": trial.suggest_categorical("width", [128, 256, 384]),
        "dropout": trial.suggest_float("dropout", 0.0, 0.3),
        "learning_rate": trial.suggest_float("learning_rate", 5e-4, 6e-3, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-3, 0.1, log=True),
        "epochs": trial.suggest_int("epochs", 8, 24),
    }
