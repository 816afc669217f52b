"""Random forest on the logarithm of the price (Breiman, 2001), by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.features.trees import TreeArrays
from carprice_assets.files import canonical_json, read_json
from carprice_assets.regressors.base import FitSettings, Progress, Side
from carprice_assets.regressors.search import search
from carprice_assets.regressors.serving import ForestForm, load_trees, save_trees, write_form

DEFAULTS: Mapping[str, Any] = {
    "n_estimators": 80,
    "min_samples_leaf": 4,
    "max_features": 0.33,
}


class RandomForest:
    """Averaged trees, each grown on a bootstrap sample and a share of the features."""

    name = "random_forest"
    defaults: Mapping[str, Any] = DEFAULTS

    def __init__(self) -> None:
        self.parameters: Mapping[str, Any] = {}
        self.curves: Mapping[str, list[float]] = {}
        self._importances: dict[str, float] = {}
        self._forest: Any = None
        self._form: ForestForm | None = None
        self._feature_names: tuple[str, ...] = ()

    @property
    def importances(self) -> Mapping[str, float]:
        """Mean decrease of impurity of each feature, adding up to 1."""
        return self._importances

    def fit(self, train: Side, validation: Side, settings: FitSettings, progress: Progress) -> None:
        """Fit on ``train``; ``validation`` serves the search alone."""
        defaults = {**DEFAULTS, **settings.parameters}
        chosen = dict(defaults)
        if settings.trials:

            def error_of(parameters: Mapping[str, Any]) -> float:
                forest = self._grow(train, parameters, settings)
                return float(np.abs(_prices(forest, validation.features) - validation.price).mean())

            chosen = search(
                _space,
                error_of,
                defaults=defaults,
                trials=settings.trials,
                seed=settings.seed,
                progress=progress,
            )
        progress(f"growing {chosen['n_estimators']} trees on {len(train.price):,} cars")
        self._forest = self._grow(train, chosen, settings)
        self._form = ForestForm(TreeArrays.from_sklearn(self._forest.estimators_, dtype=np.float32))
        self._feature_names = settings.feature_names
        self._importances = {
            name: float(weight)
            for name, weight in zip(settings.feature_names, self._forest.feature_importances_)
        }
        self.parameters = chosen

    def _grow(self, train: Side, parameters: Mapping[str, Any], settings: FitSettings) -> Any:
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(
            random_state=settings.seed, n_jobs=settings.threads, **parameters
        )
        return forest.fit(train.features, np.log(train.price))

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency: by the framework after a fit, else the tree arrays."""
        if self._forest is not None:
            return _prices(self._forest, features)
        assert self._form is not None, "neither fitted nor loaded"
        return self._form.predict(features)

    def save(self, folder: Path) -> None:
        """Write ``regressor.json`` and the serving form, which is the whole forest."""
        assert self._form is not None, "nothing fitted"
        serving = folder / "serving"
        serving.mkdir()
        save_trees(serving, self._form.trees)
        write_form(serving, "trees", self._feature_names)
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
        self._form = ForestForm(load_trees(folder / "serving"))
        self._forest = None


def _prices(forest: Any, features: Block) -> NDArray[np.float64]:
    return np.exp(np.asarray(forest.predict(features), np.float64))


def _space(trial: Any) -> dict[str, Any]:
    return {
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 10, log=True),
        "max_features": trial.suggest_float("max_features", 0.15, 1.0),
    }
