"""Whatever FLAML finds among boosted and extremely randomised trees."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.features.trees import TreeArrays
from carprice_assets.regressors.base import FitSettings, Progress, Side
from carprice_assets.regressors.boosted_trees import arrays_of, lightgbm_trees, xgboost_trees
from carprice_assets.regressors.compiled_trees import catboost_of
from carprice_assets.regressors.family import Family, out_of_parts, tree_features
from carprice_assets.regressors.random_forest import one_after_another
from carprice_assets.regressors.serving import (
    CatBoostForm,
    ForestForm,
    Selected,
    load_form,
    save_catboost,
    save_trees,
    write_form,
)

PARTS = 2
"""Parts of the vehicles for out-of-fold prices: each is priced by a fit on the others."""
MANY = 20_000
"""Rows below which a second thread of boosting waits more than it works."""
STARTS: Mapping[str, Mapping[str, Any]] = {
    "lgbm": {
        "n_estimators": 700,
        "num_leaves": 127,
        "learning_rate": 0.08,
        "min_child_samples": 10,
        "colsample_bytree": 0.4,
        "log_max_bin": 8,
        "reg_alpha": 0.001,
        "reg_lambda": 1.0,
    },
    "xgboost": {
        "n_estimators": 300,
        "max_leaves": 127,
        "learning_rate": 0.1,
        "min_child_weight": 5.0,
        "subsample": 0.8,
        "colsample_bytree": 0.4,
        "colsample_bylevel": 1.0,
        "reg_alpha": 0.001,
        "reg_lambda": 1.0,
    },
    "extra_tree": {"n_estimators": 60, "max_features": 0.5, "max_leaves": 8_000},
}
"""Where FLAML starts with each learner; good on real cards without a search."""
ABSOLUTE = {
    "lgbm": {"objective": {"domain": "regression_l1"}},
    "xgboost": {"objective": {"domain": "reg:absoluteerror"}},
}
"""Boosting minimises the absolute error: on real cards 4 % better than squared error."""


class AutoML(Family):
    """Searched by FLAML (Wang, Wu, Weimer, Zhu, 2021): LightGBM, XGBoost or extra trees.

    `rounds` of the cost-frugal search, the learners in turn, each judged by the absolute error
    of the log price on validation; the first of each learner takes settings that are known to
    be good. Run config `trials` takes the place of `rounds`, and `minutes` ends the search
    earlier. Boosted trees serve as CatBoost's own file, extra trees as arrays, so that no
    service needs the winner's library.
    """

    name = "automl"
    defaults: Mapping[str, Any] = {"rounds": 4, "learners": "lgbm,xgboost,extra_tree"}

    def __init__(self) -> None:
        super().__init__()
        self._model: Any = None
        self._form: CatBoostForm | ForestForm | None = None
        self._read: tuple[str, ...] = ()

    def fit(self, train: Side, validation: Side, settings: FitSettings, progress: Progress) -> None:
        """Search on ``train`` judged on ``validation``; the winner of the search is kept."""
        self.feature_names = settings.feature_names
        self._read = tree_features(settings.feature_names)
        chosen = {**self.defaults, **settings.parameters}
        rounds = settings.trials or (0 if settings.minutes else int(chosen["rounds"]))
        found, tried = _search(
            self._columns(train.features),
            np.log(train.price),
            (self._columns(validation.features), np.log(validation.price)),
            learners=_learners(str(chosen["learners"])),
            rounds=rounds,
            minutes=settings.minutes,
            seed=settings.seed,
            threads=settings.threads if len(train.price) >= MANY else 1,
            progress=progress,
        )
        self._model = found.model.estimator
        self._form = _form(self._model, len(self._read))
        best = {key: _plain(value) for key, value in found.best_config.items()}
        self.parameters: Mapping[str, Any] = {
            **chosen,
            "learner": found.best_estimator,
            **best,
            "tried": tried,
        }

        def priced_by(side: Side) -> Callable[[Block], NDArray[np.float64]]:
            from sklearn.base import clone

            fresh: Any = cast("Any", clone(self._model)).fit(
                self._columns(side.features), np.log(side.price)
            )

            def priced(features: Block) -> NDArray[np.float64]:
                return _prices(fresh, self._columns(features))

            return priced

        progress(f"out-of-fold prices by {PARTS} fits of {found.best_estimator}")
        self.out_of_fold: NDArray[np.float64] | None = out_of_parts(train, PARTS, priced_by)
        weights = np.zeros(len(self.feature_names))
        places = [self.feature_names.index(name) for name in self._read]
        weights[places] = _importances(self._model)
        self.weigh(self.feature_names, weights)

    def _columns(self, features: Block) -> Block:
        places = [self.feature_names.index(name) for name in self._read]
        return np.ascontiguousarray(features[:, places])

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency: by the learner after a fit, else the tree arrays."""
        if self._model is not None:
            return _prices(self._model, self._columns(features))
        assert self._form is not None, "neither fitted nor loaded"
        return Selected(self._form, self._read, self.feature_names).predict(features)

    def save(self, folder: Path) -> None:
        """Write ``regressor.json`` and the serving form, which is the whole winner."""
        assert self._form is not None, "nothing fitted"
        serving = folder / "serving"
        serving.mkdir()
        if isinstance(self._form, CatBoostForm):
            save_catboost(self._form.model, serving / "model.cbm")
            write_form(serving, "catboost", self._read)
        else:
            save_trees(serving, self._form.trees)
            write_form(serving, "trees", self._read)
        self.save_head(folder)

    def load(self, folder: Path) -> None:
        """Take over what :meth:`save` wrote."""
        self.load_head(folder)
        form = load_form(folder / "serving")
        assert isinstance(form, CatBoostForm | ForestForm)
        self._form, self._model = form, None
        self._read = tree_features(self.feature_names)


