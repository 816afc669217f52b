"""The ledger of crawls, as the crawler and those who start it ask it.

:func:`take_in` writes it, from a crawl's journal; :func:`finish` removes the journal after.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carprice_assets.listings.crawls import Crawl
from carprice_assets.listings.journals import utc
from carprice_assets.listings.taking import Taken, finish, take_in
from carprice_assets.sources.crawl.known import Known

if TYPE_CHECKING:
    import duckdb


def known(con: duckdb.DuckDBPyConnection, market: str, site: str) -> dict[str, Known]:
    """Listing id to what the ledger knows of it, for every listing a site ever showed."""
    rows = con.execute(
        """
        SELECT listing_id, url, coalesce(fingerprint, ''), fetched, delisted_at IS NOT NULL
        FROM sightings WHERE market = $market AND site = $site ORDER BY listing_id
        """,
        {"market": market, "site": site},
    ).fetchall()
    return {listing_id: Known(*row) for listing_id, *row in rows}


def crawl_ids(con: duckdb.DuckDBPyConnection, market: str, site: str) -> set[str]:
    """Ids of all crawls of a site so far."""
    rows = con.execute(
        "SELECT crawl_id FROM crawls WHERE market = $market AND site = $site",
        {"market": market, "site": site},
    ).fetchall()
    return {row[0] for row in rows}


def requests_since(
    con: duckdb.DuckDBPyConnection,
    market: str,
    site: str,
    since: datetime,
    *,
    but_of: str = "",
) -> int:
    """Requests to a site at ``since`` or later, by the time of the page they were made for.

    Those made for no page (robots.txt) count at the end of their crawl. ``but_of`` names a
    crawl whose requests are left out, such as one whose journal is at hand.
    """
    rows = con.execute(
        """
        WITH mine AS (SELECT crawl_id, coalesce(ended_at, started_at) AS told_at, requests
                      FROM crawls WHERE market = $market AND site = $site AND crawl_id <> $but_of),
        spent AS (SELECT crawl_id, sum(requests) AS requests,
                    sum(requests) FILTER (fetched_at >= $since) AS lately
                  FROM pages WHERE market = $market AND site = $site GROUP BY crawl_id)
        SELECT coalesce(sum(coalesce(lately, 0) + CASE WHEN told_at >= $since
            THEN mine.requests - coalesce(spent.requests, 0) ELSE 0 END), 0)::BIGINT
        FROM mine LEFT JOIN spent USING (crawl_id)
        """,
        {"market": market, "site": site, "since": utc(since), "but_of": but_of},
    ).fetchall()
    return rows[0][0]


def last_refusal(
    con: duckdb.DuckDBPyConnection, market: str, site: str
) -> tuple[datetime, str] | None:
    """When a site last refused a crawl (in UTC), and why; also where that crawl was held."""
    rows = con.execute(
        """
        SELECT coalesce(ended_at, started_at), coalesce(own_reason, '') FROM crawls
        WHERE market = $market AND site = $site AND own_state = 'refused'
        ORDER BY 1 DESC LIMIT 1
        """,
        {"market": market, "site": site},
    ).fetchall()
    return (rows[0][0].replace(tzinfo=UTC), rows[0][1]) if rows else None


__all__ = [
    "Crawl",
    "Known",
    "Taken",
    "crawl_ids",
    "finish",
    "known",
    "last_refusal",
    "requests_since",
    "take_in",
]
