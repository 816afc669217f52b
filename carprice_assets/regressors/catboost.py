"""Gradient boosting of symmetric trees (Prokhorenkova et al., 2018), by CatBoost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.files import canonical_json, read_json
from carprice_assets.regressors.base import FitSettings, Progress, Side
from carprice_assets.regressors.search import search
from carprice_assets.regressors.serving import MULTITHREAD_ROWS, CatBoostForm, write_form

DEFAULTS: Mapping[str, Any] = {
    "iterations": 3000,
    "learning_rate": 0.06,
    "depth": 8,
    "l2_leaf_reg": 3.0,
    "border_count": 128,
    "loss_function": "MAE",
}
LOSS = "log_mae"
PATIENCE = 100
"""Iterations without a better validation error after which the fit stops."""
MONOTONE: Mapping[str, int] = {}
"""Direction of the price in a feature, all else equal: -1 falls, 1 rises."""
PROGRESS_EVERY = 250
UNREPEATABLE = ("model_guid", "train_finish_time")
"""Metadata that would give the same model another hash each time."""


class CatBoost:
    """Boosted trees on the logarithm of the price, absolute error, early stopping.

    Reads the encoded features alone: native categories cost twice the time of an answer.
    """

    name = "catboost"
    defaults: Mapping[str, Any] = DEFAULTS

    def __init__(self) -> None:
        self.parameters: Mapping[str, Any] = {}
        self.curves: Mapping[str, list[float]] = {}
        self._importances: dict[str, float] = {}
        self._model: Any = None
        self._feature_names: tuple[str, ...] = ()

    @property
    def importances(self) -> Mapping[str, float]:
        """Average change of the prediction by each feature, adding up to 1."""
        return self._importances

    def fit(self, train: Side, validation: Side, settings: FitSettings, progress: Progress) -> None:
        """Fit on ``train``; ``validation`` serves early stopping and the search."""
        defaults = {**DEFAULTS, **settings.parameters}
        chosen = dict(defaults)
        if settings.trials:

            def error_of(parameters: Mapping[str, Any]) -> float:
                model = self._boost(train, validation, parameters, settings, progress)
                prices = _prices(model, validation.features)
                return float(np.abs(prices - validation.price).mean())

            chosen = search(
                _space,
                error_of,
                defaults=defaults,
                trials=settings.trials,
                seed=settings.seed,
                progress=progress,
            )
        self._model = self._boost(train, validation, chosen, settings, progress)
        self._feature_names = settings.feature_names
        weights = np.asarray(self._model.get_feature_importance(), np.float64)
        total = weights.sum() or 1.0
        self._importances = {
            name: float(weight / total) for name, weight in zip(settings.feature_names, weights)
        }
        results = self._model.get_evals_result()
        self.curves = {
            f"train_{LOSS}": _curve(results.get("learn", {})),
            f"validation_{LOSS}": _curve(results.get("validation", {})),
        }
        self.parameters = {**chosen, "trees": int(self._model.tree_count_)}

    def _boost(
        self,
        train: Side,
        validation: Side,
        parameters: Mapping[str, Any],
        settings: FitSettings,
        progress: Progress,
    ) -> Any:
        import catboost

        model: Any = catboost.CatBoost(
            {
                **parameters,
                "random_seed": settings.seed,
                "thread_count": settings.threads,
                "monotone_constraints": [MONOTONE.get(n, 0) for n in settings.feature_names],
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

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        assert self._model is not None, "neither fitted nor loaded"
        return _prices(self._model, features)

    def save(self, folder: Path) -> None:
        """Write ``regressor.json`` and the serving form, which is the whole model."""
        serving = folder / "serving"
        serving.mkdir()
        for key in UNREPEATABLE:
            self._model.get_metadata()[key] = ""
        self._model.save_model(str(serving / "model.cbm"))
        write_form(serving, "catboost", self._feature_names)
        head = {
            "regressor": self.name,
            "parameters": dict(self.parameters),
            "importances": self._importances,
            "curves": dict(self.curves),
        }
        (folder / "regressor.json").write_bytes(canonical_json(head))

    def load(self, folder: Path) -> None:
        """Take over what :meth:`save` wrote."""
        head = read_json(folder / "regressor.json")
        self.parameters, self._importances = head["parameters"], head["importances"]
        self.curves = head["curves"]
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


def _curve(results: Mapping[str, Any]) -> list[float]:
    """The first metric of one side, one value an iteration."""
    return [float(value) for value in next(iter(results.values()), [])]


def _prices(model: Any, features: Block) -> NDArray[np.float64]:
    threads = 1 if len(features) < MULTITHREAD_ROWS else -1
    return np.exp(np.asarray(model.predict(features, thread_count=threads), np.float64))


def _space(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "depth": trial.suggest_int("depth", 5, 9),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 1.0, 10.0, log=True),
    }