def _learners(text: str) -> list[str]:
    learners = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in learners if name not in STARTS] or (not learners and [text]):
        known = ", ".join(STARTS)
        raise UserError(f"regressors.automl.learners: unknown {unknown[0]!r}: there are {known}")
    return learners


def _search(
    features: Block,
    target: NDArray[np.float64],
    validation: tuple[Block, NDArray[np.float64]],
    *,
    learners: list[str],
    rounds: int,
    minutes: float,
    seed: int,
    threads: int,
    progress: Progress,
) -> tuple[Any, list[dict[str, Any]]]:
    """FLAML's finding, and learner and error of every round."""
    from flaml.automl.automl import AutoML as Search

    logging.getLogger("flaml").setLevel(logging.WARNING)
    logging.getLogger("flaml.automl.logger").setLevel(logging.WARNING)
    limit = f"{rounds} rounds" if rounds else f"{minutes:g} minutes"
    progress(f"FLAML searches {', '.join(learners)} for {limit} on {len(features):,} cars")
    found: Any = Search()
    folder = tempfile.TemporaryDirectory(prefix="carprice-flaml-")
    log = Path(folder.name) / "rounds.jsonl"
    found.fit(
        features,
        target,
        log_file_name=str(log),
        log_type="all",
        X_val=validation[0],
        y_val=validation[1],
        task="regression",
        metric="mae",
        eval_method="holdout",
        estimator_list=learners,
        starting_points={name: dict(STARTS[name]) for name in learners},
        custom_hp={name: ABSOLUTE[name] for name in learners if name in ABSOLUTE},
        # FLAML stops at whichever comes first; -1 is no limit of time, so the same rounds.
        max_iter=rounds or 1_000_000,
        time_budget=60.0 * minutes if minutes else -1,
        # FLAML's own choice of the next learner goes by the seconds that each has taken.
        learner_selector="sample" if minutes else "roundrobin",
        sample=False,
        retrain_full=False,
        seed=seed,
        n_jobs=threads,
        verbose=0,
    )
    # One round of one learner is fitted without being judged.
    judged = f", validation error {found.best_loss:.5g}" if found.best_loss < np.inf else ""
    progress(f"best: {found.best_estimator}{judged}")
    with folder:
        return found, _rounds(log)


def _prices(model: Any, features: Block) -> NDArray[np.float64]:
    if hasattr(model, "estimators_"):
        one_after_another(model)
    return np.exp(np.asarray(model.predict(features), np.float64))


def _form(model: Any, columns: int) -> CatBoostForm | ForestForm:
    kind = type(model).__module__.partition(".")[0]
    if kind == "lightgbm":
        grown, base = lightgbm_trees(model.booster_, model.n_estimators_), 0.0
        return CatBoostForm(catboost_of(arrays_of(grown), columns, base))
    if kind == "xgboost":
        booster = model.get_booster()
        grown, base = xgboost_trees(booster, booster.num_boosted_rounds())
        return CatBoostForm(catboost_of(arrays_of(grown), columns, base))
    return ForestForm(TreeArrays.from_sklearn(model.estimators_, dtype=np.float32))


def _importances(model: Any) -> NDArray[np.float64]:
    """What each feature gains; LightGBM would count splits, which favours noise."""
    if type(model).__module__.startswith("lightgbm"):
        return np.asarray(model.booster_.feature_importance("gain"), np.float64)
    return np.asarray(model.feature_importances_, np.float64)


def _rounds(log: Path) -> list[dict[str, Any]]:
    """Learner and validation error of every round, as FLAML's log has them."""
    rounds: list[dict[str, Any]] = []
    for line in log.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if "learner" in record:
            error = float(f"{record['validation_loss']:.6g}")
            rounds.append({"learner": record["learner"], "validation_error": error})
    return rounds


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return float(f"{value:.10g}") if isinstance(value, float) else value
