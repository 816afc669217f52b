"""Random forest on the logarithm of the price (Breiman, 2001), by scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.features.trees import TreeArrays
from carprice_assets.regressors.base import FitSettings, Progress, Report, Side
from carprice_assets.regressors.family import Family, out_of_parts, tree_features, tree_side
from carprice_assets.regressors.serving import ForestForm, load_trees, save_trees, write_form

PARTS = 2
"""Parts of the vehicles for out-of-fold prices: each is priced by a fit on the others."""


class RandomForest(Family):
    """Averaged trees, each grown on a bootstrap sample and a share of the features."""

    name = "random_forest"
    # Measured on real cards: a smaller leaf or more features a split gains under 0.5 %.
    defaults: Mapping[str, Any] = {
        "n_estimators": 80,
        "min_samples_leaf": 4,
        "max_features": 0.33,
    }

    def __init__(self) -> None:
        super().__init__()
        self._forest: Any = None
        self._form: ForestForm | None = None
        self._read: tuple[str, ...] = ()

    def fit(self, train: Side, validation: Side, settings: FitSettings, progress: Progress) -> None:
        """Fit on ``train``; ``validation`` serves the search alone."""
        self.feature_names = settings.feature_names
        self._read = tree_features(settings.feature_names)
        side = tree_side(train, self.feature_names)

        def predict_with(parameters: Mapping[str, Any], report: Report) -> Any:
            del report  # trees grow side by side: there is nothing to judge on the way
            forest = _grow(side, parameters, settings)

            def priced(features: Block) -> NDArray[np.float64]:
                return _prices(forest, self._columns(features))

            return priced

        chosen = self.choose(settings, _space, predict_with, validation, progress)
        progress(f"growing {chosen['n_estimators']} trees on {len(train.price):,} cars")
        self._forest = _grow(side, chosen, settings)
        trees = TreeArrays.from_sklearn(self._forest.estimators_, dtype=np.float32)
        self._form = ForestForm(trees)
        self.parameters: Mapping[str, Any] = chosen
        weights = np.zeros(len(self.feature_names))
        weights[self._places] = self._forest.feature_importances_
        self.weigh(self.feature_names, weights)
        again = {**chosen, "n_estimators": max(int(chosen["n_estimators"]) // 2, 1)}

        def priced_by(part: Side) -> Callable[[Block], NDArray[np.float64]]:
            return partial(_prices, _grow(part, again, settings))

        self.out_of_fold: NDArray[np.float64] | None = out_of_parts(side, PARTS, priced_by)

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency: by the framework after a fit, else the tree arrays."""
        if self._forest is not None:
            return _prices(self._forest, self._columns(features))
        assert self._form is not None, "neither fitted nor loaded"
        return self._form.predict(self._columns(features))

    @property
    def _places(self) -> list[int]:
        return [self.feature_names.index(name) for name in self._read]

    def _columns(self, features: Block) -> Block:
        return np.ascontiguousarray(features[:, self._places])

    def save(self, folder: Path) -> None:
        """Write ``regressor.json`` and the serving form, which is the whole forest."""
        assert self._form is not None, "nothing fitted"
        serving = folder / "serving"
        serving.mkdir()
        save_trees(serving, self._form.trees)
        write_form(serving, "trees", self._read)
        self.save_head(folder)

    def load(self, folder: Path) -> None:
        """Take over what :meth:`save` wrote."""
        self.load_head(folder)
        self._read = tree_features(self.feature_names)
        self._form = ForestForm(load_trees(folder / "serving"))
        self._forest = None


def _grow(train: Side, parameters: Mapping[str, Any], settings: FitSettings) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        random_state=settings.seed, n_jobs=settings.threads, **parameters
    )
    return forest.fit(train.features, np.log(train.price))


def one_after_another(forest: Any) -> None:
    """Let a forest add up its trees' answers in their order.

    Several threads add them as they come, and the last bits of the sum with them; those of
    out-of-fold prices go on into the ensemble's weights and the ranges.
    """
    forest.set_params(n_jobs=1)


def _prices(forest: Any, features: Block) -> NDArray[np.float64]:
    one_after_another(forest)
    return np.exp(np.asarray(forest.predict(features), np.float64))


def _space(trial: Any) -> dict[str, Any]:
    return {
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 10, log=True),
        "max_features": trial.suggest_float("max_features", 0.15, 1.0),
    }
