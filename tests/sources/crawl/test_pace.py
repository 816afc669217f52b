"""Rate, concurrency, pauses and budget, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random

import pytest

from carprice_assets.sources.crawl.backoff import CAP_SECONDS, delay
from carprice_assets.sources.crawl.pace import (
    Budget,
    BudgetUsedError,
    Pace,
    PausedTooLongError,
)


class Clock:
    """Time that passes only when everybody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._count = 0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self.now + seconds, self._count, woken))
        await woken.wait()

    async def run(self, *work) -> list:
        tasks = [asyncio.ensure_future(each) for each in work]
        while not all(task.done() for task in tasks):
            for _ in range(20):
                await asyncio.sleep(0)
            if self._sleepers:
                self.now, _, woken = heapq.heappop(self._sleepers)
                woken.set()
        return [task.result() for task in tasks]


def simulate(rate, concurrency, workers, each, latency):
    """Departures and arrivals of ``workers * each`` requests; ``latency()`` gives both ways."""
    clock = Clock()
    pace = Pace(rate, concurrency, Budget(10**9), clock, clock.sleep)
    sent, arrived, most, running = [], [], 0, 0

    async def work():
        nonlocal most, running
        for _ in range(each):
            async with pace.turn():
                running += 1
                most = max(most, running)
                sent.append(clock.now)
                there, back = latency()
                await clock.sleep(there)
                arrived.append(clock.now)
                await clock.sleep(back)
                running -= 1

    asyncio.run(clock.run(*(work() for _ in range(workers))))
    return sorted(sent), sorted(arrived), most


def most_within(moments, seconds):
    """The largest number of moments in any window of so many seconds."""
    return max(sum(start <= other < start + seconds for other in moments) for start in moments)


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.5, 7.0, 20.0])
@pytest.mark.parametrize("slowest", [0.0, 0.05, 0.9, 3.0])
def test_no_second_at_the_server_sees_more_than_the_rate(rate, slowest):
    rng = random.Random(3)

    sent, arrived, _ = simulate(
        rate, 8, 8, 8, lambda: (rng.uniform(0, slowest), rng.uniform(0, slowest))
    )

    assert most_within(arrived, 1 - 1e-9) <= max(1, rate)
    gaps = [late - early for early, late in itertools.pairwise(sent)]
    assert min(gaps) >= 1.05 / rate


def test_a_quick_site_is_asked_nearly_at_the_rate():
    sent, _, _ = simulate(10, 4, 4, 25, lambda: (0.001, 0.001))

    assert 99 / (sent[-1] - sent[0]) > 8.9


def test_lost_time_is_not_made_up_in_a_burst():
    slow = iter([(5.0, 0.0)] + [(0.0, 0.0)] * 20)

    sent, _, _ = simulate(2, 1, 1, 10, lambda: next(slow))

    assert min(late - early for early, late in itertools.pairwise(sent)) >= 0.5


def test_never_more_at_once_than_the_concurrency():
    _, _, most = simulate(1000, 3, 9, 5, lambda: (0.5, 0.5))

    assert most == 3


def test_a_pause_holds_everybody_back():
    clock = Clock()
    pace = Pace(1000, 8, Budget(100), clock, clock.sleep)
    sent = []

    async def work(number):
        async with pace.turn():
            sent.append(clock.now)
            if number == 0:
                pace.pause(30)

    asyncio.run(clock.run(*(work(number) for number in range(6))))

    assert sent[0] == 100.0
    assert min(sent[1:]) >= 130.0


def test_a_shorter_pause_does_not_end_a_longer_one():
    clock = Clock()
    pace = Pace(1000, 8, Budget(100), clock, clock.sleep)
    pace.pause(30)
    pace.pause(1)

    async def work():
        async with pace.turn():
            return clock.now

    assert asyncio.run(clock.run(work())) == [130.0]


def test_a_pause_of_more_than_an_hour_is_not_waited_for():
    with pytest.raises(PausedTooLongError) as raised:
        Pace(1, 1, Budget(1)).pause(3601)

    assert raised.value.seconds == 3601


def test_the_budget_counts_every_request_and_no_more():
    budget = Budget(2)
    pace = Pace(1e6, 1, budget)

    async def work():
        for _ in range(3):
            async with pace.turn():
                pass

    with pytest.raises(BudgetUsedError):
        asyncio.run(work())
    assert budget.made == 2


def test_slowing_down_keeps_turns_further_apart():
    clock = Clock()
    pace = Pace(100, 8, Budget(100), clock, clock.sleep)
    pace.slow_down(0.1)
    sent = []

    async def work():
        async with pace.turn():
            sent.append(clock.now)

    asyncio.run(clock.run(*(work() for _ in range(3))))

    assert [round(late - early) for early, late in itertools.pairwise(sent)] == [11, 11]


def test_backoff_doubles_its_ceiling_up_to_a_cap():
    rng = random.Random(5)
    tops = [max(delay(attempt, rng) for _ in range(400)) for attempt in (1, 2, 3, 4)]

    assert tops == pytest.approx([1, 2, 4, 8], rel=0.05)
    assert max(delay(100, rng) for _ in range(400)) <= CAP_SECONDS
    assert min(delay(4, rng) for _ in range(400)) < 0.5
    assert delay(3, random.Random(1)) == delay(3, random.Random(1))
