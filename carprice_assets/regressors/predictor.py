"""A feature set and a serving form together: from listing columns to prices and ranges.

The one path from a car to its price: reports, gate, golden cases and service all take it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.features.columns import Table
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.limits import UNSUPPORTED
from carprice_assets.listings.contract import Columns, row_count, take
from carprice_assets.listings.notes import Note
from carprice_assets.regressors.base import ServingForm
from carprice_assets.regressors.order import Order
from carprice_assets.regressors.ranges import Ranges
from carprice_assets.regressors.serving import form_features, load_serving_form

SLICE = 1_000
"""Rows computed at a time: memory stays flat, and a row's bits do not depend on it."""

Floats = NDArray[np.float64]
LoadForm = Callable[[Path, Sequence[str]], ServingForm]


class Features(Protocol):
    """What a predictor needs of a feature set."""

    @property
    def feature_names(self) -> Sequence[str]:
        """One name for each column of the matrix."""
        ...

    def transform(self, columns: Columns) -> Block:
        """Feature columns to float32 (rows, features)."""
        ...

    def notes(self, columns: Columns) -> Sequence[tuple[Note, ...]]:
        """What was imputed, unknown, unusual or beyond what was seen, one entry a row."""
        ...


@runtime_checkable
class SharesBlocks(Protocol):
    """A feature set whose other methods take what ``blocks`` has computed."""

    def reading(self, wanted: Collection[str]) -> Any:
        """The same without transformers of which no feature is ``wanted``."""
        ...

    def blocks(self, columns: Columns) -> Table:
        """``columns`` with the block of every transformer."""
        ...

    def variant_blocks(self, cars: Table, rows: Columns, car: NDArray[np.intp]) -> Table:
        """``blocks(rows)`` of variants of cars; ``cars`` gets the blocks that they share."""
        ...

    def rows_behind(self, columns: Columns) -> Floats:
        """Training rows that a price rests on, (rows,)."""
        ...


Kind = TypeVar("Kind", bound=Features)


@dataclass(frozen=True)
class Answers:
    """Prices of cars with the ends of their ranges, (cars,) each; NaN where there is none.

    ``blocks`` are the cars' columns and blocks, as the feature set's ``notes`` takes them.
    """

    price: Floats
    low: Floats
    high: Floats
    blocks: Columns


@dataclass(frozen=True)
class Predictor(Generic[Kind]):
    """Prices for columns of the feature fields, by the transformations of the training.

    Without ``order`` the prices are the form's own; without ``spread`` there are no ranges.
    """

    features: Kind
    form: ServingForm
    order: Order | None = None
    spread: Ranges | None = None

    @classmethod
    def load(cls, features: Path, serving: Path) -> Predictor[FeatureSet]:
        """From a saved feature set and the folder of a serving form.

        Raises
        ------
        UserError
            Where the form was fitted on other features.
        """
        return Predictor[FeatureSet].of(FeatureSet.load(features), serving, load_serving_form)

    @classmethod
    def of(cls, features: Kind, serving: Path, load_form: LoadForm) -> Predictor[Kind]:
        """With a feature set that is loaded; errors as :meth:`load`."""
        names = features.feature_names
        if isinstance(features, SharesBlocks):
            wanted = {*form_features(serving), *Ranges.features(serving)}
            if wanted <= set(names):  # else told below
                features = features.reading(wanted)
                names = features.feature_names
        form = load_form(serving, names)
        return cls(features, form, Order.load(serving), Ranges.load(serving, names))

    @property
    def coverage(self) -> float | None:
        """Share of asking prices that lie within the ranges; None where there are none."""
        return None if self.spread is None else self.spread.coverage

    def __call__(self, columns: Columns) -> Floats:
        """Prices in the market's currency, shape (rows,)."""
        parts = [price for _, price in self.priced(columns)]
        return np.concatenate([np.empty(0), *parts]).astype(np.float64)

    def ranges(self, columns: Columns) -> tuple[Floats, Floats, Floats]:
        """Prices and the low and high ends of their ranges, shape (rows,) each."""
        parts = list(self.answers(columns))
        price, low, high = (
            np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)])
            for name in ("price", "low", "high")
        )
        return price, low, high

    def unsupported(self, columns: Columns) -> NDArray[np.bool_]:
        """Rows like which nothing was learned from, (rows,)."""
        noted = (notes for part in slices(columns) for notes in self.features.notes(part))
        return np.array([any(n.code in UNSUPPORTED for n in notes) for notes in noted], bool)

    def priced(self, columns: Columns) -> Iterator[tuple[Block, Floats]]:
        """The matrix and the prices of :data:`SLICE` rows at a time."""
        for part in slices(columns):
            price, block, _ = self._prices(part)
            yield block, price

    def answers(self, columns: Columns) -> Iterator[Answers]:
        """Prices, ranges and blocks of :data:`SLICE` rows at a time."""
        for part in slices(columns):
            price, block, blocks = self._prices(part)
            low = high = np.full(len(price), np.nan)
            if self.spread is not None:
                low, high = self.spread.ends(block, part["stock_type"], price)
            yield Answers(price, low, high, blocks)

    def _prices(self, columns: Columns) -> tuple[Floats, Block, Columns]:
        """Prices, the matrix and the blocks of the rows of one slice."""
        if self.order is None:
            blocks = self._shared.blocks(columns) if self._shared else columns
            block = self.features.transform(blocks)
            return self.form.predict(block).astype(np.float64), block, blocks
        cars = Table(columns)
        variants = self.order.variants(cars)
        rows, behind = variants.columns, np.zeros(len(variants.car))
        if self._shared:
            rows = self._shared.variant_blocks(cars, rows, variants.car)
            behind = self._shared.rows_behind(rows)
        block = self.features.transform(rows)
        price = self.order.ordered(variants, self.form.predict(block), behind)
        own = variants.own
        at = own if len(own) != 1 else slice(int(own[0]), int(own[0]) + 1)  # a view, no copy
        for name in rows.keys() - cars.keys():
            cars[name] = rows[name][at]
        return price, block[at], cars

    @cached_property
    def _shared(self) -> SharesBlocks | None:
        # Asked once: the look at a protocol is slow beside one car's valuation.
        return self.features if isinstance(self.features, SharesBlocks) else None


def slices(columns: Columns) -> Iterator[dict[str, NDArray[Any]]]:
    """``columns`` in parts of :data:`SLICE` rows."""
    rows = row_count(columns)
    if 0 < rows <= SLICE:
        yield dict(columns)
        return
    for start in range(0, rows, SLICE):
        yield take(columns, np.arange(start, min(start + SLICE, rows)))
