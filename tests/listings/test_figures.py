"""Figures for people: what each side is made of, and how prices have changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from carprice_assets.listings import cleaning, raw, split
from carprice_assets.listings.figures import price_changes, side_figures
from carprice_assets.markets import Market

TITLE = "2021 Honda Accord EX-L"


@pytest.fixture
def filled(
    con: duckdb.DuckDBPyConnection,
    market: Market,
    cards: Callable[..., Path],
    make_card: Callable[..., object],
) -> duckdb.DuckDBPyConnection:
    """Forty listings; of one the price falls by 10 % and rises again, of one it falls by 1 %."""
    rows = [make_card("2023-05-01", f"id-{n}", TITLE, f"${20_000 + n}") for n in range(40)]
    for n, row in enumerate(rows):
        row["status"] = ("New", "Used", "Certified")[n % 3]  # type: ignore[index]
    rows += [
        make_card("2023-05-02", "id-0", TITLE, "$18,000", status="Used"),
        make_card("2023-05-03", "id-0", TITLE, "$20,000", status="Used"),
        make_card("2023-05-02", "id-1", TITLE, "$19,801", status="Used"),
        make_card("2023-05-03", "id-1", TITLE, "$19,801", status="Used"),
    ]
    raw.append(con, market, "carscom-cards", cards(rows))
    cleaning.rebuild(con, market)
    split.assign(con, market)
    return con


def test_price_changes_are_counted(filled: duckdb.DuckDBPyConnection, market: Market) -> None:
    found = price_changes(filled, market)
    assert (found.listings, found.re_priced, found.cuts, found.rises) == (40, 2, 2, 1)
    assert found.median_change == pytest.approx(-200 / 20_001)
    assert [(row["listing_id"], row["change"]) for row in found.largest] == [
        ("id-0", 2_000.0),
        ("id-0", -2_000.0),
        ("id-1", -200.0),
    ]


def test_sides_add_up(filled: duckdb.DuckDBPyConnection, market: Market) -> None:
    sides = side_figures(filled, market)
    assert [row["side"] for row in sides] == [
        *("train", "validation", "calibration", "holdout", "set_aside")
    ]
    assert sum(row["rows"] for row in sides) == 40
    assert sum(row["share"] for row in sides) == pytest.approx(1)
    for row in sides:
        kinds = row["New"] + row["Used"] + row["Certified"] + row["unstated"]
        assert kinds == pytest.approx(1 if row["rows"] else 0)
    train = sides[0]
    assert 19_000 < train["median_price"] < 20_040
    assert sides[-1] == dict.fromkeys(train, 0) | {"side": "set_aside", "median_price": None}


def test_a_market_without_listings_has_figures(
    con: duckdb.DuckDBPyConnection, market: Market
) -> None:
    assert price_changes(con, market).listings == 0
    assert price_changes(con, market).median_change == 0
    assert {row["rows"] for row in side_figures(con, market)} == {0}
