"""One visit to a site: what the ledger knows goes to the crawler, what it saw comes back.

The warehouse is open for two short steps, before and after; never while pages are fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.errors import UserError
from carprice_assets.listings.ledger import (
    Taken,
    crawl_ids,
    finish,
    known,
    last_refusal,
    requests_since,
    take_in,
)
from carprice_assets.markets import Market, Site
from carprice_assets.sources.crawl.crawler import crawl
from carprice_assets.sources.crawl.journal import NAME, pending_journal, read
from carprice_assets.sources.crawl.known import Known
from carprice_assets.sources.crawl.lock import site_lock

if TYPE_CHECKING:
    import duckdb

Connect = Callable[[str], AbstractContextManager["duckdb.DuckDBPyConnection"]]
"""Opens the warehouse for a step, told in a few words."""

BUDGET_HOURS = 24


def scrape(
    connect: Connect,
    market: Market,
    site: Site,
    spool: Path,
    *,
    started_at: datetime,
    full: bool,
    tell: Callable[[str], None],
) -> Taken:
    """Crawl a site, or go on with a crawl that did not end, and take in what it brought.

    A crawl that had ended, and whose process was gone before it was taken in, is taken in and
    that is all: the site is not visited again for it.

    Parameters
    ----------
    spool
        Folder of all journals; this site's lies in ``<market>/<site>``.
    started_at
        The moment of this visit, with a zone.
    full
        Fetch every detail page, also those that are known.

    Raises
    ------
    UserError
        Where another process is at it, the site refused lately, or the crawler says no.
    """
    from carprice_assets.sources.sites import find_adapter  # brings a parser of HTML

    folder = spool / market.name / site.name
    while True:
        with connect(f"the plan of {site.name}") as con:
            if left := _take_left(con, market, folder):
                tell(f"{left.crawl.crawl_id}: had ended, and is taken in now")
                return left
            plan = _plan(con, market, site, folder, started_at)
        result = crawl(
            site,
            market.name,
            folder,
            plan.known,
            started_at=started_at,
            used=plan.used,
            adapter=find_adapter(site.adapter, market),
            budget_used=plan.budget_used,
            full=full,
            tell=tell,
        )
        if not result.crawl_id:  # nothing was begun, as where the day's budget is used up
            raise UserError(f"market {market.name}: {site.name} is not crawled: {result.reason}")
        with connect(f"taking in {result.crawl_id}") as con, site_lock(folder):
            taken = take_in(con, market, result.journal)
        if taken.ended:
            finish(result.journal)
        if taken.crawl.own_state != "abandoned":
            return taken
        tell(f"{taken.crawl.crawl_id}: too old to go on with; beginning anew")


def _take_left(con: duckdb.DuckDBPyConnection, market: Market, folder: Path) -> Taken | None:
    """Take in a crawl that ended before; one that did not end is only recorded as it stands."""
    journal = folder / NAME
    if not journal.exists():
        return None
    with site_lock(folder):
        ended = pending_journal(folder)
        if ended is None:
            if read(journal, payloads=False).head:
                take_in(con, market, journal)
            return None
        taken = take_in(con, market, journal)
        finish(journal)
    return taken if taken.crawl.own_state != "abandoned" else None


@dataclass(frozen=True)
class _Plan:
    known: Mapping[str, Known]
    used: Collection[str]
    budget_used: int


def _plan(
    con: duckdb.DuckDBPyConnection, market: Market, site: Site, folder: Path, now: datetime
) -> _Plan:
    refused = last_refusal(con, market.name, site.name)
    if refused is not None:
        again = refused[0] + timedelta(hours=site.cool_off_hours)
        if now < again:
            raise UserError(
                f"market {market.name}: {site.name} refused at {refused[0]:%Y-%m-%d %H:%M} UTC"
                f" ({refused[1]}): it is left alone until {again:%Y-%m-%d %H:%M} UTC"
                " (cool_off_hours in the market's file)"
            )
    at_hand = read(folder / NAME, payloads=False).head.get("crawl_id", "")
    since = now - timedelta(hours=BUDGET_HOURS)
    return _Plan(
        known(con, market.name, site.name),
        crawl_ids(con, market.name, site.name),
        requests_since(con, market.name, site.name, since, but_of=at_hand),
    )
