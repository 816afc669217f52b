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


def rounds_of(sizes: Sequence[int], turns_apart: int, clock: Any) -> list[list[Any]]:
    """The calls of rounds of single cars, the cars of a round some turns of the loop apart."""
    compute = Doubling()

    async def all_rounds() -> None:
        together: Gathering[int] = Gathering(clock)

        async def one(number: int, wait: int) -> None:
            for _ in range(wait):
                await asyncio.sleep(0)
            assert await together.value("r", compute, [number]) == [2 * number]

        for size in sizes:
            await asyncio.gather(*(one(n, n * turns_apart) for n in range(size)))

    asyncio.run(all_rounds())
    return compute.calls


def test_a_call_waits_for_as_many_as_came_together_lately() -> None:
    together = rounds_of([4], 0, lambda: 0.0)
    assert [len(call) for call in together] == [4]
    # Nobody has come together yet: each is answered at once.
    assert [len(call) for call in rounds_of([4], 3, lambda: 0.0)] == [1, 1, 1, 1]

    compute = Doubling()

    async def then_apart() -> list[int]:
        together: Gathering[int] = Gathering(lambda: 0.0)

        async def one(number: int, wait: int) -> None:
            for _ in range(wait):
                await asyncio.sleep(0)
            await together.value("r", compute, [number])

        await asyncio.gather(*(one(n, 0) for n in range(4)))
        await asyncio.gather(*(one(n, 3 * n) for n in range(4)))
        return [len(call) for call in compute.calls]

    assert asyncio.run(then_apart()) == [4, 4]


@pytest.mark.parametrize("limit", [gathering.GAP, gathering.PATIENCE])
def test_nobody_waits_for_those_who_do_not_come(limit: float) -> None:
    """The second round is of one alone, which waits for its three companions in vain."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += limit / 10
        return now

    assert [len(call) for call in rounds_of([4, 1, 1], 0, clock)] == [4, 1, 1]


class Waits:
    """A clock of which ten looks are one gap; counts the looks of lone requests after a burst."""

    def __init__(self) -> None:
        self.now, self.looks = 0.0, 0

    def __call__(self) -> float:
        self.looks += 1
        self.now += gathering.GAP / 10
        return self.now


def lone_waits(burst: int, pause: float) -> list[bool]:
    """Whether each of twenty lone requests waited, the first of them ``pause`` after a burst."""
    clock = Waits()

    async def then_alone() -> list[bool]:
        together: Gathering[int] = Gathering(clock)
        every = (together.value("r", Doubling(), [n]) for n in range(burst))
        await asyncio.gather(*every)
        clock.now += pause
        found: list[bool] = []
        for number in range(20):
            before = clock.looks
            await together.value("r", Doubling(), [number])
            found.append(clock.looks - before > 5)
        return found

    return asyncio.run(then_alone())


def test_a_client_that_is_left_alone_soon_waits_no_more() -> None:
    waits = lone_waits(16, 0.0)
    assert waits == [True] * sum(waits) + [False] * (20 - sum(waits))
    assert 1 <= sum(waits) <= 7
    assert sum(lone_waits(2, 0.0)) == 1


def test_a_burst_of_long_ago_delays_nobody() -> None:
    assert not any(lone_waits(16, 2 * gathering.LATELY))
