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
    market's currency; ``folds`` int64 (rows,), one number for all rows of a vehicle, where the
    side has been cut into folds.
    """

    features: Block
    price: NDArray[np.float64]
    folds: NDArray[np.int64] | None = None

    def parts(self, count: int) -> NDArray[np.int64]:
        """Which of ``count`` parts each row is of, (rows,); a vehicle's rows are of one part.

        Without folds the rows themselves are dealt out in turn.
        """
        folds = np.arange(len(self.price)) if self.folds is None else self.folds
        return folds % count

    def rows(self, chosen: NDArray[np.bool_]) -> Side:
        """The chosen rows alone."""
        folds = None if self.folds is None else self.folds[chosen]
        return Side(self.features[chosen], self.price[chosen], folds)


@dataclass(frozen=True)
class FitSettings:
    """How one regressor is fitted.

    Attributes
    ----------
    seed
        Fixes every draw.
    trials, minutes
        Of the search on the validation side: Optuna trials besides the defaults, and minutes
        after which none is begun; 0 for no such limit, both 0 takes the defaults.
    studies
        Folder that keeps the trials of searches on this feature set; None keeps none.
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
    minutes: float = 0.0
    studies: Path | None = None
    threads: int = 2
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


Progress = Callable[[str], None]
"""Takes one line about how far the work is."""

Report = Callable[[int, float], bool]
"""Takes how far a fit is, in per cent of the longest it may take (0 to 100, rising), and its
validation error there, in any measure that all fits of the family share. True asks the fit to
stop, since the trial of a search promises nothing; its prices are not used then."""


def no_report(step: int, error: float) -> bool:
    """The :data:`Report` of a fit outside a search: it is never asked to stop."""
    del step, error
    return False


class ServingForm(Protocol):
    """Answers without the framework that trained: what a release carries."""

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        ...


class Regressor(Protocol):
    """One model family, fitted.

    ``search`` is what a search of the parameters found, empty where there was none.
    ``out_of_fold`` are prices of the training rows, (rows,), each by a fit that has not seen
    the row's vehicle; None before a fit.
    ``curves`` are the figures of the training, name to one value an iteration; ``parameters``
    what it was fitted with; ``importances`` the weight of each feature, adding up to 1.
    ``defaults`` are the
    parameters that a market may set, with values that need no search.
    """

    name: str
    defaults: Mapping[str, Any]
    parameters: Mapping[str, Any]
    curves: Mapping[str, list[float]]
    out_of_fold: NDArray[np.float64] | None
    search: Mapping[str, Any]

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
