"""Proof that no vehicle stands on two sides, computed apart from what assigns the sides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.markets import Market
from carprice_assets.markets.market import SIDES

if TYPE_CHECKING:
    import duckdb

SET_ASIDE = "set_aside"
SHOWN = 5


def leaks(con: duckdb.DuckDBPyConnection, market: Market, folder: Path | None = None) -> list[str]:
    """One line for each way in which the split is broken; none where it holds.

    Vehicles are found anew by union-find in Python. Looked for: a vehicle on two sides, a
    listing id without a side, a side that differs from its first recorded one without being
    set aside, a set-aside id that came back, and (with ``folder``) a listing of the dataset
    that stands in another side's file than its own, in two files, or shares a VIN with
    another side.
    """
    named = {"market": market.name}
    rows = con.execute(
        "SELECT listing_id, vehicle, side FROM vehicles WHERE market = $market", named
    ).fetchall()
    sides: dict[str, str] = {listing: side for listing, _, side in rows}
    found = _doubled([listing for listing, _, _ in rows], "has two rows in vehicles")
    found += _two_sides([(vehicle, side) for _, vehicle, side in rows], "vehicle")
    pairs = con.execute(
        "SELECT listing_id, vin FROM listing_vins WHERE market = $market", named
    ).fetchall()
    component = union_find(list(sides), pairs)
    found += _two_sides([(component[i], side) for i, side in sides.items()], "linked group of")
    without = con.execute(
        "SELECT DISTINCT listing_id FROM raw_listings WHERE market = $market"
        " AND listing_id IS NOT NULL EXCEPT SELECT listing_id FROM vehicles WHERE market = $market",
        named,
    ).fetchall()
    found += _lines([f"listing {listing} has no side" for (listing,) in without])
    found += _changed(con, market, sides)
    if folder is not None:
        found += _misplaced(folder, sides)
    return found


def union_find(ids: list[str], pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Listing id to a representative of its component, by shared VINs."""
    parent = {listing: listing for listing in ids}

    def root(listing: str) -> str:
        while parent[listing] != listing:
            parent[listing] = parent[parent[listing]]
            listing = parent[listing]
        return listing

    holder: dict[str, str] = {}
    for listing, vin in pairs:
        parent.setdefault(listing, listing)
        parent[root(listing)] = root(holder.setdefault(vin, listing))
    return {listing: root(listing) for listing in parent}


def _two_sides(members: list[tuple[str, str]], what: str) -> list[str]:
    sides: dict[str, set[str]] = {}
    for name, side in members:
        sides.setdefault(name, set()).add(side)
    return _lines(
        [
            f"{what} {name} stands on {' and '.join(sorted(on))}"
            for name, on in sides.items()
            if len(on) > 1
        ]
    )


def _doubled(names: list[str], what: str) -> list[str]:
    seen: set[str] = set()
    return _lines([f"listing {name} {what}" for name in names if name in seen or seen.add(name)])


def _changed(con: duckdb.DuckDBPyConnection, market: Market, sides: dict[str, str]) -> list[str]:
    history = con.execute(
        "SELECT listing_id, side FROM split_history WHERE market = $market ORDER BY step",
        {"market": market.name},
    ).fetchall()
    recorded: dict[str, list[str]] = {}
    for listing, side in history:
        recorded.setdefault(listing, []).append(side)
    lines: list[str] = []
    for listing, side in sides.items():
        before = recorded.get(listing)
        if before is None:
            lines.append(f"listing {listing} is on {side} without a record")
        elif side not in (before[0], SET_ASIDE) or (SET_ASIDE in before and side != SET_ASIDE):
            lines.append(f"listing {listing} was on {before[-1]} and is now on {side}")
    lines += [f"listing {name} has lost its side" for name in recorded.keys() - sides.keys()]
    return _lines(sorted(lines))


def _misplaced(folder: Path, sides: dict[str, str]) -> list[str]:
    import pyarrow.parquet as pq

    lines: list[str] = []
    placed: list[str] = []
    vins: list[tuple[str, str]] = []
    for side in (*SIDES, SET_ASIDE):
        table = pq.read_table(folder / f"{side}.parquet", columns=["listing_id", "vin"])
        names: list[str] = table.column("listing_id").to_pylist()
        placed += names
        lines += [f"listing {n} is in {side}.parquet" for n in names if sides.get(n) != side]
        vins += [
            (vin, side) for vin in table.column("vin").to_pylist() if vin and side != SET_ASIDE
        ]
    return (
        _lines(lines) + _doubled(placed, "is in two files") + _two_sides(vins, "a car with the VIN")
    )


def _lines(lines: list[str]) -> list[str]:
    rest = len(lines) - SHOWN
    return lines if rest <= 0 else [*lines[:SHOWN], f"... and {rest:,} more of this kind"]
