"""From columns to prices: the transformers and serving forms of one content folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.listings.contract import Columns
from carprice_assets.listings.notes import Note
from carprice_assets.markets.features import DeclaredFeature
from carprice_assets.regressors.base import ServingForm
from carprice_assets.regressors.predictor import Features, Predictor, slices
from carprice_assets.releases.head import Head

FEATURES, REGRESSORS = "features", "regressors"


class Intake(Protocol):
    """Cars of a request, read and checked."""

    @property
    def columns(self) -> Columns: ...
    @property
    def rows(self) -> NDArray[np.intp]: ...
    @property
    def errors(self) -> Sequence[tuple[Note, ...]]: ...
    @property
    def warnings(self) -> Sequence[tuple[Note, ...]]: ...


class ReadCars(Protocol):
    """Reads cars in business form."""

    def __call__(self, cars: Sequence[Any], *, as_of: float, distance: str) -> Intake: ...


@dataclass(frozen=True)
class Parts:
    """The readers that an engine is put together with."""

    features: Callable[[Path], Features]
    serving_form: Callable[[Path, Sequence[str]], ServingForm]
    read_cars: ReadCars


def own_parts(currency: str = "", features: Sequence[DeclaredFeature] = ()) -> Parts:
    """The platform's own readers; an MSRP in another currency than ``currency`` is an error.

    ``features`` are those of the market's own that a car may state.
    """
    from carprice_assets.features.feature_set import FeatureSet
    from carprice_assets.listings.intake import read_cars
    from carprice_assets.regressors.serving import load_serving_form

    read = partial(read_cars, currency=currency, features=tuple(features))
    return Parts(FeatureSet.load, load_serving_form, read)


@dataclass(frozen=True, slots=True)
class Answer:
    """One car's price with the ends of its range, NaN where there is none, and its notes."""

    price: float
    low: float
    high: float
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Engine:
    """Everything of a release that computes; the same columns give the same prices."""

    features: Features
    predictors: Mapping[str, Predictor[Any]]
    champion: str
    distance: str
    read_cars: ReadCars

    @classmethod
    def open(cls, content: Path, head: Head, parts: Parts) -> Engine:
        """Load the transformers and every regressor that ``head`` names.

        Raises
        ------
        UserError
            Where the folders of regressors are not those that ``head`` names.
        """
        folders = {path.name for path in (content / REGRESSORS).glob("*")}
        if folders != set(head.regressors):
            odd = min(folders ^ set(head.regressors))
            raise UserError(f"{content / REGRESSORS}: {odd} is carried or named, but not both")
        features = parts.features(content / FEATURES)
        predictors: dict[str, Predictor[Any]] = {
            name: Predictor.of(features, content / REGRESSORS / name, parts.serving_form)
            for name in head.regressors
        }
        return cls(features, predictors, head.champion, head.distance, parts.read_cars)

    def predictor(self, regressor: str | None) -> Predictor[Any]:
        """That of ``regressor``, or the champion's.

        Raises
        ------
        UserError
            Naming those carried, where it is not among them.
        """
        name = self.champion if regressor is None else regressor
        if name not in self.predictors:
            carried = ", ".join(sorted(self.predictors))
            raise UserError(f"regressor {name!r} is not in this release, which has {carried}")
        return self.predictors[name]

    def value(self, columns: Columns, regressor: str | None = None) -> NDArray[np.float64]:
        """Prices of the rows of ``columns`` (all feature fields), float64 (rows,)."""
        return self.predictor(regressor)(columns)

    def notes(self, columns: Columns) -> list[tuple[Note, ...]]:
        """What the transformers say about each row."""
        return [note for part in slices(columns) for note in self.features.notes(part)]

    def answers(self, columns: Columns, regressor: str | None = None) -> Iterator[Answer]:
        """The answer for each row; the transformers run once for price, range and notes."""
        for part in self.predictor(regressor).answers(columns):
            numbers = zip(part.price.tolist(), part.low.tolist(), part.high.tolist(), strict=True)
            notes = self.features.notes(part.blocks)
            for (price, low, high), said in zip(numbers, notes, strict=True):
                yield Answer(price, low, high, said)
