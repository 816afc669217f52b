"""Formats that are tables: one row an offer, told apart by what their columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.markets import Market
from carprice_assets.sources.base import Extraction, literal, parsed
from carprice_assets.sources.reading import LATEST, check_incoming, open_table, require, telling

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class TableFormat:
    """A format with fixed columns. All SQL is over ``p``, the row's columns as text.

    Attributes
    ----------
    columns
        Columns that the file must have.
    listing_id, url
        SQL for the offer's id and address.
    scraped_at
        SQL for the day of the scrape as text (ISO, a time after it is cut off), or None
        where the file has none and the caller must give it.
    fields
        Raw field to SQL.
    """

    name: str
    columns: tuple[str, ...]
    listing_id: str
    fields: Mapping[str, str]
    url: str = "NULL"
    scraped_at: str | None = None
    factors: Mapping[str, float] = field(default_factory=dict[str, float])
    currency: str | None = None

    def read(
        self,
        con: duckdb.DuckDBPyConnection,
        market: Market,
        path: Path,
        scraped_at: date | None,
    ) -> None:
        """See :meth:`carprice_assets.sources.base.Format.read`."""
        del market
        table = open_table(con, path)
        require(path, table, list(self.columns))
        store_incoming(
            con,
            path,
            self.name,
            f"SELECT payload, {parsed('payload', self.columns)} AS p FROM ({table.sql})",
            listing_id=self.listing_id,
            url=self.url,
            day=iso_day(self.scraped_at, scraped_at),
            latest=date.today() + timedelta(days=1),
        )

    def extract(self, market: Market) -> Extraction:
        """See :meth:`carprice_assets.sources.base.Format.extract`."""
        del market
        return Extraction(self.columns, self.fields, self.factors, self.currency)


ROW_HASH = (
    "md5_number(source || chr(31) || scrape_id || chr(31)"
    " || coalesce(listing_id, '') || chr(31) || coalesce(url, '') || chr(31) || payload)"
)


def iso_day(column: str | None, given: date | None) -> str:
    """SQL for the day of a row: its own where readable, else the caller's, else NULL."""
    fallback = "NULL::DATE" if given is None else f"DATE {literal(given.isoformat())}"
    return (
        fallback
        if column is None
        else f"coalesce(try_cast(left({column}, 10) AS DATE), {fallback})"
    )


def vin_or_row(vin: str) -> str:
    """SQL for the id of an offer whose file has none: its VIN, else the hash of its row.

    With a row's hash as id, a later row with another price counts as another listing.
    """
    return (
        f"CASE WHEN regexp_full_match(upper(trim({vin})), '[A-HJ-NPR-Z0-9]{{17}}')"
        f" THEN upper(trim({vin})) ELSE 'row-' || md5(payload) END"
    )


def store_incoming(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    source: str,
    rows: str,
    *,
    listing_id: str,
    url: str,
    day: str,
    scrape_id: str = "NULL",
    sequence: str = "NULL",
    latest: date = LATEST,
) -> None:
    """Make the temporary table ``incoming`` from SQL that gives ``payload`` and ``p``.

    A day after ``latest`` refuses the file: its rows would supersede every later scrape.
    ``seq`` is the whole number that ``sequence`` gives, else the row's number in the file.
    A row's hash is the MD5 of its source, scrape, listing id, url and payload. A listing seen
    twice alike in one scrape is one raw row; rows without an id have no identity, so each
    counts: the second alike gets the number 2 into its hash, and so on.
    """
    con.execute("SET preserve_insertion_order = true")  # the place in the file counts
    with telling(path):
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE incoming AS
            WITH numbered AS (SELECT *, row_number() OVER () AS place FROM ({rows})),
            named AS (
              SELECT
                coalesce(nullif(trim({scrape_id}), ''), ({day})::VARCHAR) AS scrape_id,
                {day} AS scraped_at,
                nullif(trim({listing_id}), '') AS listing_id,
                nullif(trim({url}), '') AS url,
                {literal(source)} AS source,
                coalesce(try_cast({sequence} AS BIGINT), place) AS seq, payload
              FROM numbered)
            SELECT *, {ROW_HASH} AS row_hash FROM named
            """
        )
    con.execute("SET preserve_insertion_order = false")
    check_incoming(con, path, latest)
    con.execute(
        """
        UPDATE incoming SET row_hash = md5_number(incoming.row_hash::VARCHAR || '/' || again.nth)
        FROM (
          SELECT rowid AS place, row_number() OVER (PARTITION BY row_hash ORDER BY seq) AS nth
          FROM incoming WHERE listing_id IS NULL) AS again
        WHERE again.place = incoming.rowid AND again.nth > 1
        """
    )
