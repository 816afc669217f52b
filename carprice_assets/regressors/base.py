"""The regressor protocol: fit, predict, save, load, and a serving form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block


@dataclass(frozen=True)
class Side:
    """One side of the dataset as a regressor sees it.

    ``features`` is float32 (rows, features), no NaN; ``price`` float64 (rows,) in the
    market's currency.
    """

    features: Block
    price: NDArray[np.float64]


@dataclass(frozen=True)
class FitSettings:
    """How one regressor is fitted.

    Attributes
    ----------
    seed
        Fixes every draw.
    trials
        Optuna trials on the validation side; 0 takes the defaults.
    threads
        Threads at most.
    feature_names
        One name a feature, in order.
    parameters
        Values that take the place of defaults, by the family's own names.
    """

    seed: int
    feature_names: tuple[str, ...]
    trials: int = 0
    threads: int = 2
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


Progress = Callable[[str], None]
"""Takes one line about how far the work is."""


class ServingForm(Protocol):
    """Answers without the framework that trained: what a release carries."""

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        ...


class Regressor(Protocol):
    """One model family, fitted.

    ``curves`` are the figures of the training, name to one value an iteration; ``parameters``
    what it was fitted with; ``importances`` the weight of each feature, adding up to 1.
    ``defaults`` are the
    parameters that a market may set, with values that need no search.
    """

    name: str
    defaults: Mapping[str, Any]
    parameters: Mapping[str, Any]
    curves: Mapping[str, list[float]]

    @property
    def importances(self) -> Mapping[str, float]: ...

    def fit(
        self, train: Side, validation: Side, settings: FitSettings, progress: Progress
    ) -> None: ...

    def predict(self, features: Block) -> NDArray[np.float64]: ...

    def save(self, folder: Path) -> None:
        """Write the regressor with its serving form in ``folder/serving``."""
        ...

    def load(self, folder: Path) -> None: ...
