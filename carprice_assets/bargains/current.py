"""What is on offer now: the market's current listings, and those lately gone, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.bargains.doubts import Dealing
from carprice_assets.errors import UserError
from carprice_assets.listings.cleaning import drop_temporary
from carprice_assets.listings.contract import FEATURE_FIELDS, Columns
from carprice_assets.listings.dataset import stored_sql, to_columns
from carprice_assets.listings.verdicts import judge
from carprice_assets.markets import Market

if TYPE_CHECKING:
    import duckdb

LATELY = 60
"""Days back that comparables which are gone may lie."""
RAISE = 0.15
"""Relative rise of a price that makes the offer before it a lure."""
_FIELDS = ", ".join(field.name for field in FEATURE_FIELDS)
POOL = ("listing_id", "make", "model", "trim", "year", "mileage", "stock_type", "price", "vin")


@dataclass(frozen=True)
class Current:
    """What a list of bargains is made from.

    Attributes
    ----------
    day
        Days since 1970-01-01: the market's last day with listings.
    offers
        Current listings: all feature fields, those of the market's own, and ``price``,
        ``listing_id``, ``vehicle``, ``url``, ``row_hash``, ``first_seen``, ``last_seen``,
        ``first_price``, ``drops`` and ``last_drop`` (NaN where there was none).
    rejected
        The same of rows whose price no car can have.
    gone
        Listings lately sold, delisted or not seen again: :data:`POOL`, ``last_seen`` and
        ``delisted_at``.
    raised
        Dealer to the number of his listings that were raised again, and of all; see
        :class:`Dealing`. Dealers without a raised one are not among them.
    """

    day: float
    offers: Columns
    rejected: Columns
    gone: Columns
    raised: Mapping[str, tuple[int, int]]


def read_current(con: duckdb.DuckDBPyConnection, market: Market) -> Current:
    """Read the current offers of ``market``.

    Raises
    ------
    UserError
        Where it has no listings.
    """
    named: dict[str, Any] = {"market": market.name, "stale": market.bargains.stale_days}
    last = con.execute(
        "SELECT max(last_seen) - DATE '1970-01-01' FROM listings WHERE market = $market",
        {"market": market.name},
    ).fetchall()[0][0]
    if last is None:
        raise UserError(f"market {market.name}: no listings yet: carprice crawl brings some")
    named["last"] = int(last)
    own = stored_sql(market.features)
    offers = _table(con, f"SELECT {_FIELDS}{own}, {_LIFE} WHERE current", named)
    pool = ", ".join(POOL)
    gone = _table(
        con,
        f"SELECT {pool}, last_seen, delisted_at FROM ({_MARKED}) WHERE NOT current"
        f" AND last_seen >= DATE '1970-01-01' + $last::INT - {LATELY}::INT",
        named,
    )
    raised = con.execute(_RAISED, {"market": market.name, "raise": RAISE}).fetchall()
    return Current(
        float(named["last"]),
        offers,
        _rejected(con, market, named, own),
        gone,
        {dealer: (count, listings) for dealer, count, listings in raised},
    )


def read_payloads(
    con: duckdb.DuckDBPyConnection, market: str, row_hashes: Sequence[str]
) -> dict[str, str]:
    """Verbatim payloads by the hash of their row."""
    rows = con.execute(
        "SELECT row_hash::VARCHAR, payload::VARCHAR FROM raw_listings"
        " WHERE market = $market AND row_hash IN (SELECT unnest($wanted::UHUGEINT[]))",
        {"market": market, "wanted": list(row_hashes)},
    ).fetchall()
    return dict(rows)


def dealings(current: Current, is_low: NDArray[np.bool_]) -> dict[str, Dealing]:
    """Dealer to what is known of him; ``is_low`` marks the offers far below their range."""
    names, place = np.unique(current.offers["dealer"].astype(str), return_inverse=True)
    offers = np.bincount(place, minlength=len(names))
    low = np.bincount(place, weights=is_low, minlength=len(names))
    found = {
        str(name): Dealing(*current.raised.get(str(name), (0, 0)), int(all_), int(few))
        for name, all_, few in zip(names, offers, low)
        if name
    }
    for name, counts in current.raised.items():
        found.setdefault(name, Dealing(*counts))
    return found


_MARKED = """
SELECT *, delisted_at IS NULL
  AND last_seen >= DATE '1970-01-01' + $last::INT - $stale::INT AS current
FROM listings WHERE market = $market
"""
_LIFE = f"""
price, listing_id, url, row_hash::VARCHAR AS row_hash, first_seen, last_seen,
  coalesce(vehicle, listing_id) AS vehicle,
  coalesce(first_price, price) AS first_price, coalesce(drops, 0)::DOUBLE AS drops, last_drop
FROM ({_MARKED}) LEFT JOIN (
  SELECT listing_id, arg_min(price, observed_at) AS first_price,
    count(*) FILTER (change < 0) AS drops, max(observed_at) FILTER (change < 0) AS last_drop
  FROM price_history WHERE market = $market GROUP BY listing_id) USING (listing_id)
LEFT JOIN (SELECT listing_id, vehicle FROM vehicles WHERE market = $market) USING (listing_id)
"""
_RAISED = """
WITH mine AS (SELECT * FROM listings WHERE market = $market AND dealer IS NOT NULL),
raised AS (
  SELECT dealer, listing_id FROM mine JOIN (
    SELECT DISTINCT listing_id FROM price_history
    WHERE market = $market AND change > $raise * (price - change)) USING (listing_id)
  UNION
  SELECT early.dealer, early.listing_id FROM mine AS early JOIN mine AS late
    ON early.vin = late.vin AND early.dealer = late.dealer
    AND early.listing_id <> late.listing_id AND early.last_seen <= late.first_seen
    AND late.price > (1 + $raise) * early.price)
SELECT dealer, raised, listings FROM (SELECT dealer, count(*) AS raised FROM raised GROUP BY dealer)
JOIN (SELECT dealer, count(*) AS listings FROM mine GROUP BY dealer) USING (dealer)
"""


def _rejected(
    con: duckdb.DuckDBPyConnection, market: Market, named: Mapping[str, Any], own: str
) -> Columns:
    """Current rows that were rejected for their price, typed as cleaning types them."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE refused AS SELECT raw_listings.* FROM raw_listings"
        " SEMI JOIN (SELECT row_hash FROM rejected_listings WHERE market = $market"
        " AND reason = 'price_out_of_range'"
        " AND scraped_at >= DATE '1970-01-01' + $last::INT - $stale::INT) AS priced"
        " USING (row_hash) WHERE market = $market",
        dict(named),
    )
    try:
        judge(con, market, "refused")
        fields = _FIELDS.replace("observed_at", "scraped_at AS observed_at")
        return _table(
            con,
            f"SELECT {fields}{own}, price, listing_id, url, row_hash::VARCHAR AS row_hash,"
            " listing_id AS vehicle, scraped_at AS first_seen, scraped_at AS last_seen,"
            " price AS first_price,"
            " 0.0::DOUBLE AS drops, NULL::DATE AS last_drop FROM judged"
            " WHERE reason = 'price_out_of_range'",
            {},
        )
    finally:
        drop_temporary(con)
        con.execute("DROP TABLE IF EXISTS temp.refused")


def _table(
    con: duckdb.DuckDBPyConnection, query: str, named: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    return to_columns(con.sql(query, params=dict(named)).to_arrow_table())
