"""Short requests that come in together are valued in one call of the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Generic, TypeVar

Found = TypeVar("Found")
MOST_CARS = 64
"""Cars of one call at most: it stands in the way of everything else on the event loop."""
GAP, WIDEST_GAP, PATIENCE = 0.0003, 0.002, 0.008
"""Seconds that a call waits for the next request, for each that came together lately, at most, and
in all."""
LATELY = 0.05
"""Seconds after which nobody is waited for any more."""


@dataclass
class _Call(Generic[Found]):
    """What is to be valued in one call: each request's cars and where its answer goes."""

    compute: Callable[[Sequence[Any]], list[Found]]
    cars: list[Any] = field(default_factory=list[Any])
    asked: list[tuple[int, asyncio.Future[list[Found]]]] = field(
        default_factory=list[tuple[int, "asyncio.Future[list[Found]]"]]
    )
    since: float = 0.0
    latest: float = 0.0


class Gathering(Generic[Found]):
    """Gathers requests that one turn of the event loop brings, and answers them together.

    Sixteen cars cost little more than four one by one, since a call costs more than a row. A
    lone request waits for nothing: its call is made as soon as all that has arrived was read.
    Where several came together a moment ago, a call waits for as many as long as they keep
    coming, since those clients are about to ask again; turn by turn, so that all else is seen to.
    Where fewer come, fewer are waited for: a client that is left alone waits seven times at most.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._calls: dict[Hashable, _Call[Found]] = {}
        self._lately: tuple[Hashable, int, float] = (None, 0, 0.0)

    async def value(
        self,
        key: Hashable,
        compute: Callable[[Sequence[Any]], list[Found]],
        cars: Sequence[Any],
    ) -> list[Found]:
        """What ``compute`` gives for ``cars``, in order.

        Parameters
        ----------
        key
            Requests of one key may be computed together: release, regressor and day.
        compute
            One result a car, in order; where it raises, each request is computed alone, so
            that a request fails of nothing but its own cars.
        """
        loop = asyncio.get_running_loop()
        call = self._calls.get(key)
        if call is None or len(call.cars) + len(cars) > MOST_CARS:
            call = self._calls[key] = _Call(compute, since=self._clock())
            loop.call_soon(self._answer, key, call)
        answer: asyncio.Future[list[Found]] = loop.create_future()
        call.cars.extend(cars)
        call.asked.append((len(cars), answer))
        call.latest = self._clock()
        return await answer

    def _answer(self, key: Hashable, call: _Call[Found]) -> None:
        if self._calls.get(key) is call:
            if self._awaits_more(key, call):
                asyncio.get_running_loop().call_soon(self._answer, key, call)
                return
            del self._calls[key]
        count = len(call.asked)
        self._lately = key, max(count, self._expected(key, call) * 3 // 4), self._clock()
        try:
            found = call.compute(call.cars)
        except Exception as error:  # told to the request that it is of, below
            self._alone(call, error)
            return
        start = 0
        for count, answer in call.asked:
            if not answer.done():  # its client may have gone
                answer.set_result(found[start : start + count])
            start += count

    def _expected(self, key: Hashable, call: _Call[Found]) -> int:
        """Requests that came together a moment ago, and so may again."""
        before, most, when = self._lately
        return most if before == key and call.since - when <= LATELY else 0

    def _awaits_more(self, key: Hashable, call: _Call[Found]) -> bool:
        most = self._expected(key, call)
        if len(call.asked) >= most or len(call.cars) >= MOST_CARS:
            return False
        now = self._clock()
        gap = min(GAP * most, WIDEST_GAP)
        return now - call.latest < gap and now - call.since < PATIENCE

    def _alone(self, call: _Call[Found], error: Exception) -> None:
        if len(call.asked) == 1:
            ((_, answer),) = call.asked
            if not answer.done():
                answer.set_exception(error)
            return
        start = 0
        for count, answer in call.asked:
            own = call.cars[start : start + count]
            start += count
            if answer.done():
                continue
            try:
                answer.set_result(call.compute(own))
            except Exception as own_error:  # handed to the request
                answer.set_exception(own_error)
