"""What could make two equal fits differ: the order of sums, and choices by the clock."""

from __future__ import annotations

import numpy as np
import pytest

from carprice_assets.regressors import automl
from carprice_assets.regressors.automl import AutoML
from carprice_assets.regressors.base import FitSettings, Side
from carprice_assets.regressors.random_forest import RandomForest

NAMES = tuple(f"f{place}" for place in range(8))


def side(rows: int, seed: int) -> Side:
    draws = np.random.default_rng(seed)
    features = draws.normal(size=(rows, len(NAMES))).astype(np.float32)
    price = np.exp(10 + 0.3 * features[:, :3].sum(axis=1) + 0.1 * draws.normal(size=rows))
    return Side(features, price, np.arange(rows) % 10)


def quiet(line: str) -> None:
    del line


@pytest.mark.parametrize("learner", ["random_forest", "extra_tree"])
def test_more_threads_give_the_same_out_of_fold_prices(
    learner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automl, "MANY", 0)
    train, validation = side(6_000, 1), side(200, 2)
    found: list[bytes] = []
    for threads in (1, 4):
        if learner == "random_forest":
            regressor, parameters = RandomForest(), {"n_estimators": 60}
        else:
            regressor, parameters = AutoML(), {"rounds": 1, "learners": learner}
        settings = FitSettings(3, NAMES, threads=threads, parameters=parameters)
        regressor.fit(train, validation, settings, quiet)
        assert regressor.out_of_fold is not None
        found.append(regressor.out_of_fold.tobytes() + regressor.predict(train.features).tobytes())
    assert found[0] == found[1]


def test_flaml_takes_its_learners_in_turn() -> None:
    """By its own choice the seconds that each took would decide."""
    regressor = AutoML()
    settings = FitSettings(3, NAMES, threads=1, parameters={"rounds": 4})
    regressor.fit(side(300, 1), side(100, 2), settings, quiet)
    learners = [each["learner"] for each in regressor.parameters["tried"]]
    assert learners == ["lgbm", "xgboost", "extra_tree", "lgbm"]
