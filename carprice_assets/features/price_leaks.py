"""Whether a single feature tells the price almost exactly, as none can that was there before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block
from carprice_assets.listings.contract import CERTIFIED, USED

EQUAL = 0.001
"""Relative difference up to which a feature times a common factor is the price."""
NEAR = 0.002
"""Relative difference up to which a rank fit gives the price."""
LIMITS = {"Used and Certified": 0.30, "New or unsaid": 0.95}
"""Greatest share of rows whose price a feature may tell.

On real used cars no feature tells more than 0.03. Dealers ask the MSRP itself for more than half
of the new cars that have one, so only a feature that is the price of nearly all of them is one.
"""
MOST_ROWS, LEAST_ROWS = 20_000, 40
LEAST_VALUES = 10
"""A feature with fewer values than this tells no price: all its rows just cost alike."""
FLAGS = ("_missing", ".missing")
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class PriceLeak:
    """A feature that tells the price of ``share`` of the ``rows`` of a kind of car."""

    feature: str
    kind: str
    share: float
    rows: int

    @property
    def line(self) -> str:
        """One line that names the feature."""
        return f"{self.feature} tells the price of {self.share:.0%} of {self.rows:,} {self.kind}"


def price_leaks(
    matrix: Block, names: Sequence[str], price: Numbers, stock_types: NDArray[Any]
) -> tuple[PriceLeak, ...]:
    """The features that tell the price, the plainest first; none where all is well.

    Each column is judged alone, among used and among other cars, and only where its flag does
    not say that it was filled in. It tells a row's price where both agree up to one factor that
    is common to all rows (or one term, of columns in logs), or where the piecewise linear curve
    through the prices of every other row, ordered by the column, passes through the row's: so a
    copy in another currency, a monthly rate or a rank is found as well.

    Parameters
    ----------
    matrix
        Encoded training part, (rows, features), named by ``names``.
    price, stock_types
        Price and stock type of its rows, shape (rows,).
    """
    used = np.isin(np.asarray(stock_types, dtype=str), (USED, CERTIFIED))
    log_price = np.log(price)
    found: list[PriceLeak] = []
    for (kind, limit), mask in zip(LIMITS.items(), (used, ~used), strict=True):
        rows = np.flatnonzero(mask)
        for name, at, known in _known(matrix, names, rows):
            values = matrix[known, at].astype(np.float64)
            if (share := told(values, log_price[known])) > limit:
                found.append(PriceLeak(name, f"cars that are {kind}", share, len(known)))
    return tuple(sorted(found, key=lambda leak: (-leak.share, names.index(leak.feature))))


def told(values: Numbers, log_price: Numbers) -> float:
    """The share of rows whose price the values of a column tell, both of shape (rows,)."""
    if len(np.unique(values)) < LEAST_VALUES:
        return 0.0
    shares = [_same(values - log_price), _ranked(values, log_price)]
    if (values > 0).all():
        shares.append(_same(np.log(values) - log_price))
    return max(shares)


def _known(
    matrix: Block, names: Sequence[str], rows: NDArray[np.intp]
) -> Iterator[tuple[str, int, NDArray[np.intp]]]:
    """Each feature, its place, and a sample of ``rows`` in which it was not filled in."""
    places = {name: at for at, name in enumerate(names)}
    for name, at in places.items():
        known = rows
        for flag in FLAGS:
            if (flag_at := places.get(name + flag)) is not None:
                known = rows[matrix[rows, flag_at] == 0]
        if len(known) >= LEAST_ROWS:
            yield name, at, known[:: -(-len(known) // MOST_ROWS)]


def _same(differences: Numbers) -> float:
    """The share of rows within ``EQUAL`` of the commonest difference."""
    ordered = np.sort(differences)
    above = np.searchsorted(ordered, ordered + 2 * EQUAL, side="right")
    return float((above - np.arange(len(ordered))).max() / len(ordered))


def _ranked(values: Numbers, log_price: Numbers) -> float:
    """The share of the odd rows whose price is that of the even rows with such values."""
    knots, place = np.unique(values[::2], return_inverse=True)
    means = np.bincount(place, log_price[::2]) / np.bincount(place)
    fitted = np.interp(values[1::2], knots, means)
    return float(np.mean(np.abs(fitted - log_price[1::2]) <= NEAR))
