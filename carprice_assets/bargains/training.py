"""Fitting an autoencoder into the artifact store, and measuring what it leaves unexplained."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.bargains.autoencoders import Layers, parameters_of, train
from carprice_assets.bargains.combination import Floats
from carprice_assets.bargains.direction import Direction
from carprice_assets.bargains.form import AutoencoderForm
from carprice_assets.bargains.inputs import Floats as Floats32
from carprice_assets.bargains.inputs import Inputs
from carprice_assets.bargains.planting import plant, precision
from carprice_assets.bargains.rules import Reconstruction
from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.files import canonical_json, read_json
from carprice_assets.listings.contract import Columns, row_count
from carprice_assets.listings.dataset import read_side
from carprice_assets.markets.bargains import BargainRules
from carprice_assets.regressors.predictor import slices
from carprice_assets.regressors.training import MIN_TRAIN, Encoded

SERVING = "serving"
RECONSTRUCTION, ORIGIN, PARITY = "reconstruction.json", "origin.json", "parity.json"
TUNED_ON = (101, 102, 103)
"""Seeds of the plantings on validation that the place in error space is chosen by."""
REACHES = (2.0, 3.0, 4.0, 6.0, 10.0, 20.0)
REST_WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0)
LEAST_ERROR = 0.02
"""Least spread of an input's error: what is always reconstructed says nothing."""
USUAL = 68.0
"""Percentile of the absolute errors that counts as their usual size: one sigma of a normal."""
FEATURES = "features"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class FittedAutoencoder:
    """An autoencoder in the store and what its fitting measured.

    ``serving_difference`` is the greatest difference between torch's and the serving form's
    reconstruction, in standard deviations.
    """

    artifact: Artifact
    seconds: float
    curves: Mapping[str, list[float]]
    parameters: Mapping[str, Any]
    reconstruction: Reconstruction
    serving_difference: float


def fit_autoencoder(
    name: str,
    encoded: Encoded,
    store: ArtifactStore,
    *,
    rules: BargainRules,
    seed: int,
    progress: Progress,
    parameters: Mapping[str, Any] | None = None,
) -> FittedAutoencoder:
    """Fit on the training side, stop and tune on validation, measure on the hold-out; keep it.

    Raises
    ------
    UserError
        Where there are too few cars, for an unknown parameter, and where the direction names a
        feature that there is not.
    """
    given = dict(parameters or {})
    known = parameters_of(name)
    if unknown := set(given) - set(known):
        raise UserError(f"{name}: unknown parameter {min(unknown)!r}: there are {', '.join(known)}")
    if len(encoded.train.price) < MIN_TRAIN or not len(encoded.validation.price):
        raise UserError(f"{name}: {len(encoded.train.price)} training cars are too few")
    started = time.perf_counter()
    chosen = parameters_of(name, {"epochs": rules.epochs, **given})
    names = encoded.feature_names
    inputs = Inputs.of(names, encoded.train.features, encoded.train.price)
    direction = Direction.parse(rules.direction)
    direction.vector(inputs.names)
    validation = inputs.encode(names, encoded.validation.features, encoded.validation.price)
    layers = train(
        inputs.encode(names, encoded.train.features, encoded.train.price),
        validation,
        chosen,
        seed=seed,
        progress=progress,
    )
    form = _form(name, inputs, layers, validation)
    form = _placed(form, direction, names, encoded.validation.features, encoded.validation.price)
    origin = {
        "autoencoder": name,
        "dataset": encoded.dataset,
        "feature_set": encoded.address,
        "parameters": chosen,
        "seed": seed,
        "direction": list(direction.texts),
    }
    holdout = read_side(store.get(encoded.dataset).path, "holdout")
    features = FeatureSet.load(store.get(encoded.address).path / FEATURES)
    found = reconstruction(form, features, holdout)
    difference = _difference(layers, form, validation)

    def build(folder: Path) -> None:
        form.save(folder / SERVING)
        (folder / ORIGIN).write_bytes(canonical_json(origin))
        (folder / RECONSTRUCTION).write_bytes(canonical_json(found.to_json()))
        (folder / "curves.json").write_bytes(canonical_json(dict(layers.curves)))
        (folder / PARITY).write_bytes(canonical_json({"difference": float(f"{difference:.2g}")}))

    artifact = store.put(build)
    seconds = time.perf_counter() - started
    return FittedAutoencoder(artifact, seconds, layers.curves, chosen, found, difference)


