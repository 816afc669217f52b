"""The loop of a crawl: search pages one after another, details by workers beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from carprice_assets.markets import Site
from carprice_assets.sources.crawl.journal import Journal, Record, Records
from carprice_assets.sources.crawl.known import Known
from carprice_assets.sources.crawl.pace import BudgetUsedError
from carprice_assets.sources.crawl.plan import Planned, plan_cards, plan_missing
from carprice_assets.sources.crawl.progress import EVERY_SECONDS, Progress
from carprice_assets.sources.crawl.result import CrawlResult, summarise, verdict
from carprice_assets.sources.crawl.search import Search
from carprice_assets.sources.crawl.visit import Visit, Visitor
from carprice_assets.sources.crawl.welcome import Layout, Stop
from carprice_assets.sources.sites.base import Card, Offer, SearchPage, SiteAdapter

SYNC_SECONDS = 1.0


class Run:
    """One process's share of a crawl: what is in the journal stays, the rest is fetched.

    Parameters
    ----------
    site, adapter, known, tell
        As of :func:`carprice_assets.sources.crawl.crawl`.
    journal, records
        The open journal and its fold, which this keeps in step.
    """

    def __init__(
        self, site: Site, adapter: SiteAdapter, known: Mapping[str, Known], journal: Journal,
        records: Records, tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._site, self._adapter, self._known = site, adapter, known
        self._journal, self._tell = journal, tell
        self.records = records
        self._search = Search(site.max_pages)
        for line in records.searches().values():
            self._search.add(line)
        self._layout = Layout()
        # Pages are read while the next are under way; the pace keeps to the concurrency.
        self._workers = 2 * site.concurrency
        self._queue: asyncio.Queue[Planned | None] = asyncio.Queue()
        self._progress = Progress(time.monotonic())
        self._failed = sum(page["state"] == "failed" for page in records.pages.values())
        self._accounted = 0
        self._collapsed = ""

    def keep(self, *lines: Record) -> None:
        """Write lines to the journal and fold them, without payloads."""
        self._journal.append(*lines)
        for line in lines:
            self.records.fold({k: v for k, v in line.items() if k != "payload"})

    async def go(self, visitor: Visitor) -> Stop:
        """Fetch what is left.

        Returns
        -------
        Stop
            The crawl's own end: ``complete`` or ``partial``.

        Raises
        ------
        StoppedError, BudgetUsedError, PausedTooLongError
            Where the crawl ends before its pages are settled.
        """
        self._progress.begun = time.monotonic()
        for url in self.records.pending:
            self._queue.put_nowait(self.records.planned[url])
        workers = [self._work(visitor) for _ in range(self._workers)]
        ticker = asyncio.create_task(self._tick())
        try:
            await self._all([self._discover(visitor), *workers])
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
        return Stop(*verdict(self.records, self._collapsed))

    async def _all(self, work: list[Coroutine[Any, Any, None]]) -> None:
        """Run to the end, or to the first exception, which is raised once the others ended."""
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await asyncio.gather(*tasks)
        except BudgetUsedError:
            # Pages on their way are paid for. All others meet the same end before they leave.
            self._dismiss()
            await asyncio.wait(tasks, timeout=2 * self._site.timeout)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _dismiss(self) -> None:
        for _ in range(self._workers):
            self._queue.put_nowait(None)

    async def _discover(self, visitor: Visitor) -> None:
        """Search to the end, planning details on the way, then those that are missing."""
        while self._search.over is None:
            await self._search_page(visitor, self._search.next)
        complete, why = self._search.over
        if self.records.search_end is None:
            self.keep({"kind": "search_end", "complete": complete, "why": why})
        if complete:
            missing = plan_missing(
                self._known,
                self._search.seen,
                self.records.planned,
                full=bool(self.records.head["full"]),
            )
            self._collapsed = missing.collapsed
            if missing.pages:
                self.keep(_plan_line(missing.pages))
                self._enqueue(missing.pages)
        self._dismiss()

    async def _search_page(self, visitor: Visitor, number: int) -> None:
        address = self._adapter.search_address(self._site.start, number)
        visit, seconds = await _timed(visitor, "search", address)
        line = page_line("search", address, visit, seconds) | {"number": number}
        lines: list[Record] = []
        planned: list[Planned] = []
        cards: tuple[Card, ...] = ()
        if isinstance(visit.found, SearchPage):
            cards = visit.found.cards
            planned = self._plan(cards)
            line["strangers"] = list(visit.found.strangers)
        line["cards"] = [asdict(card) for card in cards]
        line.setdefault("strangers", [])
        if planned:
            # The plan stands first and both in one write: a page is never done unplanned.
            lines.append(_plan_line(planned))
        self.keep(*lines, line)
        self._search.add(line)
        self._failed += visit.state == "failed"
        self._account(visit)
        self._enqueue(planned)

    def _plan(self, cards: tuple[Card, ...]) -> list[Planned]:
        head = self.records.head
        fresh = [card for card in cards if card.listing_id not in self._search.seen]
        return plan_cards(
            fresh,
            self._known,
            planned=self.records.planned,
            day=date.fromisoformat(head["day"]),
            refetch_days=self._site.refetch_days,
            full=bool(head["full"]),
        )

    def _enqueue(self, pages: list[Planned] | tuple[Planned, ...]) -> None:
        for page in pages:
            self._queue.put_nowait(page)

    async def _work(self, visitor: Visitor) -> None:
        while (page := await self._queue.get()) is not None:
            visit, seconds = await _timed(visitor, "detail", page.url)
            line = page_line("detail", page.url, visit, seconds) | {
                "listing_id": page.listing_id,
                "why": page.why,
                "fingerprint": page.fingerprint,
            }
            if isinstance(visit.found, Offer):
                self._keep_offer(line, visit.found)
            else:
                self.keep(line)
            self._failed += line["state"] == "failed"
            self._progress.settled += 1
            self._account(visit)
            self._layout.note(line["reason"])

    def _keep_offer(self, line: dict[str, Any], offer: Offer) -> None:
        try:
            self.keep(line | {"payload": dict(offer.payload)})
        except (ValueError, RecursionError) as error:
            line |= {"state": "failed", "reason": "bad_value", "unreadable": True}
            line["detail"] = f"a payload that JSON cannot hold: {error}"[:300]
            self.keep(line)

    def _account(self, visit: Visit) -> None:
        self._accounted += visit.tally.requests

    def account(self, made: int, at: datetime) -> None:
        """Tell of requests that belong to no page's line."""
        more = made - self._accounted
        if more > 0 and self.records.head:
            self.keep({"kind": "requests", "requests": more, "at": _iso(at)})
            self._accounted = made

    def end(self, stop: Stop, at: datetime, made: int = 0) -> None:
        """Write the crawl's end; ``made`` counts all requests of this run."""
        self.account(made, at)
        line = {"kind": "end", "state": stop.state, "reason": stop.reason, "at": _iso(at)}
        if stop.until is not None:
            line["until"] = _iso(stop.until)
        self.keep(line)
        why = f": {stop.reason}" if stop.reason else ""
        self._tell(f"crawl {self.records.head['crawl_id']} is {stop.state}{why}")

    def result(self, day: date, stop: Stop | None = None) -> CrawlResult:
        """The counts of the journal; ``stop`` stands for the end of a crawl not begun."""
        if stop is not None:
            self.records.end = {"state": stop.state, "reason": stop.reason}
        return summarise(self.records, time.monotonic() - self._progress.begun, day=day)

    async def _tick(self) -> None:
        told = time.monotonic()
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            await asyncio.to_thread(self._journal.sync)
            if time.monotonic() - told >= EVERY_SECONDS:
                told = time.monotonic()
                self._tell(self._line(told))

    def _line(self, now: float) -> str:
        planned = len(self.records.planned)
        searches = self._search.next - 1
        return self._progress.line(
            now,
            searches=searches,
            cards=len(self._search.seen),
            planned=planned,
            left=planned - (len(self.records.pages) - searches),
            failed=self._failed,
            searching=self._search.over is None,
        )


async def _timed(visitor: Visitor, kind: Any, address: str) -> tuple[Visit, float]:
    begun = time.monotonic()
    visit = await visitor.visit(kind, address)
    return visit, round(time.monotonic() - begun, 4)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _plan_line(pages: list[Planned] | tuple[Planned, ...]) -> Record:
    return {"kind": "plan", "pages": [asdict(page) for page in pages]}


def page_line(page: str, url: str, visit: Visit, seconds: float) -> dict[str, Any]:
    """What the lines of search and detail pages share."""
    line: dict[str, Any] = {
        "kind": "page",
        "page": page,
        "url": url,
        "state": visit.state,
        "reason": visit.reason,
        "detail": visit.detail,
        "status": visit.status,
        "attempts": visit.attempts,
        "requests": visit.tally.requests,
        "bytes": visit.tally.bytes,
        "seconds": seconds,
        "at": _iso(visit.at),
        "day": (visit.day or visit.at.date()).isoformat(),
    }
    if visit.unreadable:
        line["unreadable"] = True
    return line
