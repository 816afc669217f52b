"""Weighing the detector: the autoencoders that pass and the residual, into the artifact store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.bargains.autoencoders import KINDS
from carprice_assets.bargains.combination import Floats
from carprice_assets.bargains.detector import Detector, Offers
from carprice_assets.bargains.direction import Direction
from carprice_assets.bargains.form import AutoencoderForm
from carprice_assets.bargains.planting import plant, precision
from carprice_assets.bargains.rules import Reconstruction, judge
from carprice_assets.bargains.training import (
    FEATURES,
    ORIGIN,
    SERVING,
    TUNED_ON,
    matrix_of,
    read_reconstruction,
    reconstruction,
)
from carprice_assets.errors import UserError
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.files import canonical_json, read_json
from carprice_assets.listings.contract import Columns
from carprice_assets.listings.dataset import read_side
from carprice_assets.markets.bargains import BargainRules
from carprice_assets.regressors.predictor import Predictor
from carprice_assets.regressors.training import Encoded

Progress = Callable[[str], None]


@dataclass(frozen=True)
class FittedDetector:
    """A detector in the store: its members, those left out and why, and what it finds.

    ``precision`` is the mean share of planted bargains among as many highest scores on the
    calibration side, which took part in neither fitting nor weighing the detector.
    """

    artifact: Artifact
    members: tuple[str, ...]
    left_out: Mapping[str, str]
    weights: Mapping[str, float]
    precision: Mapping[str, float]
    seconds: float


def fit_detector(
    autoencoders: Mapping[str, Artifact],
    regressor: str,
    serving: Path,
    encoded: Encoded,
    store: ArtifactStore,
    *,
    rules: BargainRules,
    deployed: Mapping[str, Reconstruction],
    seed: int,
    progress: Progress,
    chosen: Sequence[str] | None = None,
) -> FittedDetector:
    """Weigh the residual and those autoencoders that pass, on validation, and keep the result.

    Parameters
    ----------
    regressor, serving
        The regressor whose residual counts, and the folder of its serving form.
    deployed
        Reconstruction errors of the deployed detector's autoencoders on the same hold-out.
    chosen
        Autoencoders that join whatever the rules say: those of a release that is made again.

    Raises
    ------
    UserError
        Where an autoencoder was fitted on another feature set.
    """
    started = time.perf_counter()
    members: dict[str, AutoencoderForm] = {}
    left_out: dict[str, str] = {}
    for name, artifact in autoencoders.items():
        if read_json(artifact.path / ORIGIN)["feature_set"] != encoded.address:
            raise UserError(f"{name} was fitted on another feature set: materialize {name} again")
        verdict = judge(read_reconstruction(artifact), deployed.get(name), rules)
        if verdict.passed or name in (chosen or ()):
            members[name] = AutoencoderForm.load(artifact.path / SERVING)
        else:
            left_out[name] = verdict.line
        progress(f"{name}: {verdict.line}")
    dataset = store.get(encoded.dataset).path
    predictor = Predictor.load(store.get(encoded.address).path / FEATURES, serving)
    detector = Detector.calibrate(
        encoded.feature_names,
        members,
        Direction.parse(rules.direction),
        regressor,
        offers_of(predictor, read_side(dataset, "validation")),
        seed=seed,
    )
    shown = _precision(detector, offers_of(predictor, read_side(dataset, "calibration")))

    def build(folder: Path) -> None:
        detector.save(folder / SERVING)
        (folder / ORIGIN).write_bytes(
            canonical_json(
                {
                    "dataset": encoded.dataset,
                    "feature_set": encoded.address,
                    "regressor": regressor,
                    "direction": list(rules.direction),
                    "seed": seed,
                    "members": sorted(members),
                    "autoencoders": {
                        name: {"address": each.address, **_made(each)}
                        for name, each in sorted(autoencoders.items())
                    },
                    "left_out": left_out,
                    "precision": shown,
                }
            )
        )

    artifact = store.put(build)
    combination = detector.combination
    weights = dict(zip(combination.names, combination.weights.tolist()))
    seconds = time.perf_counter() - started
    return FittedDetector(artifact, tuple(members), left_out, weights, shown, seconds)


def _made(autoencoder: Artifact) -> dict[str, Any]:
    """Seed and parameters of an autoencoder."""
    origin = read_json(autoencoder.path / ORIGIN)
    return {"seed": origin["seed"], "parameters": origin["parameters"]}


def offers_of(predictor: Predictor[FeatureSet], columns: Columns) -> Offers:
    """Matrix, price, valuation and low end of the rows of ``columns``."""
    expected, low, _ = predictor.ranges(columns)
    return Offers(matrix_of(predictor.features, columns), columns["price"], expected, low)


def deployed_errors(
    detector: Detector | None, features: FeatureSet, holdout: Columns
) -> dict[str, Reconstruction]:
    """Of each autoencoder of a deployed detector, by its own features; empty without one."""
    if detector is None:
        return {}
    return {n: reconstruction(form, features, holdout) for n, form in detector.members.items()}


def ways(detector: Detector, offers: Offers) -> dict[str, Floats]:
    """Of each way to rank offers, its scores (rows,): the higher, the likelier a bargain."""
    scores = detector.scores(offers)
    found = {
        name: -scores.distance[name].astype(np.float64) for name in KINDS if name in scores.distance
    }
    return found | {"residual": -scores.in_range, "combination": scores.rank_by}


def _precision(detector: Detector, offers: Offers) -> dict[str, float]:
    if not len(offers.price):
        return {}
    found: dict[str, list[float]] = {}
    for seed in TUNED_ON:
        planted = plant(offers.price, seed=seed)
        lowered = Offers(offers.features, planted.price, offers.expected, offers.low)
        for name, scores in ways(detector, lowered).items():
            found.setdefault(name, []).append(precision(scores, planted.is_planted))
    return {name: float(np.mean(values)) for name, values in found.items()}
