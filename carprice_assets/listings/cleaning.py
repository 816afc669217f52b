"""From raw listings to listings: one transaction, all set work inside DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from carprice_assets.listings.lookups import learn_numbers, learn_vins
from carprice_assets.listings.raw import data_version
from carprice_assets.listings.summary import Repairs, measure_repairs
from carprice_assets.listings.verdicts import CURRENCY_FITS, DOLLARS, extraction_sql, judge
from carprice_assets.listings.warehouse import transaction
from carprice_assets.markets import Market
from carprice_assets.sources import UNREADABLE

if TYPE_CHECKING:
    import duckdb

TEMPORARY = ("rows", "standing", "extracted", "judged", "older", "shown", "incoming")
LATEST = f"arg_max(row_hash, (source <> '{UNREADABLE}', scraped_at, seq, row_hash))"
"""SQL for the row of a listing that counts."""


@dataclass(frozen=True)
class CleaningSummary:
    """What one cleaning made of a market's raw rows.

    Attributes
    ----------
    raw, listings, rejected, superseded
        Rows; the first is the sum of the others.
    reasons
        Rejection code to rows.
    repairs
        Of the listings: values that were unreadable or out of range and became missing, and
        words outside a closed vocabulary, see :class:`Repairs`.
    prices
        Rows of ``price_history``.
    data_version
        Of the raw listings that were cleaned.
    """

    market: str
    raw: int
    listings: int
    rejected: int
    superseded: int
    prices: int
    data_version: str
    reasons: Mapping[str, int] = field(default_factory=dict[str, int])
    repairs: Repairs = field(default_factory=Repairs)


def rebuild(con: duckdb.DuckDBPyConnection, market: Market) -> CleaningSummary:
    """Make ``listings``, ``rejected_listings``, ``price_history`` and ``listing_vins`` anew.

    The latest raw row of a listing id counts (by day, then place in its file); the others are
    superseded. Every raw row is in exactly one of the three.
    """
    try:
        with transaction(con):
            _clear(con, market.name)
            stand(con, f"(SELECT * FROM raw_listings WHERE market = '{market.name}')")
            judge(con, market, "rows")
            _store(con, market.name)
            _store_shown(con, market)
            return _summary(con, market)
    finally:
        drop_temporary(con)


def drop_temporary(con: duckdb.DuckDBPyConnection) -> None:
    """Free the temporary tables of a cleaning."""
    con.execute("DROP VIEW IF EXISTS temp.rows")
    for table in TEMPORARY[1:]:
        con.execute(f"DROP TABLE IF EXISTS temp.{table}")


def stand(con: duckdb.DuckDBPyConnection, source: str) -> None:
    """Choose the rows that count: the temporary table ``standing`` and view ``rows``.

    ``source`` is SQL with the columns of ``incoming``. ``standing`` holds the hash of the
    latest row of every listing id, and of every row without one, with the first and last day
    of the listing. A page that could not be read counts where nothing else is known.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE standing AS
        SELECT {LATEST} AS row_hash,
          min(scraped_at) AS first_seen, max(scraped_at) AS last_seen, count(*) AS seen
        FROM {source} WHERE listing_id IS NOT NULL GROUP BY listing_id
        UNION ALL
        SELECT row_hash, scraped_at, scraped_at, 1 FROM {source} WHERE listing_id IS NULL
        """
    )
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW rows AS SELECT * FROM {source} SEMI JOIN standing"
        " USING (row_hash)"
    )


def _clear(con: duckdb.DuckDBPyConnection, market: str) -> None:
    for table in ("listings", "rejected_listings", "price_history", "listing_vins"):
        con.execute(f"DELETE FROM {table} WHERE market = $market", {"market": market})


def _store(con: duckdb.DuckDBPyConnection, market: str) -> None:
    """Listings and rejections; a listing is gone once every site that had it says so.

    A raw row of a later day, from a file for example, shows that it is on offer after all.
    """
    con.execute(
        """
        INSERT INTO listings
        WITH ledger AS (
          SELECT listing_id, max(last_seen) AS sighted,
            CASE WHEN bool_and(delisted_at IS NOT NULL) THEN max(delisted_at) END AS gone
          FROM sightings WHERE market = $market GROUP BY listing_id),
        past AS (
          SELECT listing_id, min(scraped_at) AS first_past
          FROM past_listings WHERE market = $market GROUP BY listing_id)
        SELECT $market, listing_id, vin, dealer, url, scraped_at, least(first_seen, first_past),
          greatest(last_seen, sighted), CASE WHEN gone >= last_seen THEN gone END,
          price, make, model, trim, year, mileage, msrp, stock_type, drivetrain, fuel_type,
          bodystyle, cat, exterior_color, interior_color, source, row_hash, numbers, words
        FROM judged JOIN standing USING (row_hash) LEFT JOIN ledger USING (listing_id)
        LEFT JOIN past USING (listing_id)
        WHERE reason IS NULL
        """,
        {"market": market},
    )
    con.execute(
        """
        INSERT INTO rejected_listings
        SELECT $market, row_hash, source, scraped_at, listing_id, url, reason, detail
        FROM judged WHERE reason IS NOT NULL
        """,
        {"market": market},
    )


def _store_shown(con: duckdb.DuckDBPyConnection, market: Market) -> None:
    """Prices and VINs over all scrapes, the superseded and the pruned rows' too."""
    older = (
        f"(SELECT * FROM raw_listings ANTI JOIN standing USING (row_hash)"
        f" WHERE market = '{market.name}')"
    )
    kept = "listing_id, source, scraped_at, seq, row_hash"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE older AS
        SELECT listing_id, scraped_at, seq, row_hash, price_text, price_factor, currency_text,
          expected_currency, vin_text
        FROM ({extraction_sql(con, market, older, kept)})
        UNION ALL
        SELECT listing_id, scraped_at, seq, row_hash, price_text, price_factor, currency_text,
          expected_currency, vin_text
        FROM past_listings WHERE market = $market
        """,
        {"market": market.name},
    )
    learn_numbers(con, "older", "price_text")
    learn_vins(con, "older")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE shown AS
        SELECT listing_id, scraped_at, seq, row_hash, price.value * price_factor AS price,
          vin.value AS vin
        FROM older
        LEFT JOIN number_lookup AS price ON price.text = price_text AND {CURRENCY_FITS}
        LEFT JOIN word_lookup AS vin ON vin.field = 'vin' AND vin.text = vin_text
        UNION ALL
        SELECT listing_id, scraped_at, seq, row_hash, CASE WHEN reason IS NULL THEN price END, vin
        FROM judged WHERE listing_id IS NOT NULL
        """,
        {"dollars": list(DOLLARS)},
    )
    con.execute(
        """
        INSERT INTO price_history
        WITH priced AS (
          SELECT listing_id, scraped_at, price, price - lag(price) OVER listing AS change
          FROM shown
          SEMI JOIN (SELECT listing_id FROM judged WHERE reason IS NULL) AS good USING (listing_id)
          WHERE price BETWEEN $low AND $high
          WINDOW listing AS (PARTITION BY listing_id ORDER BY scraped_at, seq, row_hash))
        SELECT $market, listing_id, scraped_at, price, change FROM priced
        WHERE change IS NULL OR change <> 0
        """,
        {
            "market": market.name,
            "low": market.listings.price_low,
            "high": market.listings.price_high,
        },
    )
    con.execute(
        """
        INSERT INTO listing_vins
        SELECT DISTINCT $market, listing_id, vin FROM shown WHERE vin IS NOT NULL
        """,
        {"market": market.name},
    )


