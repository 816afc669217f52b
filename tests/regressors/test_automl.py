"""FLAML's winners: each learner serves without its library, and rounds mean the same again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.regressors.automl import STARTS, AutoML
from carprice_assets.regressors.base import FitSettings, Side
from carprice_assets.regressors.serving import load_serving_form

FEATURES = ("age", "size", "code_make", "word_1")


def cars(rows: int, seed: int) -> Side:
    rng = np.random.default_rng(seed)
    features = rng.random((rows, 4)).astype(np.float32)
    return Side(features, np.exp(10 - features[:, 0] + features[:, 1] + rng.normal(0, 0.02, rows)))


def fitted(parameters: dict[str, object], **given: object) -> tuple[AutoML, list[str]]:
    regressor, lines = AutoML(), list[str]()
    settings = FitSettings(1, FEATURES, parameters=parameters, **given)  # type: ignore[arg-type]
    regressor.fit(cars(400, 1), cars(100, 2), settings, lines.append)
    return regressor, lines


@pytest.mark.parametrize("learner", sorted(STARTS))
def test_every_learner_serves_without_its_library(learner: str, tmp_path: Path) -> None:
    regressor, _ = fitted({"rounds": 1, "learners": learner})
    regressor.save(tmp_path)
    features = cars(1000, 3).features
    form = load_serving_form(tmp_path / "serving", FEATURES)
    np.testing.assert_allclose(
        form.predict(features), regressor.predict(features), rtol=5e-5
    )  # XGBoost adds up in float32
    assert regressor.parameters["learner"] == learner


def test_codes_are_never_read() -> None:
    regressor, _ = fitted({"rounds": 1, "learners": "lgbm"})
    features = cars(50, 3).features
    before = regressor.predict(features)
    features[:, 2:] = 0.0
    np.testing.assert_array_equal(regressor.predict(features), before)
    assert regressor.importances["code_make"] == regressor.importances["word_1"] == 0.0


def test_trials_take_the_place_of_rounds() -> None:
    regressor, lines = fitted({"rounds": 9, "learners": "lgbm"}, trials=2)
    assert any("for 2 rounds" in line for line in lines)
    assert len(regressor.parameters["tried"]) == 2


def test_an_unknown_learner_is_named() -> None:
    with pytest.raises(UserError, match="unknown 'svm'"):
        fitted({"learners": "lgbm,svm"})
