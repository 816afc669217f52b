"""How fast one host may be asked: rate, requests at once, pauses, and the day's budget."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

RESERVE = 1.1
"""Requests leave a tenth further apart than the rate says, against jitter on their way."""
LONGEST_PAUSE = 3600.0
"""Seconds; whoever is asked to wait longer ends for now instead."""
GRAIN = 0.0005
"""Seconds that are not worth a sleep: an event loop's timer is not finer."""

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]


class BudgetUsedError(Exception):
    """The day's requests are used up."""


class PausedTooLongError(Exception):
    """The host asks to be left alone for longer than a crawl waits; ``seconds`` says how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"asked to wait {seconds:.0f} s")
        self.seconds = seconds


class Budget:
    """Requests that may still be made to a site, counted before each of them.

    Attributes
    ----------
    made
        Requests made by this crawl's process so far.
    """

    def __init__(self, left: int) -> None:
        self._left = left
        self.made = 0

    def take(self) -> None:
        """Count one request.

        Raises
        ------
        BudgetUsedError
            Where none is left; nothing is counted then.
        """
        if self.made >= self._left:
            raise BudgetUsedError
        self.made += 1


class Pace:
    """Turns at one host.

    Two rules hold the rate however long a request is on its way. Requests leave evenly spaced,
    never in a burst that makes up for lost time. And one leaves only when fewer than ``rate``
    others are unanswered or were answered within the last second (for a rate below one: fewer
    than one within ``1 / rate`` seconds): since a request arrives between its departure and its
    answer, no second at the server ever sees more than ``rate`` of them. (A rate of 2.5 means
    two within a second.)

    Parameters
    ----------
    rate
        Requests a second, at most.
    concurrency
        Requests without an answer at the same time, at most.
    budget
        Shared by the hosts of a site.
    clock, sleep
        Monotonic seconds and an awaitable sleep; injected in tests.
    """

    def __init__(
        self,
        rate: float,
        concurrency: int,
        budget: Budget,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._budget = budget
        self._places = asyncio.Semaphore(concurrency)
        self._gate = asyncio.Lock()
        self._free_at = 0.0
        self._paused_until = 0.0
        self._waiting = 0
        self._answered: deque[float] = deque()
        self._change = asyncio.Event()
        self.slow_down(rate)

    def slow_down(self, rate: float) -> None:
        """Set the rate; called before the first turn."""
        self.rate = rate
        self._spacing = RESERVE / rate
        self._most = max(1, int(rate))
        self._window = max(1.0, 1.0 / rate)

    def pause(self, seconds: float) -> None:
        """Let nobody leave for so many seconds.

        Raises
        ------
        PausedTooLongError
            Where that is more than an hour.
        """
        self._paused_until = max(self._paused_until, self._clock() + seconds)
        if seconds > LONGEST_PAUSE:
            raise PausedTooLongError(seconds)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Hold one place while a request is made; entered when it may leave.

        Raises
        ------
        BudgetUsedError
            Where the day's requests are used up.
        """
        async with self._places:
            async with self._gate:
                await self._until_free()
                self._budget.take()
                self._free_at = max(self._clock(), self._free_at) + self._spacing
                self._waiting += 1
            try:
                yield
            finally:
                self._waiting -= 1
                self._answered.append(self._clock())
                self._change.set()

    async def _until_free(self) -> None:
        """Return when no pause holds, the spacing is kept and the window has room."""
        while True:
            now = self._clock()
            wait = max(self._free_at, self._paused_until) - now
            if wait > GRAIN:
                await self._sleep(wait)
                continue
            while self._answered and self._answered[0] <= now - self._window:
                self._answered.popleft()
            if self._waiting + len(self._answered) < self._most:
                return
            if self._answered:
                await self._sleep(max(self._answered[0] + self._window - now, GRAIN))
            else:
                self._change.clear()
                await self._change.wait()
