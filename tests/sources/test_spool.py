"""Spooled lines: their order, and the pages that are no cars."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from carprice_assets.home import Home
from carprice_assets.listings import cleaning, raw
from carprice_assets.listings.unstored import clean_file
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market
from carprice_assets.markets.market import SplitRules

MARKET = Market("us", "", "USD", "mi", SplitRules("s"))
FORD = {"make": "Ford", "model": "Focus", "year": "2019", "price": "9000"}


@pytest.fixture
def con(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    with Warehouse.of(home).connect() as opened:
        yield opened


def line(listing: str | None, payload: Any, day: str = "2024-01-02", **more: Any) -> dict[str, Any]:
    return {"listing_id": listing, "url": None, "scraped_at": day, "payload": payload, **more}


def write(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def insert(con: duckdb.DuckDBPyConnection, format: str, path: Path) -> None:
    """As a crawl is taken in: rows that are all rejected are welcome."""
    raw.read_incoming(con, MARKET, format, path)
    raw.insert_incoming(con, MARKET)
    raw.drop_incoming(con)


def prices(con: duckdb.DuckDBPyConnection) -> list[tuple[str, float]]:
    cleaning.rebuild(con, MARKET)
    sums = cleaning.accounts(con, MARKET)
    assert sums["raw"] == sums["listings"] + sums["rejected"] + sums["superseded"]
    assert (sums["twice"], sums["strays"], sums["lost"]) == (0, 0, 0)
    return con.execute("SELECT listing_id, price FROM listings ORDER BY 1").fetchall()


def priced(price: int) -> dict[str, Any]:
    return FORD | {"price": price}


def test_a_later_sequence_supersedes_whatever_file_it_came_in(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    late, early = 1_767_600_000_999, 1_767_600_000_001
    first = write(
        tmp_path / "a.jsonl",
        line("x", priced(9500), sequence=late),
        line("y", priced(5000), sequence=early + 1),
        line("y", priced(5001), sequence=early),
    )
    second = write(
        tmp_path / "b.jsonl", line("z", priced(7000)), line("x", priced(9400), sequence=early)
    )
    for path in (first, second):
        raw.append(con, MARKET, "payload", path)
    assert prices(con) == [("x", 9500), ("y", 5000), ("z", 7000)]


def test_without_a_sequence_the_place_counts(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    odd = [{"sequence": "soon"}, {"sequence": None}, {}, {"sequence": [1]}]
    lines = [line("x", priced(9000 + i), **more) for i, more in enumerate(odd)]
    raw.append(con, MARKET, "payload", write(tmp_path / "a.jsonl", *lines))
    assert con.execute("SELECT seq FROM raw_listings ORDER BY 1").fetchall() == [
        (1,), (2,), (3,), (4,),
    ]  # fmt: skip
    assert prices(con) == [("x", 9003)]


def test_rows_without_an_id_count_each_though_their_sequence_is_one(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    lines = [
        line(None, FORD, sequence=5),
        line(None, FORD, sequence=5),
        line("x", FORD, sequence=5),
    ]
    path = write(tmp_path / "a.jsonl", *lines)
    assert raw.append(con, MARKET, "payload", path).new == 3
    assert raw.append(con, MARKET, "payload", path).new == 0
    assert clean_file(MARKET, "payload", path).read == 3
    assert dict(clean_file(MARKET, "payload", path).reasons) == {"no_listing_id": 2}


def test_a_good_row_behind_thousands_is_found_whatever_its_sequence(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    bad = [line(f"b{i}", FORD | {"price": None}, sequence=10**12) for i in range(2_100)]
    path = write(tmp_path / "a.jsonl", *bad, line("good", FORD, sequence=1))
    assert raw.append(con, MARKET, "payload", path).new == 2_101


FAULTS = {
    "a": ({"fault": "page_too_large", "detail": "50,000,000 bytes", "url": "u"}, "page_too_large",
          "50,000,000 bytes"),
    "b": ({"fault": "wrong_charset", "detail": None, "url": "https://cars.invalid/b"},
          "wrong_charset", "https://cars.invalid/b"),
    "c": ({"fault": "haunted", "detail": "by ghosts"}, "page_unreadable", "haunted: by ghosts"),
    "d": ({"fault": "no_price", "detail": ""}, "page_unreadable", "no_price"),
    "e": ({}, "page_unreadable", "no fault named"),
    "f": (None, "page_unreadable", "no fault named"),
    "g": ({"fault": "bad_value", "detail": "x" * 5_000}, "bad_value", "x" * 120),
    "h": ({"fault": ["page_too_deep"], "make": "Ford"}, "page_unreadable", '["page_too_deep"]'),
}  # fmt: skip


def test_unreadable_pages_are_rejected_by_their_fault(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    lines = [line(listing, payload) for listing, (payload, _, _) in FAULTS.items()]
    insert(con, "unreadable", write(tmp_path / "a.jsonl", *lines))
    assert prices(con) == []
    found = con.execute(
        "SELECT listing_id, reason, detail FROM rejected_listings ORDER BY 1"
    ).fetchall()
    assert found == [(listing, code, detail) for listing, (_, code, detail) in FAULTS.items()]


def test_an_unreadable_page_never_supersedes_a_car(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    fault = {"fault": "page_too_deep"}
    cars = [line("known", FORD), line("bad", FORD | {"price": None})]
    insert(con, "payload", write(tmp_path / "a.jsonl", *cars))
    faults = [line(i, fault, day="2024-01-05") for i in ("known", "bad", "never read")]
    twice = line("never read", fault, day="2024-01-07")
    insert(con, "unreadable", write(tmp_path / "b.jsonl", *faults, twice))
    assert prices(con) == [("known", 9000)]
    assert con.execute(
        "SELECT listing_id, reason FROM rejected_listings ORDER BY 1"
    ).fetchall() == [("bad", "no_price"), ("never read", "page_too_deep")]
    insert(con, "payload", write(tmp_path / "c.jsonl", line("never read", priced(8000))))
    assert prices(con) == [("known", 9000), ("never read", 8000)]
