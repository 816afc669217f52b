"""Every regressor: fit, serving form, files, repetition, search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, folder_hashes
from carprice_assets.regressors.base import FitSettings, Side
from carprice_assets.regressors.registry import REGRESSORS
from carprice_assets.regressors.serving import form_features, load_serving_form
from carprice_assets.regressors.training import Encoded, fit_regressor, read_parity

FEATURES = ("age", "size", "noise")
QUICK = {
    "random_forest": {"n_estimators": 12, "max_features": 1.0},
    "catboost": {"iterations": 120, "depth": 4, "learning_rate": 0.15},
    "automl": {"rounds": 2, "learners": "lgbm,extra_tree"},
    "tensorflow_network": {"members": 2, "width": 32, "least_steps": 450, "price_features": True},
    "pytorch_network": {"members": 2, "width": 32, "least_steps": 450},
}


def cars(rows: int, seed: int) -> Side:
    """Cars whose price is 40,000 × size, less 12 % a year, with 3 % of noise."""
    rng = np.random.default_rng(seed)
    features = rng.random((rows, 3)).astype(np.float32)
    log_price = np.log(20_000 + 40_000 * features[:, 1]) - 0.12 * 8 * features[:, 0]
    return Side(features, np.exp(log_price + rng.normal(0, 0.03, rows)))


@pytest.fixture(params=sorted(REGRESSORS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def settings(name: str, **given: object) -> FitSettings:
    quick: dict[str, object] = {"seed": 1, "feature_names": FEATURES, "parameters": QUICK[name]}
    return FitSettings(**(quick | given))  # type: ignore[arg-type]


def test_learns_the_price_and_what_it_depends_on(name: str) -> None:
    regressor = REGRESSORS[name]()
    regressor.fit(cars(1500, 1), cars(300, 2), settings(name), lambda line: None)
    test = cars(400, 3)
    error = np.abs(regressor.predict(test.features) / test.price - 1.0)
    assert np.median(error) < 0.05
    assert sum(regressor.importances.values()) == pytest.approx(1.0)
    assert regressor.importances["noise"] < 1 / 3  # less than an even share
    assert regressor.importances["noise"] == min(regressor.importances.values())


def test_the_serving_form_gives_the_same_prices(name: str, tmp_path: Path) -> None:
    regressor = REGRESSORS[name]()
    regressor.fit(cars(800, 1), cars(200, 2), settings(name), lambda line: None)
    regressor.save(tmp_path)
    features = cars(1000, 3).features
    expected = regressor.predict(features)
    form = load_serving_form(tmp_path / "serving", FEATURES)
    np.testing.assert_allclose(form.predict(features), expected, rtol=1e-6)
    alone = np.array([form.predict(row[None, :])[0] for row in features[:50]])
    np.testing.assert_allclose(alone, expected[:50], rtol=1e-6)
    assert form_features(tmp_path / "serving") == FEATURES
    restored = REGRESSORS[name]()
    restored.load(tmp_path)
    np.testing.assert_allclose(restored.predict(features), expected, rtol=1e-6)
    assert restored.importances == regressor.importances


def test_no_file_of_a_regressor_is_a_pickle(name: str, tmp_path: Path) -> None:
    regressor = REGRESSORS[name]()
    regressor.fit(cars(200, 1), cars(60, 2), settings(name), lambda line: None)
    regressor.save(tmp_path)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert path.suffix in {".json", ".npy", ".cbm"}
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)


def test_the_same_training_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        regressor = REGRESSORS[name]()
        regressor.fit(cars(400, 1), cars(100, 2), settings(name), lambda line: None)
        regressor.save(folder)
    assert folder_hashes(tmp_path / "a") == folder_hashes(tmp_path / "b")


# FLAML is itself a search, see test_automl.py.
@pytest.mark.parametrize("name", sorted(set(REGRESSORS) - {"automl"}))
def test_a_search_tells_its_progress_and_is_not_worse(name: str) -> None:
    plain, searched = REGRESSORS[name](), REGRESSORS[name]()
    lines: list[str] = []
    train, validation = cars(300, 1), cars(120, 2)
    plain.fit(train, validation, settings(name), lambda line: None)
    searched.fit(train, validation, settings(name, trials=3), lines.append)

    def mae(of: object) -> float:
        return float(np.abs(of.predict(validation.features) - validation.price).mean())  # type: ignore[attr-defined]

    assert mae(searched) <= mae(plain) * (1 + 1e-9)
    assert sum("trial" in line for line in lines) == 4


def test_a_form_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "form.json").write_bytes(canonical_json({"kind": "pickle", "feature_names": []}))
    with pytest.raises(UserError, match="unknown serving form 'pickle'"):
        load_serving_form(tmp_path, ())


def test_fitting_refuses_what_is_no_market_yet(tmp_path: Path) -> None:
    few = Encoded(cars(10, 1), cars(5, 2), FEATURES, "d", "f")
    with pytest.raises(UserError, match="10 training"):
        fit_regressor(
            "catboost",
            few,
            ArtifactStore(tmp_path),
            seed=1,
            trials=0,
            progress=lambda line: None,
        )


def test_a_fitted_regressor_states_its_parity_and_origin(name: str, tmp_path: Path) -> None:
    fitted = fit_regressor(
        name,
        Encoded(cars(200, 1), cars(60, 2), FEATURES, "data", "features"),
        ArtifactStore(tmp_path),
        seed=1,
        trials=0,
        progress=lambda line: None,
        parameters=QUICK[name],
    )
    assert read_parity(fitted.artifact) <= 1e-6
    assert fitted.gap == pytest.approx(fitted.validation_error / fitted.train_error - 1)


def test_an_unknown_parameter_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown parameter 'leaves'"):
        fit_regressor(
            name,
            Encoded(cars(200, 1), cars(60, 2), FEATURES, "data", "features"),
            ArtifactStore(tmp_path),
            seed=1,
            trials=0,
            progress=lambda line: None,
            parameters={"leaves": 3},
        )
