"""Requests that come in together are valued in one call, and none pays for another's cars."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from carprice_serving import gathering
from carprice_serving.gathering import Gathering


class Doubling:
    """Twice each number; remembers its calls, and fails of a text."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def __call__(self, cars: Sequence[Any]) -> list[int]:
        self.calls.append(list(cars))
        if any(isinstance(car, str) for car in cars):
            raise ZeroDivisionError("a text")
        return [2 * car for car in cars]


def asked(
    *requests: tuple[str, Any], compute: Doubling, gone: int | None = None
) -> list[list[int] | BaseException]:
    async def all_at_once() -> Any:
        together: Gathering[int] = Gathering()
        tasks = [asyncio.create_task(together.value(key, compute, cars)) for key, cars in requests]
        if gone is not None:
            await asyncio.sleep(0)
            tasks[gone].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(all_at_once())


def test_what_comes_together_is_one_call_and_each_gets_its_own() -> None:
    compute = Doubling()
    found = asked(("r1", [1, 2]), ("r1", [3]), ("r1", []), ("r1", [4, 5]), compute=compute)
    assert found == [[2, 4], [6], [], [8, 10]]
    assert compute.calls == [[1, 2, 3, 4, 5]]


def test_what_differs_in_release_or_day_is_not_mixed() -> None:
    compute = Doubling()
    assert asked(("r1", [1]), ("r2", [2]), ("r1", [3]), compute=compute) == [[2], [4], [6]]
    assert compute.calls == [[1, 3], [2]]


def test_a_failure_is_of_the_request_that_it_comes_from() -> None:
    compute = Doubling()
    first, second, third = asked(("r", [1]), ("r", ["x"]), ("r", [3]), compute=compute)
    assert (first, third) == ([2], [6])
    assert isinstance(second, ZeroDivisionError)
    (alone,) = asked(("r", ["x"]), compute=Doubling())
    assert isinstance(alone, ZeroDivisionError)


def test_a_call_holds_only_so_many_cars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_CARS", 4)
    compute = Doubling()
    found = asked(*(("r", [n, n]) for n in range(5)), compute=compute)
    assert found == [[2 * n, 2 * n] for n in range(5)]
    assert [len(call) for call in compute.calls] == [4, 4, 2]


def test_a_client_that_goes_away_leaves_the_others_their_answers() -> None:
    first, second = asked(("r", [1]), ("r", [2]), compute=Doubling(), gone=0)
    assert isinstance(first, asyncio.CancelledError)
    assert second == [4]


def test_one_after_the_other_each_is_answered_at_once() -> None:
    compute = Doubling()

    async def in_turn() -> list[list[int]]:
        together: Gathering[int] = Gathering()
        return [await together.value("r", compute, [n]) for n in range(3)]

    assert asyncio.run(in_turn()) == [[0], [2], [4]]
    assert compute.calls == [[0], [1], [2]]