def _summary(con: duckdb.DuckDBPyConnection, market: Market) -> CleaningSummary:
    sums = accounts(con, market)
    prices = con.execute(
        "SELECT count(*) FROM price_history WHERE market = $market", {"market": market.name}
    ).fetchall()[0][0]
    return CleaningSummary(
        market=market.name,
        raw=sums["raw"],
        listings=sums["listings"],
        rejected=sums["rejected"],
        superseded=sums["superseded"],
        prices=prices,
        data_version=data_version(con, market.name),
        reasons=rejected_counts(con),
        repairs=measure_repairs(con, market),
    )


def rejected_counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Code to rows of ``judged``, the most frequent first."""
    return dict(
        con.execute(
            "SELECT reason, count(*) FROM judged WHERE reason IS NOT NULL"
            " GROUP BY reason ORDER BY count(*) DESC, reason"
        ).fetchall()
    )


def accounts(con: duckdb.DuckDBPyConnection, market: Market) -> dict[str, int]:
    """Where every raw row went, counted from the stored tables alone.

    Returns
    -------
    dict
        ``raw``, ``listings``, ``rejected``, ``superseded`` (rows whose listing id has a row of
        a later day or place, or one of a page that could be read); ``twice`` (rows in two
        places), ``strays`` (listings or rejections without a raw row) and ``lost`` (rows that
        are nowhere). In order: raw = listings + rejected + superseded, and the last three are 0.
    """
    row = con.execute(
        """
        WITH mine AS (SELECT listing_id, scraped_at, seq, row_hash, source <> $unreadable AS read
                      FROM raw_listings WHERE market = $market),
        placed AS (
          SELECT row_hash, 'listing' AS place FROM listings WHERE market = $market
          UNION ALL
          SELECT row_hash, 'rejected' FROM rejected_listings WHERE market = $market
          UNION ALL
          SELECT row_hash, 'superseded' FROM (
            SELECT row_hash, row_number() OVER (
              PARTITION BY listing_id
              ORDER BY read DESC, scraped_at DESC, seq DESC, row_hash DESC) AS nth
            FROM mine WHERE listing_id IS NOT NULL) WHERE nth > 1)
        SELECT
          (SELECT count(*) FROM mine),
          (SELECT count(*) FROM placed WHERE place = 'listing'),
          (SELECT count(*) FROM placed WHERE place = 'rejected'),
          (SELECT count(*) FROM placed WHERE place = 'superseded'),
          (SELECT count(*) - count(DISTINCT row_hash) FROM placed),
          (SELECT count(*) FROM placed ANTI JOIN mine USING (row_hash)),
          (SELECT count(*) FROM mine ANTI JOIN placed USING (row_hash))
        """,
        {"market": market.name, "unreadable": UNREADABLE},
    ).fetchall()[0]
    names = ("raw", "listings", "rejected", "superseded", "twice", "strays", "lost")
    return dict(zip(names, row, strict=True))
