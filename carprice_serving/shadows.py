"""Scoring a shadow beside the champion, after the answer and never at its cost.

An answer is offered to a queue that never blocks: what finds no room is counted and dropped. One
thread of low priority values the cars again with the shadow, a few at a time, and rests nine times
as long as it worked, so that it takes a tenth of a processor at most. Whatever goes wrong in it is
told in the log.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol, cast

from carprice_assets.home import Home
from carprice_assets.releases.shadow import read_shadow
from carprice_assets.releases.shadow_pairs import Pair, append_pairs
from carprice_serving.answered import Answered
from carprice_serving.champions import HomeReleases
from carprice_serving.valuers import Valuer, ValuerRegistry

logger = logging.getLogger(__name__)

KEPT = ("make", "model", "year", "stock_type")
"""What of a car is kept beside its prices."""
TEXT = 40
CARS_AT_ONCE = 20
REST = 9.0
"""Seconds of rest for each second of work."""
RETRY_SECONDS = 60.0


class ShadowSource(Protocol):
    """Where shadows come from, and where their prices go; any method may raise."""

    def shadow(self, market: str) -> str | None:
        """The id of the market's shadow."""
        ...

    def load(self, market: str, release_id: str) -> Valuer:
        """The release, verified, ready to answer."""
        ...

    def keep(self, market: str, release_id: str, pairs: Sequence[Pair]) -> None:
        """Keep what both said."""
        ...


@dataclass(frozen=True)
class HomeShadows:
    """Shadows of a data home."""

    home: Home

    def shadow(self, market: str) -> str | None:
        """The id that ``shadow.json`` names."""
        return read_shadow(self.home.releases, market)

    def load(self, market: str, release_id: str) -> Valuer:
        """The release, verified; errors as of a champion."""
        return HomeReleases(self.home).load(market, release_id)

    def keep(self, market: str, release_id: str, pairs: Sequence[Pair]) -> None:
        """Append to the shadow's file."""
        append_pairs(self.home.releases, market, release_id, pairs)


@dataclass(frozen=True)
class _Waiting:
    """An answer without its valuer, which a new champion must be free to replace."""

    market: str
    champion: str
    as_of: date
    cars: Sequence[Any]
    prices: tuple[float | None, ...]


class Shadows:
    """The shadows of all markets, and the thread that scores them."""

    def __init__(
        self,
        source: ShadowSource,
        *,
        room: int = 64,
        rest: float = REST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._rest = rest
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(room)
        self._valuers: Mapping[str, Valuer] = {}
        self._clock = clock
        self._retry_at: dict[tuple[str, str], float] = {}
        self._told: dict[str, str] = {}
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self.dropped = 0

    def start(self) -> None:
        """Begin to score what is offered."""
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End without finishing what waits."""
        self._ending.set()
        with suppress(queue.Full):  # then the thread is awake anyway
            self._queue.put_nowait(None)
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def refresh(self, registry: ValuerRegistry) -> None:
        """Look at every market's shadow once, and load what is new. Never raises."""
        found: dict[str, Valuer] = {}
        for market, state in registry.states.items():
            name: str | None = None
            try:
                name = self._source.shadow(market)
                serving = state.valuer.release_id if state.valuer else None
                if name is None or name == serving:
                    continue
                old = self._valuers.get(market)
                if old and old.release_id == name:
                    found[market] = old
                elif self._clock() >= self._retry_at.get((market, name), 0.0):
                    found[market] = self._source.load(market, name)
                    self._told.pop(market, None)
            except Exception as error:  # a shadow must not stop what answers
                self._retry_at[market, name or ""] = self._clock() + RETRY_SECONDS
                self._tell(market, error)
        self._valuers = found

    def offer(self, answered: Answered) -> None:
        """Hand an answer of the champion over for scoring, where the market has a shadow.

        Never blocks. An answer of another regressor, asked for by name, is left alone.
        """
        valuer = answered.valuer
        if answered.regressor is not None or valuer.market not in self._valuers:
            return
        prices = tuple(valuation.price for valuation in answered.valuations)
        waiting = _Waiting(valuer.market, valuer.release_id, answered.as_of, answered.cars, prices)
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            self.dropped += len(answered.cars)

    def _work(self) -> None:
        _lower_priority()
        while not self._ending.is_set():
            answered = self._queue.get()
            if answered is None:
                return
            for start in range(0, len(answered.cars), CARS_AT_ONCE):
                if self._ending.is_set():
                    return
                begin = time.perf_counter()
                try:
                    self._score(answered, slice(start, start + CARS_AT_ONCE))
                except Exception as error:
                    self._tell(answered.market, error)
                    break
                finally:
                    self._ending.wait((time.perf_counter() - begin) * self._rest)

    def _tell(self, market: str, error: Exception) -> None:
        """Tell a fault once, not with every request."""
        told = f"{type(error).__name__}: {error}"
        if self._told.get(market) != told:
            self._told[market] = told
            logger.warning("market %s: its shadow is not scored: %s", market, told)

    def _score(self, answered: _Waiting, part: slice) -> None:
        shadow = self._valuers.get(answered.market)
        if shadow is None or shadow.release_id == answered.champion:
            return
        cars = answered.cars[part]
        valued = shadow.value_cars(cars, as_of=answered.as_of)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        pairs = [
            Pair(at, answered.champion, _kept(car), price, _rounded(other.price))
            for car, price, other in zip(cars, answered.prices[part], valued, strict=True)
            if price is not None or other.price is not None
        ]
        if pairs:
            self._source.keep(answered.market, shadow.release_id, pairs)


def _kept(car: Any) -> dict[str, Any]:
    given = cast("dict[str, Any]", car) if isinstance(car, dict) else {}
    kept: dict[str, Any] = {}
    for name in KEPT:
        value = given.get(name)
        if isinstance(value, str):
            kept[name] = value[:TEXT]
        elif type(value) is int and abs(value) < 10_000:
            kept[name] = value
    return kept


def _rounded(price: float | None) -> float | None:
    return None if price is None else round(float(price), 2)


def _lower_priority() -> None:
    """On Linux a thread has a priority of its own; elsewhere it is left as it is."""
    if Path("/proc/self/task").is_dir():
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        except OSError as error:
            logger.info("the shadow's thread keeps its priority: %s", error)
