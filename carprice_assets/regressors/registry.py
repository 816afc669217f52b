"""The regressors there are, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from carprice_assets.errors import UserError
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


def check_parameters(name: str, parameters: Iterable[str]) -> None:
    """Refuse parameters that a regressor does not have.

    Raises
    ------
    UserError
        Naming the regressor or the parameter that there is not.
    """
    if name not in ALL:
        raise UserError(f"regressors.{name}: no such regressor: there are {', '.join(ALL)}")
    if unknown := set(parameters) - set(ALL[name].defaults):
        known = ", ".join(ALL[name].defaults) or "none"
        raise UserError(f"regressors.{name}: unknown parameter {min(unknown)!r}: there are {known}")
