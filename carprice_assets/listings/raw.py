"""Raw listings: appended once, never changed, and a version that tells their content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.errors import UserError
from carprice_assets.files import sha256_bytes
from carprice_assets.listings.rejections import sentence
from carprice_assets.listings.verdicts import judge
from carprice_assets.listings.warehouse import transaction
from carprice_assets.markets import Market
from carprice_assets.sources import find_format

if TYPE_CHECKING:
    import duckdb

EVER = (
    "SELECT {0} FROM raw_listings WHERE market = $market"
    " UNION ALL SELECT {0} FROM past_listings WHERE market = $market"
)
"""SQL for columns of all raw rows of a market that ever came, pruned ones too."""

FIRST_LOOK = 2_000
LOOK_GROWTH = 10


@dataclass(frozen=True)
class Appended:
    """What one import did.

    Attributes
    ----------
    read
        Rows of the file.
    new
        Rows that were added.
    known
        Rows that changed nothing: there before, or twice alike in the file.
    total
        Raw rows of the market afterwards.
    data_version
        Of the market's raw listings afterwards, see :func:`data_version`.
    """

    read: int
    new: int
    known: int
    total: int
    data_version: str


def append(
    con: duckdb.DuckDBPyConnection,
    market: Market,
    format: str,
    path: Path,
    scraped_at: date | None = None,
) -> Appended:
    """Take a file into ``raw_listings``, in one transaction.

    The same rows again change nothing, whatever file they come in.

    Raises
    ------
    UserError
        Where the file cannot be read as ``format``, or cleaning would reject each of its
        rows; the warehouse stays as it was.
    """
    try:
        with transaction(con):
            read_incoming(con, market, format, path, scraped_at)
            refuse_hopeless(con, market, path)
            read, new = insert_incoming(con, market)
            after = standing(con, market)
    finally:
        drop_incoming(con)
    return Appended(read, new, read - new, after.total, after.data_version)


def read_incoming(
    con: duckdb.DuckDBPyConnection,
    market: Market,
    format: str,
    path: Path,
    scraped_at: date | None = None,
) -> None:
    """Read a file into the temporary tables ``incoming`` and ``fresh``.

    ``fresh.place`` is the ``rowid`` in ``incoming`` of every row that the market has not yet,
    once where the file has it more than once.

    Raises
    ------
    UserError
        Where the file cannot be read as ``format``.
    """
    find_format(format).read(con, market, path, scraped_at)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE fresh AS
        SELECT arg_min(incoming.rowid, seq) AS place FROM incoming
        ANTI JOIN ({EVER.format("row_hash")}) AS known USING (row_hash)
        GROUP BY row_hash
        """,
        {"market": market.name},
    )


def insert_incoming(con: duckdb.DuckDBPyConnection, market: Market) -> tuple[int, int]:
    """Add the fresh rows of ``incoming`` to ``raw_listings``; returns rows read and added."""
    con.execute(
        """
        INSERT INTO raw_listings
        SELECT $market, source, scrape_id, scraped_at, listing_id, url, seq, payload::JSON,
          row_hash
        FROM incoming SEMI JOIN fresh ON incoming.rowid = fresh.place
        """,
        {"market": market.name},
    )
    counts = "SELECT (SELECT count(*) FROM incoming), (SELECT count(*) FROM fresh)"
    return con.execute(counts).fetchall()[0]


def drop_incoming(con: duckdb.DuckDBPyConnection) -> None:
    """Free what :func:`read_incoming` made."""
    con.execute("DROP TABLE IF EXISTS temp.incoming")
    con.execute("DROP TABLE IF EXISTS temp.fresh")


def standing(con: duckdb.DuckDBPyConnection, market: Market) -> Appended:
    """The raw listings as they are, nothing read.

    Raises
    ------
    UserError
        Where the market has none.
    """
    total = count_rows(con, market.name)
    if not total:
        raise UserError(
            f"market {market.name}: no listings yet: carprice crawl or carprice import brings some"
        )
    return Appended(0, 0, 0, total, data_version(con, market.name))


def count_rows(con: duckdb.DuckDBPyConnection, market: str) -> int:
    """Raw rows of a market."""
    sql = "SELECT count(*) FROM raw_listings WHERE market = $market"
    return con.execute(sql, {"market": market}).fetchall()[0][0]


def refuse_hopeless(con: duckdb.DuckDBPyConnection, market: Market, path: Path) -> None:
    """Raise a UserError where cleaning would reject every row of ``incoming``.

    Looks at the first rows, then at ten times as many, and stops at the first good one.
    """
    total, first = con.execute("SELECT count(*), min(rowid) FROM incoming").fetchall()[0]
    begin, end = 0, FIRST_LOOK
    reasons: dict[str, int] = {}
    while begin < total:  # by rowid, which counts up in a new table; seq may be a time
        part = f"rowid >= {first + begin} AND rowid < {first + end}"
        judge(con, market, f"(SELECT * FROM incoming WHERE {part})")
        found = con.execute("SELECT reason, count(*) FROM judged GROUP BY reason").fetchall()
        if any(reason is None for reason, _ in found):
            return
        for reason, count in found:
            reasons[reason] = reasons.get(reason, 0) + count
        begin, end = end, end * LOOK_GROWTH
    worst = max(sorted(reasons), key=lambda reason: reasons[reason])
    raise UserError(
        f"{path}: all of its {total:,} rows would be rejected, {reasons[worst]:,} as {worst}"
        f" ({sentence(worst)})"
    )


def data_version(con: duckdb.DuckDBPyConnection, market: str) -> str:
    """The content of a market's raw listings as 32 hex digits, whatever the order of imports.

    The hash of their number and of the exclusive or and the sum of their row hashes, those of
    pruned rows among them: to let go of payloads is not news.
    """
    parts = con.execute(
        f"""
        SELECT count(*), coalesce(bit_xor(row_hash), 0)::VARCHAR,
          coalesce(sum((row_hash % 18446744073709551616)::UBIGINT), 0)::VARCHAR
        FROM ({EVER.format("row_hash")})
        """,
        {"market": market},
    ).fetchall()[0]
    return sha256_bytes("/".join(map(str, parts)).encode())[:32]
