"""What all model families share: their head on disk, and the choice of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.files import canonical_json, read_json
from carprice_assets.regressors.base import FitSettings, Progress, Side
from carprice_assets.regressors.search import Space, search

HEAD = "regressor.json"


class Family:
    """A regressor's parameters, curves and importances, written to ``regressor.json``."""

    name: str
    defaults: Mapping[str, Any]
    parameters: Mapping[str, Any]
    curves: Mapping[str, list[float]]
    importances: Mapping[str, float]
    feature_names: tuple[str, ...]

    def __init__(self) -> None:
        self.parameters = {}
        self.curves = {}
        self.importances = {}
        self.feature_names = ()

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
        predict_with: Callable[[Mapping[str, Any]], Callable[[Block], NDArray[np.float64]]],
        validation: Side,
        progress: Progress,
    ) -> dict[str, Any]:
        """The defaults and what the settings change, or the best of a search over ``space``.

        ``predict_with`` fits with given parameters and gives the predictor.
        """
        defaults = {**self.defaults, **settings.parameters}
        if not settings.trials:
            return defaults

        def error_of(parameters: Mapping[str, Any]) -> float:
            prices = predict_with(parameters)(validation.features)
            return float(np.abs(prices - validation.price).mean())

        return search(
            space,
            error_of,
            defaults=defaults,
            trials=settings.trials,
            seed=settings.seed,
            progress=progress,
        )

    def save_head(self, folder: Path) -> None:
        """Write ``regressor.json``."""
        head = {
            "regressor": self.name,
            "parameters": dict(self.parameters),
            "importances": dict(self.importances),
            "curves": dict(self.curves),
        }
        (folder / HEAD).write_bytes(canonical_json(head))

    def load_head(self, folder: Path) -> None:
        """Take over ``regressor.json``."""
        head = read_json(folder / HEAD)
        self.parameters, self.curves = head["parameters"], head["curves"]
        self.importances = head["importances"]
