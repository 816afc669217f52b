"""One page of the site from its address to its final state, asked again where that helps."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal

from carprice_assets.markets import Site
from carprice_assets.sources.crawl import robots as robots_txt
from carprice_assets.sources.crawl.addresses import Addresses
from carprice_assets.sources.crawl.agent import user_agent
from carprice_assets.sources.crawl.answers import (
    INTERSTITIAL,
    OK,
    Answer,
    decode,
    http_date,
    is_interstitial,
    too_large,
)
from carprice_assets.sources.crawl.backoff import delay
from carprice_assets.sources.crawl.browser import USES, Browser, BrowserLostError
from carprice_assets.sources.crawl.fetch import Fetcher, Response, Tally
from carprice_assets.sources.crawl.pace import Budget
from carprice_assets.sources.crawl.render import Renderer
from carprice_assets.sources.crawl.welcome import Welcome
from carprice_assets.sources.sites.base import (
    Broken,
    Detail,
    Gone,
    SearchPage,
    SiteAdapter,
    Unreadable,
)

if TYPE_CHECKING:
    from playwright.async_api import APIResponse, BrowserContext

Kind = Literal["search", "detail"]
NO_DATA_ATTEMPTS = 2
"""Times a page without data is asked for: once more than the first, it may have been a slip."""


@dataclass
class Visit:
    """What became of one page.

    ``state`` is ``done``, ``failed`` or ``gone``; ``found`` what the adapter read from a page
    that is done; ``at`` the moment of the last answer and ``day`` the page's day.
    """

    state: str = "failed"
    reason: str = ""
    detail: str = ""
    unreadable: bool = False
    status: int | None = None
    attempts: int = 0
    tally: Tally = field(default_factory=Tally)
    found: SearchPage | Detail | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    day: date | None = None


class Visitor:
    """Visits the pages of one site with one browser.

    Parameters
    ----------
    site, adapter
        Limits, and how pages are read.
    budget
        The day's requests.
    addresses
        Which addresses may be fetched.
    rng
        Draws the backoff.
    uses
        Pages after which a browser context is replaced.
    """

    def __init__(
        self,
        site: Site,
        adapter: SiteAdapter,
        budget: Budget,
        *,
        addresses: Addresses | None = None,
        rng: random.Random | None = None,
        uses: int = USES,
    ) -> None:
        self.site = site
        self._adapter = adapter
        self._rng = rng or random.Random()
        self._rendered = adapter.renders if site.render is None else frozenset(site.render)
        self._timeout = site.timeout * 1000
        self.robots = robots_txt.Robots(self._read_robots)
        self._fetcher = Fetcher(site, addresses or Addresses(site), budget, self.robots)
        self._renderer = Renderer(self._fetcher)
        self.browser = Browser(user_agent(site.contact), self._renderer.on_request, uses)
        self._welcome = Welcome()
        self.robots_tally = Tally()
        self.site_time: datetime | None = None

    async def visit(self, kind: Kind, address: str) -> Visit:
        """Bring one page to its final state.

        Raises
        ------
        StoppedError
            Where the crawler is not welcome any more.
        BudgetUsedError, PausedTooLongError
            As :meth:`Fetcher.get`.
        """
        visit = Visit()
        limit = self.site.attempts
        while visit.attempts < limit:
            if visit.attempts and visit.reason != "http_429":
                await asyncio.sleep(delay(visit.attempts, self._rng))
            visit.attempts += 1
            answer, html, final = await self._attempt(kind, address, visit)
            self._welcome.note(answer, address, visit.tally.sent, time.monotonic())
            if answer.kind == "ok":
                limit = min(limit, self._judge(kind, html, final, visit))
            else:
                _settle(visit, answer)
                if answer.kind not in ("wait", "again"):
                    break
        if not visit.tally.requests:
            visit.attempts = 0
        return visit

    async def _attempt(self, kind: Kind, address: str, visit: Visit) -> tuple[Answer, str, str]:
        """One attempt: the answer, and the page with its last address where that is ok."""
        try:
            async with self.browser.context() as context:
                got = await self._fetcher.get(address, self._sender(context), visit.tally)
                self._stamp(visit, got)
                answer, html = _read(got)
                if answer.kind == "ok" and kind in self._rendered:
                    answer, html = await self._render(context, got, kind, html, visit)
                return answer, html, got.address
        except BrowserLostError as error:
            return Answer("again", "browser", str(error)), "", address

    async def _render(
        self, context: BrowserContext, got: Response, kind: Kind, plain: str, visit: Visit
    ) -> tuple[Answer, str]:
        if kind == "detail" and isinstance(self._read_detail(plain, got.address), Gone):
            return OK, plain
        trouble, html = await self._renderer.render(
            context, got, self._adapter.ready[kind], visit.tally
        )
        if is_interstitial(html[:10_000].encode("utf-8", "replace")):
            return INTERSTITIAL, ""
        if large := too_large(len(html), self.site.max_bytes):
            return large, ""
        # A detail page that did not get ready may still say that the car is gone. A search page
        # is not read then: it would seem empty, and an empty page is the end of the search.
        if trouble is not None and (kind == "search" or trouble.reason != "not_ready"):
            return trouble, ""
        return OK, html

    def _sender(self, context: BrowserContext) -> Callable[[str], asyncio.Future[APIResponse]]:
        get = context.request.get
        return lambda address: get(address, max_redirects=0, timeout=self._timeout)  # pyright: ignore

    def _stamp(self, visit: Visit, got: Response) -> None:
        visit.status = got.status
        visit.at = datetime.now(UTC)
        stated = http_date(got.header("date")) if self.site.clock == "site" else None
        visit.day = (stated or visit.at).date()

    def _judge(self, kind: Kind, html: str, address: str, visit: Visit) -> int:
        """Read an ok page into ``visit``; returns how many attempts it is worth."""
        if kind == "search":
            found = self._read_search(html, address)
        else:
            found = self._read_detail(html, address)
        visit.unreadable = isinstance(found, Unreadable)
        if isinstance(found, Broken | Unreadable):
            visit.state, visit.reason, visit.detail = "failed", found.reason, found.detail
            if visit.unreadable:
                return 0
            return NO_DATA_ATTEMPTS if found.reason == "no_data" else self.site.attempts
        visit.state = "gone" if isinstance(found, Gone) else "done"
        visit.reason = ""
        visit.detail = found.notice if isinstance(found, Gone) else ""
        visit.found = found
        return 0

    def _read_search(self, html: str, address: str) -> SearchPage | Broken:
        try:
            return self._adapter.read_search(html, address)
        except Exception as error:  # one page must not end a crawl; the ledger shows the fault
            return Broken("adapter_error", repr(error)[:300])

    def _read_detail(self, html: str, address: str) -> Detail:
        try:
            return self._adapter.read_detail(html, address)
        except Exception as error:  # as above
            return Broken("adapter_error", repr(error)[:300])

    async def _read_robots(self, address: str) -> robots_txt.RobotsFile:
        """Read a host's robots.txt, with retries, and slow down to what it asks for."""
        found: robots_txt.RobotsFile | Answer = Answer("again", detail="never asked")
        for attempt in range(1, self.site.attempts + 1):
            found = await self._robots_attempt(address)
            if isinstance(found, robots_txt.RobotsFile):
                self._fetcher.pace(address).slow_down(found.slowest(self.site.rate))
                return found
            await asyncio.sleep(delay(attempt, self._rng))
        return robots_txt.RobotsFile(unreachable=found.detail, refused=found.kind == "wait")

    async def _robots_attempt(self, address: str) -> robots_txt.RobotsFile | Answer:
        """What robots.txt says, or the answer where another attempt may help."""
        try:
            async with self.browser.context() as context:
                got = await self._fetcher.get(
                    address, self._sender(context), self.robots_tally, for_robots=True
                )
        except BrowserLostError as error:
            return Answer("again", "browser", str(error))
        self.site_time = self.site_time or http_date(got.header("date"))
        answer = got.answer
        if answer.kind in ("again", "wait"):
            return answer
        if answer.kind == "ok":
            return robots_txt.parse(got.body)
        if got.status is None or answer.interstitial or answer.kind == "unreadable":
            return robots_txt.RobotsFile(unreachable=answer.detail, refused=answer.interstitial)
        return robots_txt.by_status(got.status)

    async def close(self) -> None:
        """Close the browser."""
        await self.browser.close()


def _read(got: Response) -> tuple[Answer, str]:
    """The answer and, where it is ok, the page's text."""
    if got.answer.kind != "ok":
        return got.answer, ""
    text = decode(got.header("content-type"), got.body)
    return (text, "") if isinstance(text, Answer) else (OK, text)


def _settle(visit: Visit, answer: Answer) -> None:
    """Write an answer that is no page into ``visit``."""
    visit.state = "gone" if answer.kind == "gone" else "failed"
    visit.reason = answer.reason
    visit.detail = answer.detail
    visit.unreadable = answer.kind == "unreadable"
