"""Which rows count, what is rejected and why, what is repaired; and the sums."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carprice_assets.listings import cleaning, raw
from carprice_assets.listings.rejections import PAGE_FAULTS, REASONS, sentence
from carprice_assets.listings.unstored import clean_file
from carprice_assets.markets import Market

Write = Callable[..., Path]
Make = Callable[..., Any]
FORD = {"make": "Ford", "model": "Focus", "year": "2019", "price": "9000"}


def test_the_latest_row_counts_and_prices_are_kept(
    con: duckdb.DuckDBPyConnection, market: Market, cards: Write, make_card: Make
) -> None:
    prices = [("2023-10-05", "9000"), ("2023-10-01", "9500"), ("2023-10-09", "8700")]
    rows = [make_card(day, "a", "2020 Ford Focus SE", price) for day, price in prices]
    rows.append(make_card("2023-10-07", "a", "2020 Ford Focus SE", "9000", status="Used"))
    rows.append(make_card("2023-10-09", "a", "2020 Ford Focus SE", "8800"))  # later in the file
    raw.append(con, market, "carscom-cards", cards(rows))
    summary = cleaning.rebuild(con, market)
    assert (summary.raw, summary.listings, summary.rejected, summary.superseded) == (5, 1, 0, 4)
    assert con.execute(
        "SELECT price, observed_at, first_seen, last_seen FROM listings"
    ).fetchall() == [(8800, date(2023, 10, 9), date(2023, 10, 1), date(2023, 10, 9))]
    assert con.execute(
        "SELECT observed_at, price, change FROM price_history ORDER BY observed_at, price"
    ).fetchall() == [
        (date(2023, 10, 1), 9500, None),
        (date(2023, 10, 5), 9000, -500),
        (date(2023, 10, 9), 8700, -300),
        (date(2023, 10, 9), 8800, 100),
    ]
    assert summary.prices == 4


def test_a_listing_whose_latest_row_is_bad_is_rejected(
    con: duckdb.DuckDBPyConnection, market: Market, cards: Write, make_card: Make
) -> None:
    rows = [
        make_card("2023-10-01", "a", "2020 Ford Focus", "9000"),
        make_card("2023-10-02", "a", "2020 Ford Focus", "Not Priced"),
        make_card("2023-10-02", "b", "2020 Ford Focus", "9000"),
    ]
    raw.append(con, market, "carscom-cards", cards(rows))
    summary = cleaning.rebuild(con, market)
    assert (summary.listings, summary.superseded, dict(summary.reasons)) == (1, 1, {"no_price": 1})
    assert con.execute("SELECT listing_id FROM price_history").fetchall() == [("b",)]


REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"dealer_name": "<script>x</script> Motors"}, "unsafe_text"),
    ({"make": None, "model": None}, "no_title"),
    ({"make": None}, "no_make"),
    ({"make": "--"}, "no_make"),
    ({"model": None}, "no_model"),
    ({"year": None}, "no_year"),
    ({"year": "soon"}, "no_year"),
    ({"year": "1899"}, "year_out_of_range"),
    ({"year": "2026"}, "year_out_of_range"),
    ({"year": "2019.5"}, "year_out_of_range"),
    ({"price": None}, "no_price"),
    ({"price": "Not Priced"}, "no_price"),
    ({"price": "NaN"}, "no_price"),
    ({"price": "€9000"}, "other_currency"),
    ({"price": "1499"}, "price_out_of_range"),
    ({"price": "1000001"}, "price_out_of_range"),
    ({"price": "-9000"}, "price_out_of_range"),
    ({"price": 0}, "price_out_of_range"),
]


@pytest.mark.parametrize(("change", "reason"), REJECTED, ids=[f"{c}" for c, _ in REJECTED])
def test_rejections(
    con: duckdb.DuckDBPyConnection,
    market: Market,
    payloads: Write,
    change: dict[str, Any],
    reason: str,
) -> None:
    path = payloads([("bad", "2023-10-01", FORD | change), ("good", "2023-10-01", FORD)])
    raw.append(con, market, "payload", path)
    assert dict(cleaning.rebuild(con, market).reasons) == {reason: 1}
    assert sentence(reason).endswith(".")


def test_the_edges_are_allowed(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    edges = [{"price": "1500"}, {"price": 1000000}, {"year": "1900"}, {"year": 2025}]
    rows = [(str(i), "2023-10-01", FORD | change) for i, change in enumerate(edges)]
    raw.append(con, market, "payload", payloads(rows))
    assert cleaning.rebuild(con, market).listings == len(edges)


def test_optional_fields_are_repaired_and_counted(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    good = {"drivetrain": "AWD", "stock_type": "Ford Certified", "mileage": "12,000", "msrp": 0}
    bad = {
        "drivetrain": "Quantum drive",
        "mileage": "-5",
        "msrp": "99999999999",
        "vin": "nonsense",
        "fuel_type": "N/A",
    }
    rows = [("a", "2023-10-01", FORD | good), ("b", "2023-10-01", FORD | bad)]
    raw.append(con, market, "payload", payloads(rows))
    repairs = cleaning.rebuild(con, market).repairs
    assert dict(repairs.numbers) == {"mileage": 1, "msrp": 1}
    assert dict(repairs.unmapped) == {"drivetrain": 1, "vin": 1}
    assert repairs.samples == {"drivetrain": {"Quantum drive": 1}}
    assert repairs.lines(100) == [
        "drivetrain: 1 of 100 listings have a word that is not known, taken as missing:"
        " 'Quantum drive' (1)"
    ]
    assert repairs.lines(101) == []  # below a hundredth
    assert con.execute(
        "SELECT drivetrain, stock_type, mileage, msrp, vin FROM listings ORDER BY listing_id"
    ).fetchall() == [
        ("All-wheel Drive", "Certified", 12000, None, None),
        (None, None, None, None, None),
    ]


def test_every_code_has_its_place_in_the_rules() -> None:
    tried = {reason for _, reason in REJECTED} | {"no_listing_id"} | set(PAGE_FAULTS)
    assert tried == set(REASONS)


ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "a", "b", "c"]),
        st.sampled_from(["2023-10-01", "2023-10-02", "2023-10-03"]),
        st.sampled_from([FORD, FORD | {"price": "1"}, FORD | {"year": None}, {}, None]),
    ),
    max_size=12,
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_the_sums_hold_for_any_rows(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write, rows: list[Any]
) -> None:
    con.execute("DELETE FROM raw_listings")
    path = payloads([*rows, ("good", "2023-10-01", FORD)])
    done = raw.append(con, market, "payload", path)
    summary = cleaning.rebuild(con, market)
    sums = cleaning.accounts(con, market)
    assert sums["raw"] == done.new == summary.listings + summary.rejected + summary.superseded
    assert (sums["twice"], sums["strays"], sums["lost"]) == (0, 0, 0)
    assert sum(summary.reasons.values()) == summary.rejected
    apart = clean_file(market, "payload", path)
    assert dict(apart.reasons) == dict(summary.reasons)
    assert len(apart.columns["price"]) == summary.listings
    assert apart.read == summary.listings + apart.superseded + summary.rejected


def test_the_accounts_see_a_lost_row(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    raw.append(con, market, "payload", payloads([(i, "2023-10-01", FORD) for i in "abc"]))
    cleaning.rebuild(con, market)
    con.execute("INSERT INTO listings SELECT * FROM listings WHERE listing_id = 'a'")
    con.execute("DELETE FROM listings WHERE listing_id = 'b'")
    sums = cleaning.accounts(con, market)
    assert (sums["twice"], sums["lost"]) == (1, 1)


def test_a_rebuild_leaves_other_markets_alone(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    from dataclasses import replace

    path = payloads([("a", "2023-10-01", FORD)])
    for name in ("us", "other"):
        mine = replace(market, name=name)
        raw.append(con, mine, "payload", path)
        cleaning.rebuild(con, mine)
    cleaning.rebuild(con, market)
    assert con.execute("SELECT market FROM listings ORDER BY 1").fetchall() == [("other",), ("us",)]
    left = con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
    assert all(name.endswith("_lookup") for (name,) in left)