def reconstruction(form: AutoencoderForm, features: FeatureSet, holdout: Columns) -> Reconstruction:
    """What the form leaves unexplained of the hold-out; NaN where there is no car."""
    price = holdout["price"]
    if not row_count(holdout):
        return Reconstruction(0, float("inf"), float("inf"), {})
    encoded = form.inputs.encode(features.feature_names, matrix_of(features, holdout), price)
    left = np.square(encoded - form.reconstruct(encoded)).mean(axis=0, dtype=np.float64)
    spread = encoded.astype(np.float64).var(axis=0)
    share = left / np.maximum(spread, 1e-9)
    moving = spread > 1e-9
    return Reconstruction(
        len(price),
        float(left.sum() / max(spread.sum(), 1e-9)),
        float(share[-1]),
        {name: float(each) for name, each, at in zip(form.inputs.names, share, moving) if at},
    )


def read_reconstruction(autoencoder: Artifact) -> Reconstruction:
    """What an autoencoder in the store left unexplained of its hold-out."""
    return Reconstruction.from_json(read_json(autoencoder.path / RECONSTRUCTION))


def matrix_of(features: FeatureSet, columns: Columns) -> Block:
    """The matrix of all rows, slice by slice."""
    parts = [features.transform(part) for part in slices(columns)]
    empty = np.empty((0, len(features.feature_names)), np.float32)
    return np.concatenate([empty, *parts])


def _form(name: str, inputs: Inputs, layers: Layers, validation: Floats32) -> AutoencoderForm:
    """The serving form, its spread that of the validation errors."""
    plain = AutoencoderForm(
        name,
        inputs,
        layers.weights,
        layers.biases,
        layers.activations,
        np.ones(len(inputs.names), np.float32),
        REACHES[0],
        REST_WEIGHTS[0],
    )
    errors = np.abs(validation - plain.reconstruct(validation))
    spread = np.maximum(np.percentile(errors, USUAL, axis=0), LEAST_ERROR).astype(np.float32)
    return AutoencoderForm(
        name,
        inputs,
        layers.weights,
        layers.biases,
        layers.activations,
        spread,
        REACHES[0],
        REST_WEIGHTS[0],
    )


def _placed(
    form: AutoencoderForm,
    direction: Direction,
    names: tuple[str, ...],
    features: Block,
    price: Floats,
) -> AutoencoderForm:
    """The form that looks where bargains planted on validation are nearest.

    Planted cars are no part of what the network learned from.
    """
    plantings = [plant(price, seed=seed) for seed in TUNED_ON]
    errors = [form.errors(names, features, each.price) for each in plantings]
    best, place = -1.0, (form.reach, form.rest_weight)
    for reach in REACHES:
        for weight in REST_WEIGHTS:
            found = [
                precision(
                    -direction.distance(
                        each, form.inputs.names, reach=reach, rest_weight=weight
                    ).astype(np.float64),
                    planting.is_planted,
                )
                for each, planting in zip(errors, plantings)
            ]
            if float(np.mean(found)) > best:
                best, place = float(np.mean(found)), (reach, weight)
    return AutoencoderForm(
        form.name, form.inputs, form.weights, form.biases, form.activations, form.spread, *place
    )


def _difference(layers: Layers, form: AutoencoderForm, rows: Floats32) -> float:
    """Greatest difference of the two reconstructions on 1,000 rows."""
    import torch

    with torch.no_grad():
        values: Any = torch.from_numpy(rows[:1_000])
        for weight, bias, activation in zip(layers.weights, layers.biases, layers.activations):
            values = values @ torch.from_numpy(weight) + torch.from_numpy(bias)
            if activation == "relu":
                values = torch.relu(values)
            elif activation == "sigmoid":
                values = torch.sigmoid(values)
    return float(np.abs(values.numpy() - form.reconstruct(rows[:1_000])).max(initial=0.0))
