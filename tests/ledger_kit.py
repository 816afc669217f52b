"""What the tests of the crawls' ledger look at, and a journal with every kind of line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from invented_journals import Journal, car, whole

from carprice_assets.listings.ledger import take_in
from carprice_assets.markets import Market

TABLES = ("crawls", "pages", "sightings", "raw_listings")


def content(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """All rows of the ledger's tables and the raw rows, in an order of their own."""
    return {table: con.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in TABLES}


def rich() -> Journal:
    """Every kind of line: a pause over a night, a retry, gone, failed and unreadable pages."""
    journal = Journal().robots(2).search("a", "b", "c").plan("a", "b", "c")
    journal.offer("a", car(9000)).failed("b").search("d", "e", "a", "z").plan("d", "e")
    journal.unreadable("d", detail="60,000,000 bytes").end("paused", "daily budget used")
    journal.next_day().robots().offer("b", car(9500), requests=3).searched()
    journal.plan("x", "y", why="missing").gone("x").offer("y", car(7000), why="missing")
    return journal.gone("e", why="new").end("partial", "1 page failed")


def before(con: duckdb.DuckDBPyConnection, market: Market, folder: Path) -> None:
    """A crawl of the day before, which knows x, y and z."""
    take_in(con, market, whole(["x", "y", "z"], "2026-01-04").write(folder))
