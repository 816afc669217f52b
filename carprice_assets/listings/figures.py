"""Figures about a market's tables, for people to look at: by side, and of price changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carprice_assets.listings.contract import STOCK_TYPES
from carprice_assets.listings.price_moves import largest_changes
from carprice_assets.listings.split import SET_ASIDE
from carprice_assets.markets import Market
from carprice_assets.markets.market import SIDES

if TYPE_CHECKING:
    import duckdb

LARGEST = 5


def side_figures(con: duckdb.DuckDBPyConnection, market: Market) -> list[dict[str, Any]]:
    """One mapping a side (and ``set_aside``), in their order.

    Returns
    -------
    list
        ``side``, ``rows``, ``share`` of all rows, the share of each stock type within the
        side, ``unstated`` ones among them, and the ``median_price`` (None without rows).
    """
    kinds = ", ".join(
        f"count(*) FILTER (stock_type = '{kind}') / count(*) AS {kind}" for kind in STOCK_TYPES
    )
    found = con.execute(
        f"""
        SELECT side, count(*), count(*) / sum(count(*)) OVER (), {kinds},
          count(*) FILTER (stock_type IS NULL) / count(*), median(price)
        FROM listings JOIN vehicles USING (market, listing_id)
        WHERE market = $market GROUP BY side
        """,
        {"market": market.name},
    ).fetchall()
    names = ("rows", "share", *STOCK_TYPES, "unstated", "median_price")
    rows = {side: dict(zip(names, values, strict=True)) for side, *values in found}
    none = dict.fromkeys(names, 0.0) | {"rows": 0, "median_price": None}
    return [{"side": side} | rows.get(side, none) for side in (*SIDES, SET_ASIDE)]


@dataclass(frozen=True)
class PriceChanges:
    """What ``price_history`` says.

    Attributes
    ----------
    listings
        Listings in the history.
    re_priced
        Those whose price changed at least once.
    cuts, rises
        Changes downwards and upwards.
    median_change
        Median of all changes over the price before; 0 where there is none.
    largest
        The largest changes by that share, as :func:`largest_changes` gives them.
    """

    listings: int
    re_priced: int
    cuts: int
    rises: int
    median_change: float
    largest: tuple[Mapping[str, Any], ...]


def price_changes(con: duckdb.DuckDBPyConnection, market: Market) -> PriceChanges:
    """Count the changes of asking prices that the market's scrapes have shown."""
    named = {"market": market.name}
    listings, re_priced, cuts, rises, median = con.execute(
        """
        SELECT count(DISTINCT listing_id),
          count(DISTINCT listing_id) FILTER (change IS NOT NULL),
          count(*) FILTER (change < 0), count(*) FILTER (change > 0),
          coalesce(median(change / (price - change)), 0)
        FROM price_history WHERE market = $market
        """,
        named,
    ).fetchall()[0]
    return PriceChanges(
        listings=listings,
        re_priced=re_priced,
        cuts=cuts,
        rises=rises,
        median_change=median,
        largest=tuple(largest_changes(con, market, LARGEST)),
    )
