"""What all model families share: their head on disk, and the choice of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.files import canonical_json, read_json
from carprice_assets.regressors.base import FitSettings, Progress, Report, Side
from carprice_assets.regressors.network_inputs import is_code
from carprice_assets.regressors.search import Space, search
from carprice_assets.regressors.studies import described, study_file

HEAD = "regressor.json"

PredictWith = Callable[[Mapping[str, Any], Report], Callable[[Block], NDArray[np.float64]]]
"""Fits with given parameters and gives the predictor; may report its errors on the way."""


class Family:
    """A regressor's parameters, curves and importances, written to ``regressor.json``.

    ``search`` is what a search found, by :meth:`Search.to_json` with its ``space``; empty
    where there was none.
    """

    name: str
    defaults: Mapping[str, Any]
    parameters: Mapping[str, Any]
    curves: Mapping[str, list[float]]
    importances: Mapping[str, float]
    search: Mapping[str, Any]
    feature_names: tuple[str, ...]

    def __init__(self) -> None:
        self.parameters = {}
        self.curves = {}
        self.importances = {}
        self.search = {}
        self.feature_names = ()
        self.out_of_fold: NDArray[np.float64] | None = None

    def weigh(self, feature_names: tuple[str, ...], weights: Any) -> None:
        """Take over importances, scaled to add up to 1."""
        values = np.asarray(weights, np.float64)
        total = float(values.sum()) or 1.0
        self.feature_names = feature_names
        self.importances = {
            name: float(value / total) for name, value in zip(feature_names, values)
        }

    def choose(
        self,
        settings: FitSettings,
        space: Space,
        predict_with: PredictWith,
        validation: Side,
        progress: Progress,
    ) -> dict[str, Any]:
        """The defaults and what the settings change, or the best of a search over ``space``.

        ``predict_with`` fits on the training side with given parameters; it hands its errors
        on validation to the report where it can be stopped on the way, and may ignore it.
        """
        defaults = {**self.defaults, **settings.parameters}
        if not (settings.trials or settings.minutes):
            return defaults

        def error_of(parameters: Mapping[str, Any], report: Report) -> float:
            prices = predict_with(parameters, report)(validation.features)
            return float(np.abs(prices - validation.price).mean())

        study = settings.studies and study_file(
            settings.studies,
            self.name,
            space=described(space),
            parameters=defaults,
            seed=settings.seed,
            threads=settings.threads,
        )
        found = search(
            space,
            error_of,
            defaults=defaults,
            trials=settings.trials,
            minutes=settings.minutes,
            seed=settings.seed,
            study=study,
            progress=progress,
        )
        self.search = {**found.to_json(), "space": described(space)}
        return dict(found.parameters)

    def save_head(self, folder: Path) -> None:
        """Write ``regressor.json``."""
        head = {
            "regressor": self.name,
            "parameters": dict(self.parameters),
            "importances": dict(self.importances),
            "curves": dict(self.curves),
            "search": dict(self.search),
            "feature_names": list(self.feature_names),
        }
        (folder / HEAD).write_bytes(canonical_json(head))

    def load_head(self, folder: Path) -> None:
        """Take over ``regressor.json``."""
        head = read_json(folder / HEAD)
        self.parameters, self.curves = head["parameters"], head["curves"]
        self.importances, self.search = head["importances"], head["search"]
        self.feature_names = tuple(head["feature_names"])


def tree_features(names: tuple[str, ...]) -> tuple[str, ...]:
    """The features that trees read: all but the codes for embeddings."""
    return tuple(name for name in names if not is_code(name))


def tree_side(side: Side, names: tuple[str, ...]) -> Side:
    """The side with the columns of :func:`tree_features` alone."""
    places = [place for place, name in enumerate(names) if not is_code(name)]
    return Side(np.ascontiguousarray(side.features[:, places]), side.price, side.folds)


def out_of_parts(
    train: Side, parts: int, priced_by: Callable[[Side], Callable[[Block], NDArray[np.float64]]]
) -> NDArray[np.float64]:
    """Each training row's price by a fit on the other parts of the vehicles, (rows,).

    ``priced_by`` fits on some rows and gives the predictor.
    """
    part = train.parts(parts)
    prices = np.empty(len(train.price))
    for one in range(parts):
        own = part == one
        if own.any():
            prices[own] = priced_by(train.rows(~own))(train.features[own])
    return prices
