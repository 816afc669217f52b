"""Letting go of old payloads: raw rows that no longer count, and pages of old crawls.

A superseded raw row counts for its price, its VIN, its day and its hash alone. Those are kept in
``past_listings``, so that nothing that is made of raw listings changes: neither listings nor price
history, sides, dataset or data version, and the same file again still changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from carprice_assets.listings.cleaning import LATEST
from carprice_assets.listings.drift import SCRAPES
from carprice_assets.listings.journals import UNENDED
from carprice_assets.listings.verdicts import extraction_sql
from carprice_assets.listings.warehouse import transaction
from carprice_assets.markets import Market
from carprice_assets.sources.base import literal

if TYPE_CHECKING:
    import duckdb

KEPT_SCRAPES = SCRAPES + 1
"""Scrapes of a source and crawls of a site that are left whole: the next is compared with them."""
KEYS = "source, scrape_id, scraped_at, listing_id, seq, row_hash"
TEXTS = "price_text, price_factor, currency_text, expected_currency, vin_text"


@dataclass(frozen=True)
class OldRows:
    """What of a market may go.

    Attributes
    ----------
    before
        Day before which rows may go; None where the market has none.
    rows, payload_bytes
        Superseded raw rows, and the bytes of their payloads before compression.
    pages
        Rows of the crawls' pages.
    """

    before: date | None
    rows: int = 0
    payload_bytes: int = 0
    pages: int = 0


def old_rows(con: duckdb.DuckDBPyConnection, market: Market, days: int) -> OldRows:
    """What :func:`let_go` would take: nothing is changed.

    Days are counted back from the market's latest raw row, not from today. Taken are rows with a
    later day of the same listing, outside the last scrapes of their source.
    """
    named = {"market": market.name}
    last = con.execute(
        "SELECT max(scraped_at) FROM raw_listings WHERE market = $market", named
    ).fetchall()[0][0]
    if last is None:
        return OldRows(None)
    before = last - timedelta(days=days)
    rows, size = con.execute(
        f"SELECT count(*), coalesce(sum(strlen(payload::VARCHAR)), 0) FROM {_old(market, before)}"
    ).fetchall()[0]
    pages = con.execute(f"SELECT count(*) FROM pages WHERE {_old_pages(market, before)}").fetchall()
    return OldRows(before, rows, int(size), pages[0][0])


def let_go(con: duckdb.DuckDBPyConnection, market: Market, days: int) -> OldRows:
    """Replace old payloads by what counts of them, and drop old pages; one transaction.

    Raises
    ------
    UserError
        Where the market has lost the mapping that its rows are read by.
    """
    with transaction(con):
        found = old_rows(con, market, days)
        if found.before is None:
            return found
        old = extraction_sql(con, market, _old(market, found.before), KEYS)
        con.execute(
            f"INSERT INTO past_listings SELECT {literal(market.name)}, {KEYS}, {TEXTS} FROM ({old})"
        )
        con.execute(
            "DELETE FROM raw_listings WHERE market = $market AND row_hash IN"
            " (SELECT row_hash FROM past_listings WHERE market = $market)",
            {"market": market.name},
        )
        con.execute(f"DELETE FROM pages WHERE {_old_pages(market, found.before)}")
    return found


def _old(market: Market, before: date) -> str:
    """SQL for the raw rows that may go."""
    name = literal(market.name)
    return f"""(
      SELECT raw_listings.* FROM raw_listings
      JOIN (SELECT listing_id, max(scraped_at) AS latest, {LATEST} AS counts
            FROM raw_listings WHERE market = {name} AND listing_id IS NOT NULL
            GROUP BY listing_id) AS newest
        USING (listing_id)
      ANTI JOIN (
        SELECT source, scrape_id FROM (
          SELECT source, scrape_id, row_number() OVER (
            PARTITION BY source ORDER BY max(scraped_at) DESC, scrape_id DESC) AS nth
          FROM raw_listings WHERE market = {name} GROUP BY source, scrape_id)
        WHERE nth <= {KEPT_SCRAPES}) AS recent USING (source, scrape_id)
      ANTI JOIN (
        SELECT row_hash FROM listings WHERE market = {name}
        UNION ALL SELECT row_hash FROM rejected_listings WHERE market = {name}) AS stands
        USING (row_hash)
      WHERE market = {name} AND row_hash <> counts
        AND scraped_at < latest AND scraped_at < DATE '{before}')"""


def _old_pages(market: Market, before: date) -> str:
    """SQL that holds for the pages of old crawls."""
    unended = ", ".join(map(literal, sorted(UNENDED)))
    return f"""market = {literal(market.name)} AND (site, crawl_id) IN (
      SELECT (site, crawl_id) FROM (
        SELECT site, crawl_id, day, own_state, row_number() OVER (
          PARTITION BY site ORDER BY day DESC, started_at DESC) AS nth
        FROM crawls WHERE market = {literal(market.name)})
      WHERE nth > {KEPT_SCRAPES} AND day < DATE '{before}' AND own_state NOT IN ({unended}))"""
