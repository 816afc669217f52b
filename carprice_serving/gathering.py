"""Short requests that come in together are valued in one call of the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Found = TypeVar("Found")
MOST_CARS = 64
"""Cars of one call at most: it stands in the way of everything else on the event loop."""


@dataclass
class _Call(Generic[Found]):
    """What is to be valued in one call: each request's cars and where its answer goes."""

    compute: Callable[[Sequence[Any]], list[Found]]
    cars: list[Any] = field(default_factory=list[Any])
    asked: list[tuple[int, asyncio.Future[list[Found]]]] = field(
        default_factory=list[tuple[int, "asyncio.Future[list[Found]]"]]
    )


class Gathering(Generic[Found]):
    """Gathers requests that one turn of the event loop brings, and answers them together.

    Nobody waits for a clock: the call is made as soon as all that has arrived was read. Twelve
    cars cost little more than three one by one, since a call costs more than a row.
    """

    def __init__(self) -> None:
        self._calls: dict[Hashable, _Call[Found]] = {}

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
            call = self._calls[key] = _Call(compute)
            loop.call_soon(self._answer, key, call)
        answer: asyncio.Future[list[Found]] = loop.create_future()
        call.cars.extend(cars)
        call.asked.append((len(cars), answer))
        return await answer

    def _answer(self, key: Hashable, call: _Call[Found]) -> None:
        if self._calls.get(key) is call:
            del self._calls[key]
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
