"""The live error: how far valuations are off the real prices that clients send along."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from statistics import fmean, median
from threading import Lock
from typing import Any

import msgspec

from carprice_serving.schemas import LiveError, Valuation

KEPT = 5_000
"""Latest cars of one release and regressor that the figures are of."""
MOST_KEYS = 10
"""Releases and regressors that are kept, latest first."""


@dataclass(frozen=True, slots=True)
class _Pair:
    real: float
    price: float
    within: bool | None


@dataclass
class LiveErrors:
    """Pairs of real and answered prices of one process, by market, release and regressor.

    The same car with the same price and day counts once, so that a request may be sent again.
    Used by one event loop or by several threads.
    """

    _pairs: OrderedDict[tuple[str, str, str], OrderedDict[bytes, _Pair]] = field(
        default_factory=OrderedDict[tuple[str, str, str], "OrderedDict[bytes, _Pair]"]
    )
    _lock: Lock = field(default_factory=Lock)

    def add(
        self,
        cars: Sequence[Any],
        valuations: Sequence[Valuation],
        real_prices: Sequence[float | None],
    ) -> None:
        """Take in what ``cars`` really cost; a car without a price or a real one is passed by."""
        for car, valuation, real in zip(cars, valuations, real_prices, strict=True):
            price, low, high = valuation.price, valuation.low, valuation.high
            if real is None or price is None:
                continue
            source = valuation.provenance
            within = None if low is None or high is None else low <= real <= high
            told = msgspec.json.encode([car, real, source.as_of], order="sorted")
            digest = blake2b(told, digest_size=16).digest()
            key = source.market, source.release, source.regressor
            with self._lock:
                self._of(key)[digest] = _Pair(real, price, within)

    def figures(self, market: str) -> list[LiveError]:
        """The figures of a market's releases and regressors, latest used last."""
        with self._lock:
            found = {key: list(own.values()) for key, own in self._pairs.items()}
        return [_figures(*key, pairs) for key, pairs in found.items() if key[0] == market]

    def _of(self, key: tuple[str, str, str]) -> OrderedDict[bytes, _Pair]:
        own = self._pairs.setdefault(key, OrderedDict())
        self._pairs.move_to_end(key)
        while len(own) >= KEPT:
            own.popitem(last=False)
        while len(self._pairs) > MOST_KEYS:
            self._pairs.popitem(last=False)
        return own


def _figures(market: str, release: str, regressor: str, pairs: Sequence[_Pair]) -> LiveError:
    off = [pair.price - pair.real for pair in pairs]
    shares = [abs(pair.price / pair.real - 1.0) for pair in pairs]
    within = [pair.within for pair in pairs if pair.within is not None]
    return LiveError(
        market=market,
        release=release,
        regressor=regressor,
        rows=len(pairs),
        mae=round(fmean(map(abs, off)), 2),
        median_error=round(median(map(abs, off)), 2),
        bias=round(fmean(off), 2),
        mape=round(fmean(shares), 5),
        coverage=round(fmean(within), 4) if within else None,
    )
