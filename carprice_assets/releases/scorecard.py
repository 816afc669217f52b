"""A Scorecard from prices and predictions: plain numpy, nothing removed but learned vehicles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.files import sha256_bytes
from carprice_assets.releases.facts import Coverage, Figure, Scorecard
from carprice_assets.releases.vehicles import Hashes, vehicle_hashes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HoldOut:
    """The cars that challenger and champion are judged on; arrays of one length.

    Attributes
    ----------
    market
        The market's name.
    vehicles
        Vehicle hashes, uint64.
    price, naive
        Asking prices and naive valuations, float64 in the market's currency.
    stock_type, make
        Text, '' for unknown.
    """

    market: str
    vehicles: Hashes
    price: Floats
    naive: Floats
    stock_type: NDArray[Any]
    make: NDArray[Any]

    @property
    def hash(self) -> str:
        """One address for these vehicles with these prices, whatever their order."""
        order = np.lexsort((self.price, self.vehicles))
        cars = self.vehicles[order].astype("<u8").tobytes() + self.price[order].tobytes()
        return sha256_bytes(self.market.encode() + b"\0" + cars)

    def part(self, rows: NDArray[np.bool_]) -> HoldOut:
        """The chosen cars alone."""
        return HoldOut(
            self.market,
            self.vehicles[rows],
            self.price[rows],
            self.naive[rows],
            self.stock_type[rows],
            self.make[rows],
        )


def unlearned(
    salt: str, vehicles: Sequence[str] | NDArray[Any], learned: Sequence[Hashes]
) -> tuple[Hashes, NDArray[np.bool_]]:
    """Hashes of ``vehicles``, and a mask of those in none of the ``learned`` lists."""
    hashes = vehicle_hashes(salt, (str(vehicle) for vehicle in vehicles))
    mask = np.ones(len(hashes), dtype=np.bool_)
    for known in learned:
        mask &= ~np.isin(hashes, known)
    return hashes, mask


def score(
    holdout: HoldOut,
    predicted: Floats,
    *,
    behaviour: Mapping[str, Figure],
    serving_differences: Mapping[str, Figure],
    golden_ok: bool | None,
    coverage: Coverage | None = None,
) -> Scorecard:
    """The scorecard of ``predicted`` prices, shape (cars,).

    ``behaviour`` holds the shares of :class:`~carprice_assets.releases.facts.Scorecard`.
    A price that is NaN or infinite spoils the figures that it enters, so that the rules refuse
    them.

    Raises
    ------
    ValueError
        Where the arrays are not equally long.
    """
    arrays = (holdout.vehicles, holdout.naive, holdout.stock_type, holdout.make, predicted)
    if any(array.shape != holdout.price.shape for array in arrays):
        raise ValueError("the arrays of a hold-out must have one length")
    error = np.abs(predicted - holdout.price)
    naive_error = np.abs(holdout.naive - holdout.price)
    by_stock_type = {
        name: (int(rows.sum()), _mean(error[rows]), _mean(naive_error[rows]))
        for name, rows in _groups(holdout.stock_type)
    }
    by_make = {name: (int(r.sum()), _mean(error[r])) for name, r in _groups(holdout.make)}
    return Scorecard(
        market=holdout.market,
        holdout_hash=holdout.hash,
        rows=len(error),
        r2=_r2(holdout.price, predicted),
        mae=_mean(error),
        naive_mae=_mean(naive_error),
        by_stock_type=by_stock_type,
        by_make=by_make,
        behaviour=dict(behaviour),
        coverage=coverage,
        serving_differences=dict(serving_differences),
        golden_ok=golden_ok,
    )


def coverage_of(
    holdout: HoldOut,
    low: Floats,
    high: Floats,
    *,
    stated: Figure,
    calibrated: int | None = None,
) -> Coverage:
    """How many prices lie within their range, ends included; ``low`` and ``high`` are (cars,).

    An end that is not finite spoils the share of its stock type and of all cars.
    """
    inside = ((low <= holdout.price) & (holdout.price <= high)).astype(np.float64)
    inside[~(np.isfinite(low) & np.isfinite(high))] = np.nan
    kinds = {
        name: (int(rows.sum()), _mean(inside[rows])) for name, rows in _groups(holdout.stock_type)
    }
    return Coverage(stated, _mean(inside), kinds, calibrated)


def serving_difference(expected: Floats, served: Floats) -> float:
    """Greatest relative difference; infinite where a price is not finite or there is none."""
    if expected.shape != served.shape or not len(expected):
        return float("inf")
    if not (np.isfinite(expected).all() and np.isfinite(served).all()):
        return float("inf")
    scale = np.maximum(np.abs(expected), 1.0)
    return float(np.max(np.abs(served - expected) / scale))


def _groups(values: NDArray[Any]) -> list[tuple[str, NDArray[np.bool_]]]:
    text = values.astype(str)
    return [(str(name), text == name) for name in np.unique(text)]


def _mean(values: Floats) -> Figure:
    return float(values.mean()) if len(values) else None


def _r2(truth: Floats, predicted: Floats) -> Figure:
    if len(truth) == 0:
        return None
    spread = float(np.sum((truth - truth.mean()) ** 2))
    return 1.0 - float(np.sum((truth - predicted) ** 2)) / spread if spread > 0 else None
