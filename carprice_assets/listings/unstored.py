"""Cleaning a file without storing it: what a back-test judges, by the same rules."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from carprice_assets.listings.cleaning import rejected_counts, stand
from carprice_assets.listings.contract import FIELDS
from carprice_assets.listings.dataset import stored_sql, to_columns
from carprice_assets.listings.summary import Repairs, measure_repairs
from carprice_assets.listings.verdicts import judge
from carprice_assets.listings.warehouse import engine_settings
from carprice_assets.markets import Market
from carprice_assets.sources import find_format


@dataclass(frozen=True)
class CleanFile:
    """The listings of a file, one row a listing id, and what became of the other rows.

    Attributes
    ----------
    columns
        All fields of the contract, the market's own and ``source``, ordered by listing id;
        dates in days.
    read, superseded
        Rows of the file; rows with a later row of the same listing id (or alike).
    reasons
        Rejection code to rows. read = listings + superseded + sum of reasons.
    """

    columns: Mapping[str, np.ndarray[Any, Any]]
    read: int
    superseded: int
    reasons: Mapping[str, int]
    repairs: Repairs


def clean_file(
    market: Market,
    format: str,
    path: Path,
    scraped_at: date | None = None,
    *,
    memory_limit: str = "1500MB",
    threads: int = 2,
) -> CleanFile:
    """Read and clean a file in a database of its own, in memory; the warehouse is not touched.

    Raises
    ------
    UserError
        Where the file cannot be read as ``format``.
    """
    import duckdb

    adapter = find_format(format)
    with (
        tempfile.TemporaryDirectory(prefix="carprice-") as spill,
        duckdb.connect(config=engine_settings(memory_limit, threads, Path(spill))) as con,
    ):
        adapter.read(con, market, path, scraped_at)
        con.execute(
            "CREATE TEMP TABLE once AS SELECT * FROM incoming"
            " SEMI JOIN (SELECT arg_min(rowid, seq) AS place FROM incoming GROUP BY row_hash)"
            " AS kept ON incoming.rowid = kept.place"
        )
        stand(con, "once")
        judge(con, market, "rows")
        reasons = rejected_counts(con)
        fields = ", ".join(_field_sql(field.name) for field in FIELDS) + stored_sql(market.features)
        table = con.sql(
            f"SELECT {fields}, source FROM judged JOIN standing USING (row_hash)"
            " WHERE reason IS NULL ORDER BY listing_id"
        ).to_arrow_table()
        read = con.execute("SELECT count(*) FROM incoming").fetchall()[0][0]
        superseded = read - table.num_rows - sum(reasons.values())
        return CleanFile(to_columns(table), read, superseded, reasons, measure_repairs(con, market))


def _field_sql(name: str) -> str:
    stored = {
        "observed_at": "scraped_at AS observed_at",
        "delisted_at": "NULL::DATE AS delisted_at",
    }
    return stored.get(name, name)
