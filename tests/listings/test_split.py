"""Vehicles, sides that never change, and a proof that can fail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carprice_assets.errors import UserError
from carprice_assets.listings import cleaning, dataset, raw, split
from carprice_assets.listings.leaks import leaks, union_find
from carprice_assets.markets import Market
from carprice_assets.markets.market import SIDES, SplitRules

Write = Callable[..., Path]
FORD = {"make": "Ford", "model": "Focus", "year": "2019", "price": "9000"}


def vin(number: int) -> str:
    """A VIN with a valid check digit that no car carries."""
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)]))
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    text = f"ZZZZZZZZ0ZZ{number:06d}"
    total = sum(
        w * (int(c) if c.isdigit() else values[c]) for w, c in zip(weights, text, strict=True)
    )
    return text[:8] + "0123456789X"[total % 11] + text[9:]


def put(
    con: duckdb.DuckDBPyConnection,
    market: Market,
    payloads: Write,
    rows: Sequence[tuple[str, str, int | None]],
) -> split.SplitSummary:
    """Import (listing id, day, VIN number), clean and assign."""
    lines = [(i, day, FORD | ({"vin": vin(n)} if n is not None else {})) for i, day, n in rows]
    raw.append(con, market, "payload", payloads(lines))
    cleaning.rebuild(con, market)
    return split.assign(con, market)


def rows_of(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, str]]:
    found = con.execute("SELECT listing_id, vehicle, side FROM vehicles").fetchall()
    return {listing: (vehicle, side) for listing, vehicle, side in found}


def python_side(salt: str, vehicle: str, parts: Sequence[float]) -> str:
    """The documented rule, written again."""
    first = int.from_bytes(hashlib.sha256(f"{salt}/{vehicle}".encode()).digest()[:8], "big")
    position, limit = first / 2**64 * 100, 0.0
    for side, part in zip(SIDES, parts, strict=True):
        limit += part
        if position < limit:
            return side
    return SIDES[-1]


def test_sides_follow_the_documented_hash(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    summary = put(con, market, payloads, [(f"é{i}", "2023-10-01", None) for i in range(400)])
    for listing, (vehicle, side) in rows_of(con).items():
        assert vehicle == listing
        assert side == python_side("us-1", vehicle, (72, 8, 8, 12))
    assert summary.new == summary.vehicles == 400
    assert min(summary.listings[side] for side in SIDES) > 0


def test_a_vehicle_is_named_by_its_first_seen_listing(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    put(
        con,
        market,
        payloads,
        [
            ("a", "2023-10-05", 1),
            ("z", "2023-10-01", 1),
            ("m", "2023-10-01", 1),
            ("q", "2023-10-01", 2),
        ],
    )
    named = {listing: vehicle for listing, (vehicle, _) in rows_of(con).items()}
    assert named == {"a": "m", "m": "m", "z": "m", "q": "q"}


def test_a_vin_that_an_earlier_scrape_showed_still_links(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    rows = [("a", "2023-10-01", 1), ("a", "2023-10-02", None), ("b", "2023-10-03", 1)]
    put(con, market, payloads, rows)
    assert rows_of(con)["b"][0] == "a"


def opposite_ids() -> tuple[str, str]:
    """Two ids whose own sides differ."""
    ids = [f"id{i}" for i in range(100)]
    first = ids[0]
    side = python_side("us-1", first, (72, 8, 8, 12))
    return first, next(i for i in ids if python_side("us-1", i, (72, 8, 8, 12)) != side)


def test_where_sides_merge_the_vehicle_is_set_aside_for_ever(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    one, two = opposite_ids()
    put(con, market, payloads, [(one, "2023-10-01", 1), (two, "2023-10-01", 2)])
    before = rows_of(con)
    assert leaks(con, market) == []
    bridge = [("bridge", "2023-10-02", 1), ("bridge", "2023-10-03", 2)]
    summary = put(con, market, payloads, bridge)
    assert summary.newly_set_aside == 2
    assert {side for _, side in rows_of(con).values()} == {"set_aside"}
    assert {i: rows_of(con)[i][0] for i in before} == {i: v for i, (v, _) in before.items()}
    put(con, market, payloads, [("late", "2023-10-04", 2)])
    assert rows_of(con)["late"][1] == "set_aside"
    assert leaks(con, market) == []


def test_an_assigned_side_outlives_earlier_sightings_and_other_percentages(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    one, two = opposite_ids()
    put(con, market, payloads, [(one, "2023-10-05", 1)])
    before = rows_of(con)[one]
    put(con, market, payloads, [(two, "2023-10-01", 1)])  # seen earlier, told later
    assert rows_of(con) == {one: before, two: before}
    other = replace(market, split=SplitRules("us-1", 10, 10, 10, 70))
    split.assign(con, other)
    assert rows_of(con) == {one: before, two: before}


def test_another_salt_is_refused(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    put(con, market, payloads, [("a", "2023-10-01", None)])
    with pytest.raises(UserError, match=r"split\.salt is 'us-2'"):
        split.assign(con, replace(market, split=SplitRules("us-2")))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=50),
)
def test_components_agree_with_union_find(
    con: duckdb.DuckDBPyConnection, market: Market, pairs: list[tuple[int, int]]
) -> None:
    for table in ("raw_listings", "listing_vins"):
        con.execute(f"DELETE FROM {table}")
    ids = [f"{i:02d}" for i in range(31)]
    con.executemany(
        "INSERT INTO raw_listings VALUES ('us','payload','s','2023-10-01',?,NULL,1,'{}',1)",
        [[i] for i in ids],
    )
    linked = sorted({(ids[a], str(b)) for a, b in pairs})
    if linked:
        con.executemany("INSERT INTO listing_vins VALUES ('us', ?, ?)", [list(p) for p in linked])
    split.components(con, "us")
    found = dict(con.execute("SELECT listing_id, label FROM nodes").fetchall())
    expected = union_find(ids, linked)
    for a in ids:
        assert [found[a] == found[b] for b in ids] == [expected[a] == expected[b] for b in ids]


def test_a_long_chain_is_one_vehicle(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write
) -> None:
    rows: list[tuple[str, str, int | None]] = []
    for i in range(200):
        rows += [(f"{i:03d}", "2023-10-01", i), (f"{i:03d}", "2023-10-02", i + 1)]
    assert put(con, market, payloads, rows).vehicles == 1


TAMPERINGS = {
    "a side changed": "UPDATE vehicles SET side = '{other}' WHERE listing_id = 'a'",
    "a row lost": "DELETE FROM vehicles WHERE listing_id = 'c'",
    "a row doubled": "INSERT INTO vehicles SELECT * FROM vehicles WHERE listing_id = 'c'",
    "record and side changed": "UPDATE vehicles SET side = '{other}' WHERE listing_id = 'b';"
    " UPDATE split_history SET side = '{other}' WHERE listing_id = 'b'",
    "a link unseen": "INSERT INTO listing_vins SELECT market, listing_id, 'X' FROM vehicles",
    "no record": "DELETE FROM split_history",
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_leaks_sees(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write, name: str
) -> None:
    ids = [("a", "2023-10-01", 1), ("b", "2023-10-02", 1)]
    put(
        con,
        market,
        payloads,
        [*ids, *[(f"c{i}"[: 1 + (i > 0)], "2023-10-01", None) for i in range(9)]],
    )
    side = rows_of(con)["a"][1]
    assert leaks(con, market) == []
    con.execute(TAMPERINGS[name].format(other=next(s for s in SIDES if s != side)))
    assert leaks(con, market)


def test_the_dataset_is_whole_the_same_and_proved(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write, tmp_path: Path
) -> None:
    put(con, market, payloads, [(f"id{i}", "2023-10-01", i // 2) for i in range(300)])
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        summary = dataset.build(con, market, folder)
    assert dataset.dataset_hash(folders[0]) == dataset.dataset_hash(folders[1])
    assert sum(summary.counts.values()) == 300
    head = dataset.read_head(folders[0])
    assert (head["last_observed"], head["salt"]) == ("2023-10-01", "us-1")
    assert head["counts"] == summary.counts
    train: dict[str, Any] = dataset.read_side(folders[0], "train")
    assert list(train["listing_id"]) == sorted(train["listing_id"])
    assert train["price"].dtype == np.float64
    assert np.isnan(train["mileage"]).all()
    assert set(train["trim"]) == {""}
    assert set(train["observed_at"]) == {19631.0}
    assert dataset.read_side(folders[0], "set_aside")["make"].dtype == object
    assert leaks(con, market, folders[0]) == []
    (folders[0] / "holdout.parquet").write_bytes((folders[0] / "train.parquet").read_bytes())
    assert any("holdout.parquet" in line for line in leaks(con, market, folders[0]))
    with pytest.raises(UserError, match="unknown side 'test'"):
        dataset.read_side(folders[1], "test")


def test_a_dataset_without_listings_or_split_is_refused(
    con: duckdb.DuckDBPyConnection, market: Market, payloads: Write, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="no listings yet"):
        dataset.build(con, market, tmp_path)
    raw.append(con, market, "payload", payloads([("a", "2023-10-01", FORD)]))
    cleaning.rebuild(con, market)
    with pytest.raises(UserError, match="1 listings have no side"):
        dataset.build(con, market, tmp_path)
