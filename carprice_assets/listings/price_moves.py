"""Asking prices over time, for people to look at: day by day, and the latest changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carprice_assets.listings.raw import EVER
from carprice_assets.markets import Market

if TYPE_CHECKING:
    import duckdb


def price_moves_by_day(con: duckdb.DuckDBPyConnection, market: Market) -> list[dict[str, Any]]:
    """What each scrape day showed, the earliest first.

    Returns
    -------
    list
        ``day``; listings ``first_seen`` on it; ``re_priced`` listings, ``cuts``, ``rises`` and
        the ``median_change`` over the price before (None without a change); ``delisted``
        listings. Days are those of raw rows, of crawls, and on which a listing was delisted.
    """
    found = con.execute(
        f"""
        WITH days AS (
          SELECT scraped_at AS day FROM ({EVER.format("scraped_at")})
          UNION SELECT day FROM crawls WHERE market = $market
          UNION SELECT delisted_at FROM listings WHERE market = $market
            AND delisted_at IS NOT NULL),
        moves AS (
          SELECT observed_at AS day, count(DISTINCT listing_id) AS re_priced,
            count(*) FILTER (change < 0) AS cuts, count(*) FILTER (change > 0) AS rises,
            median(change / (price - change)) AS median_change
          FROM price_history WHERE market = $market AND change IS NOT NULL GROUP BY 1),
        firsts AS (
          SELECT first_seen AS day, count(*) AS n FROM listings WHERE market = $market GROUP BY 1),
        lasts AS (
          SELECT delisted_at AS day, count(*) AS n FROM listings WHERE market = $market GROUP BY 1)
        SELECT day, coalesce(firsts.n, 0), coalesce(re_priced, 0), coalesce(cuts, 0),
          coalesce(rises, 0), median_change, coalesce(lasts.n, 0)
        FROM days LEFT JOIN moves USING (day) LEFT JOIN firsts USING (day)
        LEFT JOIN lasts USING (day) ORDER BY day
        """,
        {"market": market.name},
    ).fetchall()
    names = ("day", "first_seen", "re_priced", "cuts", "rises", "median_change", "delisted")
    return [dict(zip(names, row, strict=True)) for row in found]


def recent_changes(con: duckdb.DuckDBPyConnection, market: Market, n: int) -> list[dict[str, Any]]:
    """The last ``n`` changes of asking prices, the latest day first, on a day the largest first.

    Returns
    -------
    list
        ``observed_at``, ``listing_id``, ``title`` (year, make, model, trim), ``price``,
        ``change`` and ``share`` (the change over the price before).
    """
    return _changes(con, market, n, "moves.observed_at DESC, abs(share) DESC")


def largest_changes(con: duckdb.DuckDBPyConnection, market: Market, n: int) -> list[dict[str, Any]]:
    """The ``n`` largest changes by their share, in the form of :func:`recent_changes`."""
    return _changes(con, market, n, "abs(share) DESC")


def _changes(
    con: duckdb.DuckDBPyConnection, market: Market, n: int, order: str
) -> list[dict[str, Any]]:
    found = con.execute(
        f"""
        SELECT moves.observed_at, listing_id,
          concat_ws(' ', year::INTEGER, make, model, trim), moves.price, change,
          change / (moves.price - change) AS share
        FROM (SELECT * FROM price_history WHERE market = $market AND change IS NOT NULL) AS moves
        JOIN (SELECT * FROM listings WHERE market = $market) AS mine USING (listing_id)
        ORDER BY {order}, listing_id, moves.observed_at, moves.price LIMIT $n
        """,
        {"market": market.name, "n": n},
    ).fetchall()
    names = ("observed_at", "listing_id", "title", "price", "change", "share")
    return [dict(zip(names, row, strict=True)) for row in found]
