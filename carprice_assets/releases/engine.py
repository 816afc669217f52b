"""From columns to prices: the transformers and serving forms of one content folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.listings.contract import Columns, row_count, take
from carprice_assets.listings.notes import Note
from carprice_assets.regressors.base import ServingForm
from carprice_assets.releases.head import Head

FEATURES, REGRESSORS = "features", "regressors"
SLICE = 1_000
"""Rows computed at a time, so that a long batch needs no more memory than a short one."""


class Features(Protocol):
    """What the engine needs of a feature set."""

    def transform(self, columns: Columns) -> Block:
        """Feature columns to float32 (rows, features)."""
        ...

    def notes(self, columns: Columns) -> Sequence[tuple[Note, ...]]:
        """What was imputed, unknown or unusual, one entry a row."""
        ...


@runtime_checkable
class SharesBlocks(Protocol):
    """A feature set whose ``transform`` and ``notes`` take what ``blocks`` has computed."""

    def blocks(self, columns: Columns) -> dict[str, Any]:
        """``columns`` with the block of every transformer."""
        ...


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
    serving_form: Callable[[Path], ServingForm]
    read_cars: ReadCars


def own_parts(currency: str = "") -> Parts:
    """The platform's own readers; an MSRP in another currency than ``currency`` is an error."""
    from carprice_assets.features.feature_set import FeatureSet
    from carprice_assets.listings.intake import read_cars
    from carprice_assets.regressors.serving import load_serving_form

    return Parts(FeatureSet.load, load_serving_form, partial(read_cars, currency=currency))


@dataclass(frozen=True)
class Engine:
    """Everything of a release that computes; the same columns give the same prices."""

    features: Features
    forms: Mapping[str, ServingForm]
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
        forms = {name: parts.serving_form(content / REGRESSORS / name) for name in head.regressors}
        features = parts.features(content / FEATURES)
        return cls(features, forms, head.champion, head.distance, parts.read_cars)

    def form(self, regressor: str | None) -> ServingForm:
        """The serving form of ``regressor``, or the champion's.

        Raises
        ------
        UserError
            Naming those carried, where it is not among them.
        """
        name = self.champion if regressor is None else regressor
        if name not in self.forms:
            carried = ", ".join(sorted(self.forms))
            raise UserError(f"regressor {name!r} is not in this release, which has {carried}")
        return self.forms[name]

    def value(self, columns: Columns, regressor: str | None = None) -> NDArray[np.float64]:
        """Prices of the rows of ``columns`` (all feature fields), float64 (rows,)."""
        form = self.form(regressor)
        parts = [form.predict(self.features.transform(part)) for part in slices(columns)]
        return np.concatenate([np.empty(0), *parts]).astype(np.float64)

    def notes(self, columns: Columns) -> list[tuple[Note, ...]]:
        """What the transformers say about each row."""
        return [note for part in slices(columns) for note in self.features.notes(part)]

    def value_with_notes(
        self, columns: Columns, regressor: str | None = None
    ) -> Iterator[tuple[float, tuple[Note, ...]]]:
        """Price and notes of each row; the transformers run once for both."""
        form = self.form(regressor)
        blocks = self._blocks
        for part in slices(columns):
            shared = blocks(part)
            prices = form.predict(self.features.transform(shared))
            yield from zip(map(float, prices), self.features.notes(shared), strict=True)

    @cached_property
    def _blocks(self) -> Callable[[Columns], Columns]:
        # Asked once: the look at a protocol is slow beside one car's valuation.
        return self.features.blocks if isinstance(self.features, SharesBlocks) else dict


def slices(columns: Columns) -> Iterator[dict[str, NDArray[Any]]]:
    """``columns`` in parts of :data:`SLICE` rows."""
    rows = row_count(columns)
    if 0 < rows <= SLICE:
        yield dict(columns)
        return
    for start in range(0, rows, SLICE):
        yield take(columns, np.arange(start, min(start + SLICE, rows)))
