"""The blend: its weights, its serving form, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.regressors.base import Side
from carprice_assets.regressors.blend import blend_weights
from carprice_assets.regressors.serving import load_serving_form
from carprice_assets.regressors.training import Encoded, fit_regressor

FEATURES = ("age", "size", "noise")
QUICK = {
    "random_forest": {"n_estimators": 10, "max_features": 1.0},
    "catboost": {"iterations": 60, "depth": 4, "learning_rate": 0.2},
}


def cars(rows: int, seed: int) -> Side:
    rng = np.random.default_rng(seed)
    features = rng.random((rows, 3)).astype(np.float32)
    return Side(features, np.exp(10 - features[:, 0] + features[:, 1] + rng.normal(0, 0.03, rows)))


def encoded(rows: int = 300) -> Encoded:
    return Encoded(cars(rows, 1), cars(80, 2), FEATURES, "data", "features")


def fit(name: str, store: ArtifactStore, **given: object) -> Artifact:
    settings = {"seed": 1, "trials": 0, "parameters": QUICK.get(name), "progress": lambda _: None}
    return fit_regressor(name, encoded(), store, **(settings | given)).artifact  # type: ignore[arg-type]


def test_weights_take_the_better_and_what_errs_otherwise() -> None:
    rng = np.random.default_rng(1)
    price = np.exp(rng.normal(10, 0.5, 4000))
    noise = rng.normal(0, 0.1, (3, 4000))
    unseen = {
        "a": price * np.exp(noise[0]),
        "b": price * np.exp(noise[1]),
        "useless": price * np.exp(noise[0] + 10 * noise[2]),
    }
    weights = blend_weights(unseen, price)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert "useless" not in weights
    assert weights["a"] == pytest.approx(0.5, abs=0.05)


def test_the_blend_is_the_weighted_mean_of_its_members(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    members = {name: fit(name, store) for name in QUICK}
    blend = fit("ensemble", store, members=members)
    form = load_serving_form(blend.path / "serving", FEATURES)
    features = cars(200, 3).features
    logs = {
        name: np.log(load_serving_form(each.path / "serving", FEATURES).predict(features))
        for name, each in members.items()
    }
    unseen = {name: np.load(each.path / "oof.npy") for name, each in members.items()}
    weights = blend_weights(unseen, encoded().train.price)
    expected = sum(weight * logs[name] for name, weight in weights.items())
    np.testing.assert_allclose(np.log(form.predict(features)), expected, rtol=1e-12)


def test_out_of_fold_prices_have_not_seen_their_own_row(tmp_path: Path) -> None:
    """A forest of one leaf a car repeats what it has learned; out of fold it cannot."""
    store = ArtifactStore(tmp_path)
    parameters = {"n_estimators": 20, "min_samples_leaf": 1, "max_features": 1.0}
    folder = fit("random_forest", store, parameters=parameters).path
    side = encoded().train
    seen = load_serving_form(folder / "serving", FEATURES).predict(side.features)
    unseen = np.load(folder / "oof.npy")
    error = [float(np.abs(np.log(each / side.price)).mean()) for each in (seen, unseen)]
    assert error[1] > 1.5 * error[0]


def test_one_regressor_is_no_ensemble(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    with pytest.raises(UserError, match="there is catboost: materialize others"):
        fit("ensemble", store, members={"catboost": fit("catboost", store)})
