"""Price moves day by day and the latest changes, over crawls and files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest
from invented_journals import Journal, car, whole

from carprice_assets.listings import cleaning, raw
from carprice_assets.listings.ledger import take_in
from carprice_assets.listings.price_moves import price_moves_by_day, recent_changes
from carprice_assets.markets import Market

IDS = ("a", "b", "c", "d", "e")


@pytest.fixture
def filled(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path, payloads: Callable[..., Path]
) -> duckdb.DuckDBPyConnection:
    """Five cars; on day 3 two cuts, a rise and a car gone; day 5 shows nothing new; 7 a file."""
    take_in(con, market, whole(IDS, "2026-01-01", payloads={"a": car(10_000)}).write(tmp_path))
    third = Journal("2026-01-03").search("a", "b", "c", "e", "f").plan("a", "b", "c", "f")
    third.offer("a", car(9_000), why="changed").offer("b", car(8_910), why="changed")
    third.offer("c", car(9_180), why="changed").offer("f", car(7_000)).searched().gone("d").end()
    take_in(con, market, third.write(tmp_path))
    take_in(
        con,
        market,
        Journal("2026-01-05").search("a", "b", "c", "e", "f").searched().end().write(tmp_path),
    )
    raw.append(con, market, "payload", payloads([("e", "2026-01-07", car(4_500))]))
    cleaning.rebuild(con, market)
    return con


def test_days(filled: duckdb.DuckDBPyConnection, market: Market) -> None:
    names = ("first_seen", "re_priced", "cuts", "rises", "median_change", "delisted")
    found = {
        row["day"].day: tuple(row[name] for name in names)
        for row in price_moves_by_day(filled, market)
    }
    assert found == {
        1: (5, 0, 0, 0, None, 0),
        3: (1, 3, 2, 1, pytest.approx(-0.01), 1),
        5: (0, 0, 0, 0, None, 0),
        7: (0, 1, 1, 0, -0.5, 0),
    }
    assert list(found) == sorted(found)


def test_the_latest_changes(filled: duckdb.DuckDBPyConnection, market: Market) -> None:
    found = recent_changes(filled, market, 3)
    assert [(row["listing_id"], row["price"], row["change"]) for row in found] == [
        ("e", 4_500, -4_500),
        ("a", 9_000, -1_000),
        ("c", 9_180, 180),
    ]
    assert found[0]["observed_at"] == date(2026, 1, 7)
    assert found[0]["title"] == "2019 Ford Focus"
    assert found[1]["share"] == pytest.approx(-0.1)
    assert len(recent_changes(filled, market, 100)) == 4


def test_a_market_without_listings_has_none(con: duckdb.DuckDBPyConnection, market: Market) -> None:
    assert price_moves_by_day(con, market) == []
    assert recent_changes(con, market, 5) == []
