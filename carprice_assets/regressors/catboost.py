"""Gradient boosting of symmetric trees (Prokhorenkova et al., 2018), by CatBoost."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.regressors.base import FitSettings, Progress, Side
from carprice_assets.regressors.family import Family
from carprice_assets.regressors.serving import CatBoostForm, predict_catboost, write_form

PATIENCE = 100
"""Iterations without a better validation error after which the fit stops."""
PROGRESS_EVERY = 250
CURVE = "log_mae"
UNREPEATABLE = ("model_guid", "train_finish_time")
"""Metadata that would give the same model another hash each time."""


class CatBoost(Family):
    """Boosted trees on the logarithm of the price, absolute error, early stopping.

    Reads the encoded features alone: native categories cost twice the time of an answer.
    """

    name = "catboost"
    # Measured on real cards: squared error is 4 % worse, depth 6 is 1 % worse.
    defaults: Mapping[str, Any] = {
        "iterations": 3000,
        "learning_rate": 0.06,
        "depth": 8,
        "l2_leaf_reg": 3.0,
        "border_count": 128,
        "loss_function": "MAE",
    }

    def __init__(self) -> None:
        super().__init__()
        self._model: Any = None

    def fit(self, train: Side, validation: Side, settings: FitSettings, progress: Progress) -> None:
        """Fit on ``train``; ``validation`` serves early stopping and the search."""
        boost = partial(_boost, train, validation, settings, progress)

        def predict_with(parameters: Mapping[str, Any]) -> Any:
            return partial(predict_catboost, boost(parameters))

        chosen = self.choose(settings, _space, predict_with, validation, progress)
        self._model = boost(chosen)
        self.parameters: Mapping[str, Any] = {**chosen, "trees": int(self._model.tree_count_)}
        self.weigh(settings.feature_names, self._model.get_feature_importance())
        results = self._model.get_evals_result()
        self.curves: Mapping[str, list[float]] = {
            f"train_{CURVE}": _curve(results.get("learn", {})),
            f"validation_{CURVE}": _curve(results.get("validation", {})),
        }

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        assert self._model is not None, "neither fitted nor loaded"
        return predict_catboost(self._model, features)

    def save(self, folder: Path) -> None:
        """Write ``regressor.json`` and the serving form, which is the whole model."""
        serving = folder / "serving"
        serving.mkdir()
        for key in UNREPEATABLE:
            self._model.get_metadata()[key] = ""
        self._model.save_model(str(serving / "model.cbm"))
        write_form(serving, "catboost", self.feature_names)
        self.save_head(folder)

    def load(self, folder: Path) -> None:
        """Take over what :meth:`save` wrote."""
        self.load_head(folder)
        self._model = CatBoostForm(folder / "serving" / "model.cbm").model


class _Lines:
    """A file-like end of CatBoost's log that hands on whole lines."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def write(self, text: str) -> None:
        for line in text.splitlines():
            if line.strip():
                self._progress(" ".join(line.split()))

    def flush(self) -> None:
        """Nothing is held back."""


def _boost(
    train: Side,
    validation: Side,
    settings: FitSettings,
    progress: Progress,
    parameters: Mapping[str, Any],
) -> Any:
    import catboost

    model: Any = catboost.CatBoost(
        {
            **parameters,
            "random_seed": settings.seed,
            "thread_count": settings.threads,
            "use_best_model": True,
            "od_type": "Iter",
            "od_wait": PATIENCE,
            "allow_writing_files": False,
        }
    )
    model.fit(
        catboost.Pool(train.features, np.log(train.price)),
        eval_set=catboost.Pool(validation.features, np.log(validation.price)),
        verbose=PROGRESS_EVERY,
        log_cout=_Lines(progress),
        log_cerr=_Lines(progress),
    )
    return model


def _curve(results: Mapping[str, Any]) -> list[float]:
    """The first metric of one side, one value an iteration."""
    return [float(value) for value in next(iter(results.values()), [])]


def _space(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "depth": trial.suggest_int("depth", 5, 9),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 1.0, 10.0, log=True),
    }
