"""From encoded sides to a fitted regressor in the artifact store, with its own figures."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, read_json
from carprice_assets.regressors.base import FitSettings, Progress, Side
from carprice_assets.regressors.registry import REGRESSORS
from carprice_assets.regressors.serving import load_serving_form

PARITY = "parity.json"
PARITY_ROWS = 1_000
MIN_TRAIN = 30
"""Fewer training cars than this are no market yet."""


@dataclass(frozen=True)
class Encoded:
    """The sides of a dataset as a feature set encodes them, and where both come from."""

    train: Side
    validation: Side
    feature_names: tuple[str, ...]
    dataset: str
    address: str

    @classmethod
    def open(cls, artifact: Artifact) -> Encoded:
        """Read the ``feature_set`` artifact."""
        head = read_json(artifact.path / "feature_set.json")

        def side(name: str) -> Side:
            return Side(
                np.load(artifact.path / f"{name}.npy", allow_pickle=False),
                np.load(artifact.path / f"{name}_price.npy", allow_pickle=False),
            )

        return cls(
            side("train"),
            side("validation"),
            tuple(head["feature_names"]),
            head["dataset"],
            artifact.address,
        )


@dataclass(frozen=True)
class Fitted:
    """A regressor in the store and what its fitting measured.

    ``train_error`` and ``validation_error`` are mean squared errors of the log price;
    ``gap`` is how far the second exceeds the first, relative; ``serving_difference`` the
    greatest relative difference between the framework and the serving form on 1,000 rows.
    """

    artifact: Artifact
    seconds: float
    train_error: float
    validation_error: float
    serving_difference: float
    curves: Mapping[str, list[float]] = field(default_factory=dict[str, list[float]])
    importances: Mapping[str, float] = field(default_factory=dict[str, float])
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def gap(self) -> float:
        """Validation error over training error, less 1."""
        return self.validation_error / max(self.train_error, 1e-12) - 1.0


def threads() -> int:
    """Threads to train with: the processors that this process may use."""
    return len(os.sched_getaffinity(0))


def fit_regressor(
    name: str,
    encoded: Encoded,
    store: ArtifactStore,
    *,
    seed: int,
    trials: int,
    progress: Progress,
    parameters: Mapping[str, Any] | None = None,
) -> Fitted:
    """Fit the regressor called ``name`` and keep it, its serving form and its origin.

    ``parameters`` take the place of the defaults.

    Raises
    ------
    UserError
        Where there are too few cars to fit on, or for a parameter that the regressor lacks.
    """
    given = dict(parameters or {})
    if unknown := set(given) - set(REGRESSORS[name].defaults):
        raise UserError(f"regressors.{name}: unknown parameter {min(unknown)!r}")
    if len(encoded.train.price) < MIN_TRAIN or not len(encoded.validation.price):
        raise UserError(
            f"{name}: {len(encoded.train.price)} training and {len(encoded.validation.price)}"
            f" validation cars; at least {MIN_TRAIN} and 1 are needed"
        )
    started = time.perf_counter()
    regressor = REGRESSORS[name]()
    settings = FitSettings(
        seed=seed,
        trials=trials,
        threads=threads(),
        feature_names=encoded.feature_names,
        parameters=given,
    )
    regressor.fit(encoded.train, encoded.validation, settings, progress)
    seconds = time.perf_counter() - started
    origin = {
        "regressor": name,
        "dataset": encoded.dataset,
        "feature_set": encoded.address,
        "feature_names": list(encoded.feature_names),
        "seed": seed,
        "trials": trials,
        "parameters": given,
    }

    rows = encoded.validation.features[:PARITY_ROWS]

    def build(folder: Path) -> None:
        regressor.save(folder)
        (folder / "origin.json").write_bytes(canonical_json(origin))
        served = load_serving_form(folder / "serving").predict(rows)
        difference = float(np.max(np.abs(served / regressor.predict(rows) - 1.0)))
        parity = {"rows": len(rows), "difference": float(f"{difference:.3g}")}
        (folder / PARITY).write_bytes(canonical_json(parity))

    artifact = store.put(build)
    return Fitted(
        artifact=artifact,
        seconds=seconds,
        train_error=_log_error(regressor.predict(encoded.train.features), encoded.train.price),
        validation_error=_log_error(
            regressor.predict(encoded.validation.features), encoded.validation.price
        ),
        serving_difference=read_json(artifact.path / PARITY)["difference"],
        curves=regressor.curves,
        importances=regressor.importances,
        parameters=regressor.parameters,
    )


def _log_error(predicted: NDArray[np.float64], price: NDArray[np.float64]) -> float:
    return float(np.mean((np.log(predicted) - np.log(price)) ** 2))


def read_parity(regressor: Artifact) -> float:
    """Greatest relative difference between a regressor's framework and its serving form."""
    return float(read_json(regressor.path / PARITY)["difference"])
