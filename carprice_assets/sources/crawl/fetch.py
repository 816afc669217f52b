"""One address to one answer: every rule is asked before a request leaves."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carprice_assets.markets import Site
from carprice_assets.sources.crawl.addresses import MAX_REDIRECTS, Addresses, host_of, target
from carprice_assets.sources.crawl.answers import (
    INTERSTITIAL,
    Answer,
    by_status,
    is_interstitial,
    too_large,
)
from carprice_assets.sources.crawl.browser import is_lost
from carprice_assets.sources.crawl.pace import Budget, Pace
from carprice_assets.sources.crawl.robots import Robots

if TYPE_CHECKING:
    from playwright.async_api import APIResponse

UNASKED_PAUSE = 5.0
"""Seconds that a host is left alone after a 429 that names no time."""
LEAST_PAUSE = 1.0
"""Seconds that it is left alone after any refusal, also where it allows to ask again at once."""
ROBOTS_BYTES = 5_000_000
"""Size of a robots.txt, at most."""
SMALL = 200_000
"""Bytes of a body that a context may keep until it is recycled; larger ones are dropped."""

Send = Callable[[str], Awaitable["APIResponse"]]


@dataclass
class Tally:
    """What one page cost: all requests made for it, bytes that came, and when (monotonic
    seconds) the last request left.
    """

    requests: int = 0
    bytes: int = 0
    sent: float = 0.0


@dataclass(frozen=True)
class Response:
    """What came in the end. ``address`` is the last one, after redirects."""

    answer: Answer
    address: str
    status: int | None = None
    headers: Mapping[str, str] | None = None
    body: bytes = b""

    def header(self, name: str) -> str:
        """A header by its lower-case name, '' where it is absent."""
        return (self.headers or {}).get(name, "")


class Fetcher:
    """The rules of one site around every request.

    Parameters
    ----------
    site
        Rate, concurrency, limits.
    addresses
        Which addresses may be fetched.
    budget
        The day's requests.
    robots
        What each host does not want fetched.
    """

    def __init__(self, site: Site, addresses: Addresses, budget: Budget, robots: Robots) -> None:
        self.site = site
        self.budget = budget
        self.robots = robots
        self._addresses = addresses
        self._paces: dict[str, Pace] = {}

    def pace(self, address: str) -> Pace:
        """The turns at an address's host."""
        host = host_of(address)
        pace = self._paces.get(host)
        if pace is None:
            pace = self._paces[host] = Pace(self.site.rate, self.site.concurrency, self.budget)
        return pace

    async def fault(self, address: str, hop: int, check_robots: bool = True) -> Answer | None:
        """Why an address is not asked for; None where it is."""
        if fault := await self._addresses.network_fault(address):
            if fault.startswith("cannot look up"):
                return Answer("again", "network", fault)
            reason = "redirect_refused" if hop else "foreign_address"
            return Answer("failed" if hop else "unreadable", reason, fault)
        if check_robots and not await self.robots.allows(address):
            return Answer("failed", "robots", "robots.txt disallows this address")
        return None

    async def get(
        self, address: str, send: Send, tally: Tally, *, for_robots: bool = False
    ) -> Response:
        """Ask for an address, follow its redirects, and judge the answer by status and size.

        ``for_robots``: the address is a robots.txt, which no robots.txt disallows, and whose
        size no setting limits.

        Raises
        ------
        BudgetUsedError
            Where the day's requests are used up.
        PausedTooLongError
            Where the host asks to be left alone for more than an hour.
        playwright.async_api.Error
            Where the browser is gone.
        """
        limit = ROBOTS_BYTES if for_robots else self.site.max_bytes
        for hop in range(MAX_REDIRECTS + 1):
            if (fault := await self.fault(address, hop, not for_robots)) is not None:
                return Response(fault, address)
            async with self.pace(address).turn():
                got = await self._ask(address, send, tally, limit)
                self._hold_back(address, got)
            if got.answer.kind != "redirect":
                return got
            try:
                address = target(address, got.header("location"))
            except ValueError:
                return Response(Answer("failed", "redirect_refused", "no address"), address)
        return Response(
            Answer("failed", "redirect_refused", f"more than {MAX_REDIRECTS} redirects"), address
        )

    async def _ask(self, address: str, send: Send, tally: Tally, limit: int) -> Response:
        """One request, with the body of its answer unless that leads elsewhere."""
        from playwright.async_api import Error, TimeoutError

        tally.requests += 1
        tally.sent = time.monotonic()
        try:
            sent = await send(address)
            headers = sent.headers
            answer = by_status(sent.status, headers, datetime.now(UTC))
            if answer.kind == "redirect":
                return Response(answer, address, sent.status, headers)
            return await _received(address, sent, headers, answer, tally, limit)
        except TimeoutError:
            reason = f"no answer within {self.site.timeout:g} s"
            return Response(Answer("again", "timeout", reason), address)
        except Error as error:
            if is_lost(error):
                raise
            fault = Answer("again", "network", str(error).splitlines()[0][:200])
            return Response(fault, address)

    def _hold_back(self, address: str, got: Response) -> None:
        """Pause the host before its place is free, so that nobody leaves unaware of the answer."""
        if got.answer.kind == "wait":
            wait = UNASKED_PAUSE if got.answer.wait is None else got.answer.wait
            self.pace(address).pause(max(wait, LEAST_PAUSE))
        elif got.answer.kind == "refused":
            self.pace(address).pause(LEAST_PAUSE)


async def _received(
    address: str,
    sent: APIResponse,
    headers: Mapping[str, str],
    answer: Answer,
    tally: Tally,
    limit: int,
) -> Response:
    stated = headers.get("content-length", "")
    size = int(stated) if stated.isdecimal() and len(stated) < 16 else 0
    body = b""
    if size <= limit:
        body = await sent.body()
        size = len(body)
    tally.bytes += size
    if size > SMALL:
        await sent.dispose()
    if is_interstitial(body):
        answer = INTERSTITIAL
    elif answer.kind == "ok":
        answer = too_large(size, limit) or answer
    return Response(answer, address, sent.status, headers, body)
