"""The regressors there are, by name."""

from __future__ import annotations

from collections.abc import Mapping

from carprice_assets.regressors.base import Regressor
from carprice_assets.regressors.catboost import CatBoost
from carprice_assets.regressors.random_forest import RandomForest

REGRESSORS: Mapping[str, type[Regressor]] = {
    RandomForest.name: RandomForest,
    CatBoost.name: CatBoost,
}
