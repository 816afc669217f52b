"""One crawl of one site: begun or resumed, run to its end, told in its journal."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from carprice_assets.errors import UserError
from carprice_assets.markets import Site
from carprice_assets.sources.crawl.browser import quiet_loss
from carprice_assets.sources.crawl.journal import HELD_FOLDER, NAME, Journal, read
from carprice_assets.sources.crawl.known import Known
from carprice_assets.sources.crawl.lock import site_lock
from carprice_assets.sources.crawl.pace import Budget, BudgetUsedError, PausedTooLongError
from carprice_assets.sources.crawl.result import CrawlResult
from carprice_assets.sources.crawl.run import Run
from carprice_assets.sources.crawl.visit import Visitor
from carprice_assets.sources.crawl.welcome import Stop, StoppedError
from carprice_assets.sources.sites.base import SiteAdapter

BUDGET_HOURS = 24


def _silent(line: str) -> None:
    del line


def crawl(
    site: Site,
    market: str,
    folder: Path,
    known: Mapping[str, Known],
    *,
    started_at: datetime,
    used: Collection[str] = (),
    adapter: SiteAdapter | None = None,
    budget_used: int = 0,
    full: bool = False,
    tell: Callable[[str], None] = _silent,
    seed: int | None = None,
) -> CrawlResult:
    """Crawl a site, or go on with a crawl of it that was killed or paused.

    Pages that are done, gone or failed in the journal are not asked for again. A journal older
    than ``site.resume_days`` is closed with the state ``abandoned`` and nothing is fetched: take
    it in, then call again. An interruption (Ctrl-C, cancellation, a kill) leaves a journal that
    the next call goes on with.

    Parameters
    ----------
    site, market
        What to crawl, for which market.
    folder
        Of the journal, ``spool/<market>/<site>``.
    known
        Listing id to what the ledger knows.
    started_at
        Now, with a time zone.
    used
        Ids of the site's crawls so far; a new one gets another.
    adapter
        By default the one that the site names.
    budget_used
        Requests of the last 24 hours that the journal in ``folder`` does not tell of.
    full
        Fetch the details of every card, changed or not. A resumed crawl keeps its own choice.
    tell
        Takes a line about every ten seconds.
    seed
        Of the backoff's draws.

    Raises
    ------
    UserError
        Where another process crawls the site, a crawl that ended was not taken in yet, or there
        is no browser.
    """
    if started_at.tzinfo is None:
        raise ValueError("started_at needs a time zone")
    with site_lock(folder):
        crawler = _Crawl(
            site, market, folder, known, started_at.astimezone(UTC), used,
            adapter or _adapter(site), budget_used, full, tell, random.Random(seed),
        )  # fmt: skip
        return crawler.go()


def _adapter(site: Site) -> SiteAdapter:
    from carprice_assets.sources.sites import find_adapter

    return find_adapter(site.adapter)


class _Crawl:
    """One call of :func:`crawl`, under the lock."""

    def __init__(
        self, site: Site, market: str, folder: Path, known: Mapping[str, Known], now: datetime,
        used: Collection[str], adapter: SiteAdapter, budget_used: int, full: bool,
        tell: Callable[[str], None], rng: random.Random,
    ) -> None:  # fmt: skip
        self.site, self.market, self.folder, self.known = site, market, folder, known
        self.now, self.adapter, self.full, self.tell, self.rng = now, adapter, full, tell, rng
        self.used = used
        self.records = read(folder / NAME, payloads=False)
        spent = self.records.requests(now - timedelta(hours=BUDGET_HOURS))
        self.left = max(0, site.daily_budget - budget_used - spent)

    def go(self) -> CrawlResult:
        records = self.records
        if records.head and records.ended:
            raise UserError(
                f"{records.path}: crawl {records.head['crawl_id']} ended ({records.state}) and is"
                " not taken in yet"
            )
        journal = Journal.open(self.folder)
        try:
            run = Run(self.site, self.adapter, self.known, journal, records, self.tell)
            if records.head and (why := self._abandoned()):
                run.end(Stop("abandoned", why), self.now)
            elif (pause := self._still_paused()) is not None:
                if records.head:
                    run.end(pause, self.now)
                else:
                    return run.result(self.now.date(), pause)
            else:
                if records.head:
                    self.tell(f"going on with crawl {records.head['crawl_id']}")
                asyncio.run(self._visit(run))
            return run.result(self.now.date())
        finally:
            journal.close()

    def _abandoned(self) -> str:
        head = self.records.head
        age = self.now - datetime.fromisoformat(head["started_at"])
        if age > timedelta(days=self.site.resume_days):
            return f"begun {head['started_at']}, more than {self.site.resume_days} days ago"
        if head["adapter"] != self.adapter.name:
            return f"begun with the adapter {head['adapter']}, now it is {self.adapter.name}"
        return ""

    def _still_paused(self) -> Stop | None:
        until = (self.records.end or {}).get("until")
        if until and datetime.fromisoformat(until) > self.now:
            return Stop("paused", f"asked to wait until {until}", datetime.fromisoformat(until))
        return None if self.left else self._budget_stop()

    def _budget_stop(self) -> Stop:
        return Stop("paused", f"daily budget of {self.site.daily_budget} requests used")

    async def _visit(self, run: Run) -> None:
        asyncio.get_running_loop().set_exception_handler(quiet_loss)
        budget = Budget(self.left)
        visitor = Visitor(self.site, self.adapter, budget, rng=self.rng)
        try:
            stop = await self._until_stop(run, visitor)
            moment = datetime.now(UTC)
            if not run.records.head:
                self._begin(run, visitor)
            run.end(stop, moment, budget.made)
        except BaseException:
            # What was asked for in vain is counted too, so that the budget holds after a resume.
            run.account(budget.made, datetime.now(UTC))
            raise
        finally:
            await visitor.close()

    async def _until_stop(self, run: Run, visitor: Visitor) -> Stop:
        try:
            robots = await visitor.robots.of(self.site.start)
            if not run.records.head:
                self._begin(run, visitor)
            first = self.adapter.search_address(self.site.start, 1)
            if robots.unreachable:
                state = "refused" if robots.refused else "unreachable"
                return Stop(state, f"robots.txt unreachable: {robots.unreachable}")
            if not robots.allows(first):
                return Stop("refused", f"robots.txt disallows {first}")
            return await run.go(visitor)
        except StoppedError as stopped:
            return stopped.stop
        except BudgetUsedError:
            return self._budget_stop()
        except PausedTooLongError as pause:
            until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=pause.seconds)
            return Stop("paused", f"asked to wait until {until.isoformat()}", until)

    def _used(self) -> set[str]:
        """Ids of crawls that the ledger or a file of held offers knows."""
        return {*self.used, *(path.stem for path in (self.folder / HELD_FOLDER).glob("*.jsonl"))}

    def _begin(self, run: Run, visitor: Visitor) -> None:
        at = visitor.site_time if self.site.clock == "site" else None
        day = (at or self.now).date().isoformat()
        crawl_id = free_id(self.site.name, day, self._used())
        run.keep(
            {
                "kind": "crawl",
                "crawl_id": crawl_id,
                # Of one crawl, not of one day: a price may come back on the day it left.
                "scrape_id": crawl_id,
                "market": self.market,
                "site": self.site.name,
                "adapter": self.adapter.name,
                "format": self.adapter.format,
                "day": day,
                "started_at": self.now.isoformat(),
                "full": self.full,
            }
        )


def free_id(site: str, day: str, used: Collection[str]) -> str:
    """``<site>-<day>-<n>`` with the first ``n`` from 1 that no crawl of the site has."""
    numbers = itertools.count(1)
    return next(each for n in numbers if (each := f"{site}-{day}-{n}") not in used)
