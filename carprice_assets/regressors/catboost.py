"""Gradient boosting of symmetric trees (Prokhorenkova et al., 2018), by CatBoost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.regressors.base import FitSettings, Progress, Report, Side, no_report
from carprice_assets.regressors.family import Family, out_of_parts, tree_features, tree_side
from carprice_assets.regressors.serving import (
    load_catboost,
    predict_catboost,
    save_catboost,
    write_form,
)

PATIENCE = 100
"""Iterations without a better validation error after which the fit stops."""
PROGRESS_EVERY = 250
PARTS = 2
"""Parts of the vehicles for out-of-fold prices: each is priced by a fit on the others."""
REPORTS = 20
"""Times that a fit of all its iterations reports its error to a search."""
CURVE = "log_mae"


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
        self._read: tuple[str, ...] = ()

    def fit(self, train: Side, validation: Side, settings: FitSettings, progress: Progress) -> None:
        """Fit on ``train``; ``validation`` serves early stopping and the search."""
        self.feature_names = settings.feature_names
        self._read = tree_features(settings.feature_names)
        whole = validation
        train, validation = (tree_side(side, self.feature_names) for side in (train, validation))
        boost = partial(_boost, train, validation, settings, progress)

        def predict_with(parameters: Mapping[str, Any], report: Report) -> Any:
            model = boost(parameters, report)

            def priced(features: Block) -> NDArray[np.float64]:
                return predict_catboost(model, self._columns(features))

            return priced

        chosen = self.choose(settings, _space, predict_with, whole, progress)
        self._model = boost(chosen)
        self.parameters: Mapping[str, Any] = {**chosen, "trees": int(self._model.tree_count_)}
        weights = np.zeros(len(self.feature_names))
        weights[self._places] = self._model.get_feature_importance()
        self.weigh(self.feature_names, weights)
        again = {**chosen, "iterations": max(int(self._model.tree_count_), 1)}

        def priced_by(side: Side) -> Callable[[Block], NDArray[np.float64]]:
            return partial(predict_catboost, _boost(side, None, settings, progress, again))

        progress(f"out-of-fold prices by {PARTS} fits of {again['iterations']} trees")
        self.out_of_fold: NDArray[np.float64] | None = out_of_parts(train, PARTS, priced_by)
        results = self._model.get_evals_result()
        self.curves: Mapping[str, list[float]] = {
            f"train_{CURVE}": _curve(results.get("learn", {})),
            f"validation_{CURVE}": _curve(results.get("validation", {})),
        }

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        assert self._model is not None, "neither fitted nor loaded"
        return predict_catboost(self._model, self._columns(features))

    @property
    def _places(self) -> list[int]:
        return [self.feature_names.index(name) for name in self._read]

    def _columns(self, features: Block) -> Block:
        return np.ascontiguousarray(features[:, self._places])

    def save(self, folder: Path) -> None:
        """Write ``regressor.json`` and the serving form, which is the whole model."""
        serving = folder / "serving"
        serving.mkdir()
        save_catboost(self._model, serving / "model.cbm")
        write_form(serving, "catboost", self._read)
        self.save_head(folder)

    def load(self, folder: Path) -> None:
        """Take over what :meth:`save` wrote."""
        self.load_head(folder)
        self._read = tree_features(self.feature_names)
        self._model = load_catboost(folder / "serving" / "model.cbm")


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


class _Reporter:
    """CatBoost's callback that reports the validation error and stops where asked to."""

    def __init__(self, iterations: int, report: Report) -> None:
        self._every = max(1, iterations // REPORTS)
        self._iterations = iterations
        self._report = report

    def after_iteration(self, info: Any) -> bool:
        """False ends the fit."""
        if info.iteration % self._every:
            return True
        error = next(iter(info.metrics["validation"].values()))[-1]
        return not self._report(100 * info.iteration // self._iterations, float(error))


def _boost(
    train: Side,
    validation: Side | None,
    settings: FitSettings,
    progress: Progress,
    parameters: Mapping[str, Any],
    report: Report = no_report,
) -> Any:
    """A fitted model; without ``validation`` all iterations are made and kept."""
    import catboost

    stop = {"use_best_model": True, "od_type": "Iter", "od_wait": PATIENCE} if validation else {}

    model: Any = catboost.CatBoost(
        {
            **parameters,
            "random_seed": settings.seed,
            "thread_count": settings.threads,
            **stop,
            "allow_writing_files": False,
        }
    )
    model.fit(
        catboost.Pool(train.features, np.log(train.price)),
        eval_set=validation and catboost.Pool(validation.features, np.log(validation.price)),
        verbose=PROGRESS_EVERY,
        log_cout=_Lines(progress),
        log_cerr=_Lines(progress),
        callbacks=None if report is no_report else [_Reporter(parameters["iterations"], report)],
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
