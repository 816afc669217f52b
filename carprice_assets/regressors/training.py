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
from carprice_assets.features.training import FEATURES, FOLDS
from carprice_assets.files import canonical_json, read_json
from carprice_assets.regressors.answering import fit_answering
from carprice_assets.regressors.base import FitSettings, Progress, Regressor, Side
from carprice_assets.regressors.costs import peak_memory, write_costs
from carprice_assets.regressors.ensemble import OUT_OF_FOLD, Ensemble
from carprice_assets.regressors.registry import REGRESSORS, check_parameters
from carprice_assets.regressors.serving import load_serving_form

PARITY = "parity.json"
PARITY_ROWS = 1_000
STUDIES = "studies"
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
                np.load(artifact.path / FOLDS, allow_pickle=False) if name == "train" else None,
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

    ``memory`` is the peak of the process in MB, see :func:`peak_memory`; ``search`` what a
    search found, empty where there was none. ``train_error`` and ``validation_error`` are mean
    squared errors of the log price; ``gap`` is how far the second exceeds the first, relative;
    ``serving_difference`` the greatest relative difference between the framework and the serving
    form on 1,000 rows.
    """

    artifact: Artifact
    seconds: float
    memory: float
    train_error: float
    validation_error: float
    serving_difference: float
    curves: Mapping[str, list[float]] = field(default_factory=dict[str, list[float]])
    importances: Mapping[str, float] = field(default_factory=dict[str, float])
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    search: Mapping[str, Any] = field(default_factory=dict[str, Any])

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
    minutes: float = 0.0,
    parameters: Mapping[str, Any] | None = None,
    coverage: float | None = None,
    members: Mapping[str, Artifact] | None = None,
    thread_count: int | None = None,
) -> Fitted:
    """Fit the regressor called ``name`` and keep it, its serving form and its origin.

    ``parameters`` take the place of the defaults; ``trials`` and ``minutes`` limit the search
    (see :class:`FitSettings`), whose trials are kept in the store's ``studies`` folder.
    ``members`` are the regressors that the ensemble is made of; ``thread_count`` threads train it,
    by default as many as there are processors.
    ``coverage`` is the share of asking prices that the ranges shall hold; None, for trials of a
    family alone, fits neither ranges nor an order guard. For both, dataset and feature set must
    be in the store.

    Raises
    ------
    UserError
        Where there are too few cars to fit on, for a parameter that the regressor lacks, and
        for trials or minutes below 0.
    """
    given = dict(parameters or {})
    check_parameters(name, given)
    if trials < 0 or not 0 <= minutes < float("inf"):
        raise UserError(f"{name}: a search of {trials} trials and {minutes:g} minutes is none")
    if len(encoded.train.price) < MIN_TRAIN or not len(encoded.validation.price):
        raise UserError(
            f"{name}: {len(encoded.train.price)} training and {len(encoded.validation.price)}"
            f" validation cars; at least {MIN_TRAIN} and 1 are needed"
        )
    started = time.perf_counter()
    regressor = _create(name, members or {})
    settings = FitSettings(
        seed=seed,
        trials=trials,
        minutes=minutes,
        studies=store.root / STUDIES / encoded.address,
        threads=thread_count or threads(),
        feature_names=encoded.feature_names,
        parameters=given,
    )
    regressor.fit(encoded.train, encoded.validation, settings, progress)
    origin = {
        "regressor": name,
        "dataset": encoded.dataset,
        "feature_set": encoded.address,
        "feature_names": list(encoded.feature_names),
        "seed": seed,
        "threads": settings.threads,
        "trials": trials,
        "minutes": minutes,
        "parameters": given,
        "coverage": coverage,
        "members": {name: each.address for name, each in sorted((members or {}).items())},
    }

    rows = encoded.validation.features[:PARITY_ROWS]

    def build(folder: Path) -> None:
        regressor.save(folder)
        (folder / "origin.json").write_bytes(canonical_json(origin))
        if regressor.out_of_fold is not None:
            np.save(folder / OUT_OF_FOLD, regressor.out_of_fold, allow_pickle=False)
        if coverage is not None:
            unseen, predicted = _unseen(regressor, encoded)
            fit_answering(
                folder / "serving",
                dataset=store.get(encoded.dataset).path,
                features=store.get(encoded.address).path / FEATURES,
                unseen=unseen,
                predicted=predicted,
                coverage=coverage,
                seed=seed,
                threads=settings.threads,
                progress=progress,
            )
        served = load_serving_form(folder / "serving", encoded.feature_names).predict(rows)
        difference = float(np.max(np.abs(served / regressor.predict(rows) - 1.0)))
        # The ensemble's framework are its members' forms: it differs as much as they may.
        difference = max([difference, *(read_parity(each) for each in (members or {}).values())])
        parity = {"rows": len(rows), "difference": float(f"{difference:.3g}")}
        (folder / PARITY).write_bytes(canonical_json(parity))

    artifact = store.put(build)
    seconds, memory = time.perf_counter() - started, peak_memory()
    write_costs(store, artifact.address, {"fit_seconds": seconds, "fit_memory": memory})
    return Fitted(
        artifact=artifact,
        seconds=seconds,
        memory=memory,
        train_error=_log_error(regressor.predict(encoded.train.features), encoded.train.price),
        validation_error=_log_error(
            regressor.predict(encoded.validation.features), encoded.validation.price
        ),
        serving_difference=read_json(artifact.path / PARITY)["difference"],
        curves=regressor.curves,
        importances=regressor.importances,
        parameters=regressor.parameters,
        search=regressor.search,
    )


def _create(name: str, members: Mapping[str, Artifact]) -> Regressor:
    if name == Ensemble.name:
        return Ensemble({each: artifact.path for each, artifact in members.items()})
    return REGRESSORS[name]()


def members_of(found: Mapping[str, Artifact | None], feature_set: str) -> dict[str, Artifact]:
    """Those regressors that were fitted on the feature set of that address."""
    return {
        name: artifact
        for name, artifact in found.items()
        if artifact is not None
        and read_json(artifact.path / "origin.json")["feature_set"] == feature_set
    }


def _unseen(regressor: Regressor, encoded: Encoded) -> tuple[Side, NDArray[np.float64]]:
    """Rows with prices by a fit that had not seen them: of the training, else of validation."""
    if regressor.out_of_fold is not None:
        return encoded.train, regressor.out_of_fold
    return encoded.validation, regressor.predict(encoded.validation.features)


def _log_error(predicted: NDArray[np.float64], price: NDArray[np.float64]) -> float:
    return float(np.mean((np.log(predicted) - np.log(price)) ** 2))


def read_parity(regressor: Artifact) -> float:
    """Greatest relative difference between a regressor's framework and its serving form."""
    return float(read_json(regressor.path / PARITY)["difference"])
