"""The split: sides of vehicles, assigned once and for ever.

side = hash(salt, vehicle): the first 64 bits of SHA-256 of ``salt + "/" + vehicle`` (UTF-8),
as a fraction of 2**64, times 100, falls into the market's percentages in the order train,
validation, calibration, holdout. A vehicle is the component of listing ids linked by valid
VINs, over all scrapes, named by its first-seen listing id (ties: the lesser id).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from carprice_assets.errors import UserError
from carprice_assets.listings.raw import EVER
from carprice_assets.listings.warehouse import transaction
from carprice_assets.markets import Market
from carprice_assets.markets.market import SIDES

if TYPE_CHECKING:
    import duckdb

SET_ASIDE = "set_aside"


@dataclass(frozen=True)
class SplitSummary:
    """What one assignment did.

    Attributes
    ----------
    listings
        Side (and ``set_aside``) to listing ids on it.
    vehicles
        Vehicles in all.
    new
        Listing ids that had no side before.
    newly_set_aside
        Listing ids whose vehicle joined two sides just now.
    """

    listings: dict[str, int]
    vehicles: int
    new: int
    newly_set_aside: int


def side_sql(market: Market, vehicle: str) -> str:
    """SQL for the side of a vehicle's name."""
    value = "('0x' || left(sha256($salt || '/' || " + vehicle + "), 16))::UBIGINT"
    position = f"({value})::DOUBLE / 18446744073709551616 * 100"
    limits = list(accumulate(getattr(market.split, side) for side in SIDES))
    cases = " ".join(
        f"WHEN {position} < {limit!r} THEN '{side}'"
        for side, limit in zip(SIDES[:-1], limits[:-1], strict=True)
    )
    return f"CASE {cases} ELSE '{SIDES[-1]}' END"


def assign(con: duckdb.DuckDBPyConnection, market: Market) -> SplitSummary:
    """Give every listing id of the market a vehicle and a side, in one transaction.

    Ids that have them keep them. A new id takes those of its component's earliest member that
    has them. A component whose members stand on different sides is set aside, for ever.

    Raises
    ------
    UserError
        Where the market's salt is no longer the one that its sides were made with.
    """
    try:
        with transaction(con):
            _check_salt(con, market)
            components(con, market.name)
            return _assign(con, market)
    finally:
        for table in ("nodes", "links", "labels", "decided", "changed"):
            con.execute(f"DROP TABLE IF EXISTS temp.{table}")


def _check_salt(con: duckdb.DuckDBPyConnection, market: Market) -> None:
    named = {"market": market.name}
    stored = con.execute("SELECT salt FROM split_salts WHERE market = $market", named).fetchall()
    if not stored:
        con.execute(
            "INSERT INTO split_salts VALUES ($market, $salt)", named | {"salt": market.split.salt}
        )
    elif stored[0][0] != market.split.salt:
        raise UserError(
            f"market {market.name}: split.salt is {market.split.salt!r}, but its sides were made"
            f" with {stored[0][0]!r}, which must never change"
        )


def components(con: duckdb.DuckDBPyConnection, market: str) -> None:
    """Make the temporary table ``nodes (listing_id, rank, label)``.

    ``rank`` orders the ids by first sight; ``label`` is the least rank of the component, found
    by passing the least label along shared VINs until nothing changes, with a jump to the
    label's own label each round, so that long chains take few rounds.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE nodes AS
        SELECT listing_id, row_number() OVER (ORDER BY first_seen, listing_id) AS rank,
          rank AS label
        FROM (SELECT listing_id, min(scraped_at) AS first_seen
              FROM ({EVER.format("listing_id, scraped_at")})
              WHERE listing_id IS NOT NULL GROUP BY listing_id)
        """,
        {"market": market},
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE links AS
        WITH mine AS (SELECT listing_id, vin FROM listing_vins WHERE market = $market),
        shared AS (SELECT vin FROM mine GROUP BY vin HAVING count(*) > 1)
        SELECT rank, vin FROM mine SEMI JOIN shared USING (vin) JOIN nodes USING (listing_id)
        """,
        {"market": market},
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE labels AS SELECT DISTINCT rank, rank AS label FROM links"
    )
    while True:
        con.execute(
            """
            CREATE OR REPLACE TEMP TABLE changed AS
            WITH by_vin AS (
              SELECT vin, min(label) AS label FROM links JOIN labels USING (rank) GROUP BY vin),
            reached AS (
              SELECT links.rank, min(by_vin.label) AS label
              FROM links JOIN by_vin USING (vin) GROUP BY links.rank),
            jumped AS (
              SELECT reached.rank, least(reached.label, coalesce(beyond.label, reached.label))
                AS label
              FROM reached LEFT JOIN labels AS beyond ON beyond.rank = reached.label)
            SELECT jumped.rank, jumped.label FROM jumped JOIN labels USING (rank)
            WHERE jumped.label < labels.label
            """
        )
        if con.execute("SELECT count(*) FROM changed").fetchall()[0][0] == 0:
            break
        con.execute(
            "UPDATE labels SET label = changed.label FROM changed WHERE changed.rank = labels.rank"
        )
    con.execute("UPDATE nodes SET label = labels.label FROM labels WHERE labels.rank = nodes.rank")


def _assign(con: duckdb.DuckDBPyConnection, market: Market) -> SplitSummary:
    named = {"market": market.name}
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decided AS
        WITH known AS (
          SELECT nodes.*, old.vehicle, old.side FROM nodes
          LEFT JOIN (SELECT * FROM vehicles WHERE market = $market) AS old USING (listing_id)),
        grouped AS (
          SELECT label,
            arg_min(listing_id, rank) AS first_id,
            arg_min(vehicle, rank) FILTER (side IS NOT NULL) AS vehicle,
            arg_min(side, rank) FILTER (side IS NOT NULL) AS side,
            count(DISTINCT side) > 1 AS torn
          FROM known GROUP BY label),
        sided AS (
          SELECT label, coalesce(vehicle, first_id) AS vehicle,
            CASE WHEN torn THEN '{SET_ASIDE}' WHEN side IS NOT NULL THEN side
              ELSE {side_sql(market, "first_id")} END AS side
          FROM grouped)
        SELECT listing_id, rank, coalesce(known.vehicle, sided.vehicle) AS vehicle, sided.side,
          known.side AS side_before
        FROM known JOIN sided USING (label)
        """,
        named | {"salt": market.split.salt},
    )
    con.execute(
        """
        INSERT INTO split_history
        SELECT $market, listing_id, vehicle, side,
          1 + (SELECT coalesce(max(step), 0) FROM split_history WHERE market = $market)
        FROM decided WHERE side IS DISTINCT FROM side_before
        """,
        named,
    )
    con.execute("DELETE FROM vehicles WHERE market = $market", named)
    con.execute(
        "INSERT INTO vehicles SELECT $market, listing_id, vehicle, side FROM decided", named
    )
    sides = dict(con.execute("SELECT side, count(*) FROM decided GROUP BY side").fetchall())
    vehicles, new, torn = con.execute(
        "SELECT count(DISTINCT vehicle), count(*) FILTER (side_before IS NULL),"
        " count(*) FILTER (side_before IS NOT NULL AND side <> side_before) FROM decided"
    ).fetchall()[0]
    return SplitSummary({s: sides.get(s, 0) for s in (*SIDES, SET_ASIDE)}, vehicles, new, torn)
