"""The regressors there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from carprice_assets.regressors.automl import AutoML
from carprice_assets.regressors.base import Regressor
from carprice_assets.regressors.catboost import CatBoost
from carprice_assets.regressors.ensemble import Ensemble
from carprice_assets.regressors.family import Family
from carprice_assets.regressors.pytorch_network import PyTorchNetwork
from carprice_assets.regressors.random_forest import RandomForest
from carprice_assets.regressors.tensorflow_network import TensorFlowNetwork

REGRESSORS: Mapping[str, type[Regressor]] = {
    RandomForest.name: RandomForest,
    CatBoost.name: CatBoost,
    AutoML.name: AutoML,
    TensorFlowNetwork.name: TensorFlowNetwork,
    PyTorchNetwork.name: PyTorchNetwork,
}
"""Those that learn from a dataset alone, in the order in which they are fitted."""
ALL: Mapping[str, type[Family]] = {
    **cast("Mapping[str, type[Family]]", REGRESSORS),
    Ensemble.name: Ensemble,
}
"""All regressors; the ensemble comes last, since it is made of the others."""
