"""Old payloads go, and nothing that is made of raw listings changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests_support import offers_of, write_payloads

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.listings import cleaning, raw, split
from carprice_assets.listings.dataset import build, dataset_hash
from carprice_assets.listings.leaks import leaks
from carprice_assets.listings.price_moves import price_moves_by_day
from carprice_assets.listings.retention import OldRows, let_go, old_rows
from carprice_assets.listings.upgrade import compact
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market
from carprice_assets.practice_market import PracticePayload
from carprice_assets.sources import UNREADABLE

DERIVED = (
    *("listings", "rejected_listings", "price_history", "listing_vins"),
    *("vehicles", "split_history"),
)


@cache
def simulated() -> list[PracticePayload]:
    return offers_of(seed=3, size=40, days=21)


@pytest.fixture
def offers(tmp_path: Path) -> Path:
    """Eleven visits of a market of forty cars, on every second day."""
    return write_payloads(tmp_path / "offers.jsonl", simulated())


def derived(con: duckdb.DuckDBPyConnection, market: Market, folder: Path) -> dict[str, Any]:
    """All that is made of raw listings, made anew."""
    cleaning.rebuild(con, market)
    split.assign(con, market)
    folder.mkdir(parents=True)
    build(con, market, folder)
    found: dict[str, Any] = {
        name: con.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in DERIVED
    }
    found["dataset"] = dataset_hash(folder)
    found["version"] = raw.data_version(con, market.name)
    found["days"] = price_moves_by_day(con, market)
    split.components(con, market.name)
    found["order of first sight"] = con.execute("FROM nodes ORDER BY rank").fetchall()
    return found


def test_nothing_but_payloads_is_gone(
    con: duckdb.DuckDBPyConnection, market: Market, offers: Path, tmp_path: Path
) -> None:
    first = raw.append(con, market, "payload", offers)
    before = derived(con, market, tmp_path / "before")
    told = old_rows(con, market, 4)
    assert told.rows > 100
    assert told.payload_bytes > 20_000
    assert let_go(con, market, 4) == told
    assert raw.count_rows(con, market.name) == first.total - told.rows
    assert derived(con, market, tmp_path / "after") == before
    accounts = cleaning.accounts(con, market)
    assert accounts["twice"] == accounts["strays"] == accounts["lost"] == 0
    assert leaks(con, market, tmp_path / "after") == []
    again = raw.append(con, market, "payload", offers)
    assert (again.read, again.new) == (first.read, 0), "the same file again changes nothing"
    assert let_go(con, market, 4).rows == 0
    assert len(price_moves_by_day(con, market)) == 11


def test_later_scrapes_find_the_past(
    con: duckdb.DuckDBPyConnection, market: Market, offers: Path, tmp_path: Path
) -> None:
    """Whether a market was pruned between two imports makes no difference."""
    lines = offers.read_text().splitlines(keepends=True)
    (early := tmp_path / "early.jsonl").write_text("".join(lines[: len(lines) * 3 // 4]))
    (late := tmp_path / "late.jsonl").write_text("".join(lines[len(lines) * 3 // 4 :]))
    raw.append(con, market, "payload", early)
    cleaning.rebuild(con, market)
    split.assign(con, market)
    assert let_go(con, market, 1).rows > 0
    raw.append(con, market, "payload", late)
    pruned = derived(con, market, tmp_path / "pruned")
    with Warehouse.of(Home(tmp_path / "other")).connect() as other:
        raw.append(other, market, "payload", early)
        cleaning.rebuild(other, market)
        split.assign(other, market)
        raw.append(other, market, "payload", late)
        whole = derived(other, market, tmp_path / "whole")
    assert pruned == whole


def test_rows_that_count_or_are_compared_with_stay(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Callable[..., Path]
) -> None:
    car = {"make": "Ford", "model": "Focus", "year": 2020, "price": "9000"}
    days = [f"2026-01-{day:02}" for day in range(1, 21)]
    rows = [("a", day, car | {"note": day}) for day in days] + [("old", "2026-01-01", car)]
    raw.append(con, market, "payload", payloads(rows))
    assert let_go(con, market, 1).rows == 14, "of twenty scrapes the last six are left"
    left = con.execute("SELECT listing_id, scraped_at::TEXT FROM raw_listings ORDER BY ALL")
    assert left.fetchall() == [("a", day) for day in days[14:]] + [("old", "2026-01-01")]


def test_a_page_that_could_not_be_read_hides_nothing(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Callable[..., Path], tmp_path: Path
) -> None:
    """An older row that could be read counts, and the last day is that of the other."""
    car = {"make": "Ford", "model": "Focus", "year": 2020, "price": "9000"}
    days = [f"2026-01-{day:02}" for day in range(1, 21)]
    rows = [("a", "2026-01-01", car)] + [("b", day, car | {"note": day}) for day in days]
    raw.append(con, market, "payload", payloads(rows))
    con.execute(
        "INSERT INTO raw_listings SELECT market, ?, scrape_id || 'x', '2026-01-02', listing_id,"
        " url, 1, '{}', 7 FROM raw_listings WHERE listing_id = 'a'",
        [UNREADABLE],
    )
    for number in range(8):
        con.execute(
            "INSERT INTO raw_listings VALUES ('us', ?, ?, ?, NULL, NULL, 1, '{}', ?)",
            [UNREADABLE, f"later {number}", f"2026-01-{10 + number}", 100 + number],
        )
    before = derived(con, market, tmp_path / "before")
    for table in ("listings", "rejected_listings"):
        con.execute(f"DELETE FROM {table}")  # not cleaned yet, say
    assert let_go(con, market, 1).rows == 14
    left = con.execute("SELECT scraped_at::TEXT FROM raw_listings WHERE listing_id = 'a'")
    assert sorted(left.fetchall()) == [("2026-01-01",), ("2026-01-02",)]
    assert derived(con, market, tmp_path / "after") == before


def test_uncleaned_and_other_markets_rows_stay(
    con: duckdb.DuckDBPyConnection, market: Market, offers: Path
) -> None:
    assert old_rows(con, market, 1) == OldRows(None)
    assert let_go(con, market, 1) == OldRows(None)
    raw.append(con, market, "payload", offers)
    con.execute("INSERT INTO raw_listings SELECT * REPLACE ('other' AS market) FROM raw_listings")
    count = raw.count_rows(con, "other")
    assert let_go(con, market, 1).rows > 0
    assert raw.count_rows(con, "other") == count


def test_a_failure_changes_nothing(
    con: duckdb.DuckDBPyConnection, market: Market, offers: Path
) -> None:
    raw.append(con, market, "payload", offers)
    con.execute("UPDATE raw_listings SET source = 'lost'")
    before = con.execute("FROM raw_listings ORDER BY ALL").fetchall()
    with pytest.raises(UserError, match="unknown format 'lost'"):
        let_go(con, market, 1)
    assert con.execute("FROM raw_listings ORDER BY ALL").fetchall() == before
    assert con.execute("SELECT count(*) FROM past_listings").fetchall() == [(0,)]


def test_pages_of_old_crawls_go(con: duckdb.DuckDBPyConnection, market: Market) -> None:
    columns = [
        (name, kind)
        for name, kind in con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'crawls'"
        ).fetchall()
    ]
    for day in range(1, 11):
        given: dict[str, Any] = {
            "market": "us",
            "site": "cars",
            "crawl_id": f"c{day}",
            "day": f"2026-01-{day:02}",
            "started_at": f"2026-01-{day:02} 10:00:00",
            "own_state": "paused" if day == 2 else "complete",
        }
        defaults = {"VARCHAR": "x", "BOOLEAN": False, "DATE": None, "TIMESTAMP": None}
        values = [given.get(name, defaults.get(kind, 0)) for name, kind in columns]
        marks = ", ".join("?" * len(values))
        con.execute(f"INSERT INTO crawls VALUES ({marks})", values)
        con.execute(
            "INSERT INTO pages (market, site, crawl_id, url, page, state, attempts, requests,"
            " bytes, seconds) VALUES ('us', 'cars', ?, 'u', 'search', 'done', 1, 1, 1, 1)",
            [f"c{day}"],
        )
    con.execute(
        "INSERT INTO raw_listings VALUES"
        " ('us', 'payload', 's', '2026-01-10', 'a', NULL, 1, '{}', 1)"
    )
    assert let_go(con, market, 1).pages == 3
    left = {row[0] for row in con.execute("SELECT crawl_id FROM pages").fetchall()}
    assert left == {"c2", *(f"c{day}" for day in range(5, 11))}


def test_the_file_shrinks_when_it_is_written_anew(
    home: Home, market: Market, offers: Path, tmp_path: Path
) -> None:
    warehouse = Warehouse.of(home)
    with warehouse.connect() as con:
        con.execute(
            "CREATE TABLE ballast AS SELECT sha256(i::TEXT) AS x FROM range(100_000) AS t(i)"
        )
        raw.append(con, market, "payload", offers)
        before = derived(con, market, tmp_path / "before")
    with warehouse.connect() as con:
        con.execute("DROP TABLE ballast")
    told = compact(warehouse)
    assert told[1] == warehouse.path.stat().st_size
    assert told[1] < told[0] / 2
    assert sorted(path.name for path in home.root.iterdir()) == [
        "carprice.duckdb",
        "carprice.duckdb.lock",
    ]
    with warehouse.connect() as con:
        assert derived(con, market, tmp_path / "after") == before
        with pytest.raises(duckdb.ConstraintException):
            con.execute("INSERT INTO split_salts VALUES (NULL, 'x')")
