"""A row of ``crawls`` and the rows of ``pages`` that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from carprice_assets.listings import collapse, journals
from carprice_assets.listings.collapse import Collapse
from carprice_assets.listings.drift import Drift
from carprice_assets.listings.journals import Head

if TYPE_CHECKING:
    import duckdb

HELD = "held"


@dataclass(frozen=True)
class Crawl:
    """A row of ``crawls``; times are in UTC without a zone. See ``schema_2.sql``."""

    market: str
    site: str
    crawl_id: str
    scrape_id: str
    day: date
    started_at: datetime
    ended_at: datetime | None
    state: str
    own_state: str
    reason: str | None
    own_reason: str | None
    adapter: str
    format: str
    is_full: bool
    search_complete: bool
    collapsed: bool
    pages: int
    requests: int
    bytes: int
    seen: int
    new: int
    changed: int
    aged: int
    missing: int
    forced: int
    unchanged: int
    done: int
    gone: int
    failed: int
    pending: int

    @property
    def why(self) -> dict[str, int]:
        """Detail pages asked for, by the reason why."""
        return {
            "new": self.new,
            "changed": self.changed,
            "aged": self.aged,
            "missing": self.missing,
            "full": self.forced,
        }


_COUNTS = """
SELECT
  count(*) FILTER (state <> 'pending'),
  (SELECT coalesce(sum(requests), 0)::BIGINT FROM journal),
  (SELECT coalesce(sum(bytes), 0)::BIGINT FROM journal),
  (SELECT count(*) FROM cards),
  count(*) FILTER (why = 'new'), count(*) FILTER (why = 'changed'),
  count(*) FILTER (why = 'aged'), count(*) FILTER (why = 'missing'),
  count(*) FILTER (why = 'full'),
  (SELECT count(*) FROM cards ANTI JOIN (
    SELECT listing_id FROM crawled WHERE page = 'detail') AS asked USING (listing_id)),
  count(*) FILTER (state = 'done' AND page = 'detail'),
  count(*) FILTER (state = 'gone' AND page = 'detail'),
  count(*) FILTER (state = 'failed'), count(*) FILTER (state = 'pending')
FROM crawled
"""


def describe(con: duckdb.DuckDBPyConnection, head: Head, drifted: Drift) -> tuple[Crawl, Collapse]:
    """The crawl of the temporary tables ``journal``, ``crawled`` and ``cards``."""
    state, reason, ended_at, search_complete = journals.own_state(con)
    counts = con.execute(_COUNTS).fetchall()[0]
    collapsed = collapse.measure(con, head, state, reason, seen=counts[3])
    crawl = Crawl(
        head.market,
        head.site,
        head.crawl_id,
        head.scrape_id,
        head.day,
        head.started,
        ended_at,
        HELD if drifted.broken else state,
        state,
        "; ".join(drifted.broken) or reason,
        reason,
        head.adapter,
        head.format,
        head.full,
        search_complete,
        bool(collapsed.broken),
        *counts,
    )
    return crawl, collapsed


def record(con: duckdb.DuckDBPyConnection, crawl: Crawl) -> None:
    """Store a crawl and its pages in place of what was known of them."""
    named: Mapping[str, Any] = {
        "market": crawl.market,
        "site": crawl.site,
        "crawl": crawl.crawl_id,
    }
    for table in ("crawls", "pages"):
        con.execute(
            f"DELETE FROM {table} WHERE market = $market AND site = $site AND crawl_id = $crawl",
            named,
        )
    values = astuple(crawl)
    con.execute(f"INSERT INTO crawls VALUES ({', '.join('?' * len(values))})", values)
    con.execute(
        """
        INSERT INTO pages
        SELECT $market, $site, $crawl, url, page, listing_id, why, state, reason, detail, status,
          attempts, requests, bytes, seconds, fetched_at, day
        FROM crawled
        """,
        named,
    )
