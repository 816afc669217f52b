"""Appending: once, whole, and with a version that tells the content."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.listings import raw
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market

Write = Callable[..., Path]
Make = Callable[..., Any]


def test_the_same_rows_again_change_nothing(
    con: duckdb.DuckDBPyConnection, market: Market, cards: Write, make_card: Make
) -> None:
    rows = [make_card("2023-10-01", str(i), "2020 Ford Focus SE", "9000") for i in range(50)]
    first = raw.append(con, market, "carscom-cards", cards(rows))
    assert (first.read, first.new, first.known) == (50, 50, 0)
    again = raw.append(con, market, "carscom-cards", cards(rows[10:20] + rows))
    assert (again.read, again.new, again.known) == (60, 0, 60)
    assert again.data_version == first.data_version


def test_only_rows_without_an_id_count_each(
    con: duckdb.DuckDBPyConnection, market: Market, cards: Write, make_card: Make
) -> None:
    offer = make_card("2023-10-01", "a", "2020 Ford Focus SE", "9000")
    other = make_card("2023-10-01", None, None, None)
    done = raw.append(con, market, "carscom-cards", cards([offer, offer, other, other, other]))
    assert (done.read, done.new, done.known) == (5, 4, 1)
    again = raw.append(con, market, "carscom-cards", cards([other, offer, other, other]))
    assert (again.new, again.data_version) == (0, done.data_version)


def test_the_version_tells_content_not_order(
    home: Home, tmp_path: Path, market: Market, cards: Write, make_card: Make
) -> None:
    rows = [
        make_card("2023-10-01", str(i) if i % 5 else None, "2020 Ford Focus", str(9000 + i))
        for i in range(60)
    ]
    versions: list[str] = []
    for turn in range(2):
        with Warehouse(tmp_path / f"{turn}.duckdb").connect() as con:
            for part in (rows[:20], rows[20:]):
                last = raw.append(con, market, "carscom-cards", cards(part))
            versions.append(last.data_version)
        random.Random(turn).shuffle(rows)
    assert versions[0] == versions[1]
    rows[0] = rows[0] | {"dealer_1": "someone else"}
    with Warehouse(tmp_path / "other.duckdb").connect() as con:
        assert raw.append(con, market, "carscom-cards", cards(rows)).data_version != versions[0]
    assert len(versions[0]) == 32


def test_one_row_is_enough(
    con: duckdb.DuckDBPyConnection, market: Market, cards: Write, make_card: Make
) -> None:
    done = raw.append(
        con,
        market,
        "carscom-cards",
        cards([make_card("2023-10-01", "a", "2020 Ford Focus", "9000")]),
    )
    assert done.new == 1


def test_markets_are_apart(
    con: duckdb.DuckDBPyConnection, market: Market, cards: Write, make_card: Make
) -> None:
    from dataclasses import replace

    path = cards([make_card("2023-10-01", "a", "2020 Ford Focus", "9000")])
    empty = raw.data_version(con, "us")
    assert raw.append(con, replace(market, name="other"), "carscom-cards", path).new == 1
    assert raw.data_version(con, "us") == empty
    assert raw.append(con, market, "carscom-cards", path).new == 1


def test_one_good_row_at_the_end_saves_a_file(
    con: duckdb.DuckDBPyConnection, market: Market, cards: Write, make_card: Make
) -> None:
    bad = [make_card("2023-10-01", str(i), "2020 Ford Focus", "Not Priced") for i in range(2100)]
    with pytest.raises(UserError, match=r"all of its 2,100 rows would be rejected, .* no_price"):
        raw.append(con, market, "carscom-cards", cards(bad))
    assert con.execute("SELECT count(*) FROM raw_listings").fetchall() == [(0,)]
    good = make_card("2023-10-01", "good", "2020 Ford Focus", "9000")
    assert raw.append(con, market, "carscom-cards", cards([*bad, good])).new == 2101
