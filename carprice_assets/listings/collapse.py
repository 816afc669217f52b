"""Did a crawl see far less than the site usually shows?"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from carprice_assets.listings.journals import COMPLETE, PARTIAL, UNENDED, Head

if TYPE_CHECKING:
    import duckdb

CRAWLS = 3
LEAST_SHARE = 0.5
FAILED = 0.2


@dataclass(frozen=True)
class Collapse:
    """A crawl against the site's last complete ones.

    Attributes
    ----------
    seen
        Listings with a card.
    usual
        Median of that over the last complete crawls before; None without any.
    failed
        Share of its pages that failed.
    broken
        One sentence where too little was seen or too much failed, else ''. A crawl that has
        not ended is not judged.
    """

    seen: int
    usual: float | None
    failed: float
    broken: str


def measure(
    con: duckdb.DuckDBPyConnection, head: Head, state: str, reason: str | None, seen: int
) -> Collapse:
    """Judge a crawl by its own ``state`` and the temporary table ``crawled``."""
    ended, bad = con.execute(
        "SELECT count(*), count(*) FILTER (state = 'failed') FROM crawled WHERE state <> 'pending'"
    ).fetchall()[0]
    failed = bad / ended if ended else 0.0
    earlier = con.execute(
        """
        SELECT seen FROM crawls
        WHERE market = $market AND site = $site AND crawl_id <> $crawl AND state = 'complete'
          AND started_at <= $started
        ORDER BY started_at DESC LIMIT $crawls
        """,
        {
            "market": head.market,
            "site": head.site,
            "crawl": head.crawl_id,
            "started": head.started,
            "crawls": CRAWLS,
        },
    ).fetchall()
    usual = float(median(row[0] for row in earlier)) if earlier else None
    # Who asks for everything, and gets an answer from every known page, may find half a market.
    expected = None if head.full else usual
    broken = ""
    if state not in UNENDED:
        broken = _too_little(state, reason, seen, expected)
        if not broken and failed > FAILED:
            broken = f"{failed:.0%} of the pages failed (limit {FAILED:.0%}), {_mostly(con)}"
    return Collapse(seen, usual, failed, broken)


def _mostly(con: duckdb.DuckDBPyConnection) -> str:
    """The commonest reason of failed pages, and one of them."""
    reason, count, url = con.execute(
        "SELECT coalesce(reason, 'unknown'), count(*) AS n, min(url) FROM crawled"
        " WHERE state = 'failed' GROUP BY ALL ORDER BY n DESC, 1 LIMIT 1"
    ).fetchall()[0]
    return f"{count:,} of them by {reason}, as {url}"


def _too_little(state: str, reason: str | None, seen: int, usual: float | None) -> str:
    if state not in (COMPLETE, PARTIAL) or (reason or "").startswith("collapsed"):
        return f"the crawl ended {state}" + (f": {reason}" if reason else "")
    if not seen and state == COMPLETE:
        return "the search pages showed no car at all"
    if usual is not None and seen < LEAST_SHARE * usual:
        return (
            f"{seen:,} listings were seen, under {LEAST_SHARE:.0%} of the {usual:,.0f} that the"
            " last complete crawls saw"
        )
    return ""
