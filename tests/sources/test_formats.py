"""What each format reads out of a row, whatever the container."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.listings import cleaning, raw
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market
from carprice_assets.markets.market import SplitRules
from carprice_assets.sources import FORMATS, write_lines

DAY = date(2024, 4, 1)
MARKET = Market("us", "", "USD", "mi", SplitRules("s"))
VIN = "1M8GDM9AXKP042788"  # the textbook example of a valid check digit


@pytest.fixture
def con(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    with Warehouse.of(home).connect() as opened:
        yield opened


def listings(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    found = con.execute("SELECT * EXCLUDE row_hash FROM listings ORDER BY listing_id")
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def take(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    format: str,
    market: Market = MARKET,
    day: date | None = DAY,
) -> list[dict[str, Any]]:
    raw.append(con, market, format, path, day)
    cleaning.rebuild(con, market)
    return listings(con)


def test_every_format_has_its_own_name() -> None:
    assert sorted(FORMATS) == [
        "carscom-cards",
        "carscom-details",
        "carscom-export",
        "columns",
        "payload",
        "schema-org",
        "unreadable",
    ]
    assert all(FORMATS[name].name == name for name in FORMATS)


def test_cards(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    row = {
        "scrape_date": "2023-09-21",
        "url": "https://cars.invalid/vehicledetail/aa-1/",
        "title": "2021 Mazda CX-50 2.5 S",
        "status": "Mazda Certified",
        "price_1": None,
        "price_2": "25500",
        "block": "\n\n  $25,500\n\n      MSRP $31,205\n\n  30,384 mi.\n\n $1,000 price drop\n",
        "dealer_1": None,
        "dealer_2": "Smith &amp; Sons",
        "dealer_3": None,
    }
    path = tmp_path / "cards.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (found,) = take(con, path, "carscom-cards", day=None)
    assert found["listing_id"] == "aa-1"
    assert found["observed_at"] == found["first_seen"] == found["last_seen"] == date(2023, 9, 21)
    assert (found["year"], found["make"], found["model"]) == (2021, "Mazda", "CX-50")
    assert found["trim"] == "2.5 S"
    assert (found["price"], found["msrp"], found["mileage"]) == (25500, 31205, 30384)
    assert (found["stock_type"], found["dealer"]) == ("Certified", "Smith & Sons")
    assert found["delisted_at"] is None


def test_details_take_the_vin_as_id(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    columns = FORMATS["carscom-details"].columns  # type: ignore[attr-defined]
    values = {
        "Year": "2018",
        "Make": "Ford",
        "Model": "F-150 Lariat",
        "Used/New": "Used",
        "Price": "$49,985 ",
        "Mileage": "32929",
        "Drivetrain": "Four-wheel Drive",
        "FuelType": "Gasoline",
        "VIN": VIN.lower(),
        "ExteriorColor": "Shadow Black",
    }
    path = tmp_path / "details.csv.gz"
    line = ",".join('"' + values.get(c, "") + '"' for c in columns)
    path.write_bytes(gzip.compress((",".join(columns) + "\n" + line + "\n").encode()))
    (found,) = take(con, path, "carscom-details")
    assert (found["listing_id"], found["vin"], found["observed_at"]) == (VIN, VIN, DAY)
    assert (found["model"], found["trim"], found["price"]) == ("F-150", "Lariat", 49985)
    assert found["exterior_color"] == "Shadow Black"
    assert found["interior_color"] is None


COLUMNS = {
    "make": "Marke",
    "model": "Modell",
    "year": "Jahr",
    "price": {"column": "Preis", "currency": "EUR", "rate": 1.25},
    "mileage": {"column": "km", "unit": "km"},
    "msrp": "Neupreis",
}
ROW = {
    "Marke": "VW",
    "Modell": "Jetta",
    "Jahr": 2019,
    "Preis": "20.000 €",
    "km": 16093.44,
    "Neupreis": 30000,
}


@pytest.mark.parametrize("container", ["csv", "semicolon.csv", "parquet", "jsonl", "csv.gz"])
def test_columns_convert_stated_units_in_any_container(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, container: str
) -> None:
    path = tmp_path / f"file.{container}"
    row = ROW | {"Preis": "20000 €"}
    if container == "jsonl":
        path.write_text(json.dumps(row))
    elif container == "parquet":
        select = ", ".join(
            f"{json.dumps(v).replace(chr(34), chr(39))} AS {k}" for k, v in row.items()
        )
        with duckdb.connect() as other:
            other.execute(f"COPY (SELECT {select.encode().decode('unicode_escape')}) TO '{path}'")
    else:
        mark = ";" if container.startswith("semi") else ","
        data = f"{mark.join(row)}\n{mark.join(str(v) for v in row.values())}\n".encode()
        path.write_bytes(gzip.compress(data) if container.endswith("gz") else data)
    market = replace(MARKET, sources={"columns": COLUMNS})
    (found,) = take(con, path, "columns", market)
    assert found["make"] == "Volkswagen"
    assert found["price"] == pytest.approx(25000)
    assert found["mileage"] == pytest.approx(10000)
    assert found["msrp"] == 30000
    assert found["listing_id"].startswith("row-")


def test_another_currency_is_refused_where_no_rate_is_stated(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "file.jsonl"
    rows = [
        {"id": str(i), "m": "Ford", "o": "Focus", "y": 2019, "p": price, "c": currency}
        for i, (price, currency) in enumerate(
            [("$9,000", None), ("9000 €", None), ("9000", "CAD"), ("USD 9000", "usd"), ("9000", "")]
        )
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    mapping = {"listing_id": "id", "make": "m", "model": "o", "year": "y", "price": "p"}
    market = replace(MARKET, sources={"columns": mapping | {"currency": "c"}})
    assert [row["listing_id"] for row in take(con, path, "columns", market)] == ["0", "3", "4"]
    assert con.execute("SELECT reason, detail FROM rejected_listings ORDER BY 2").fetchall() == [
        ("other_currency", "9000 CAD"),
        ("other_currency", "9000 €"),
    ]


def test_columns_take_their_own_date_and_id(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a,b,c,d,e,f\nFord,Focus,2019,9000,x1,2024-02-03 10:00:00\n")
    mapping = {"make": "a", "model": "b", "year": "c", "price": "d", "listing_id": "e"}
    market = replace(MARKET, sources={"columns": mapping | {"observed_at": "f"}})
    (found,) = take(con, path, "columns", market, None)
    assert (found["listing_id"], found["observed_at"]) == ("x1", date(2024, 2, 3))


def test_a_mapping_of_an_unknown_field_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a\nFord\n")
    market = replace(MARKET, sources={"columns": {"horn": "a"}})
    with pytest.raises(UserError, match=r"sources\.columns\.horn: no such field"):
        take(con, path, "columns", market)


def test_payloads_of_the_practice_market(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    practice = pytest.importorskip("carprice_assets.practice_market")
    simulated = practice.simulate(practice.Settings(size=60))
    path = tmp_path / "spool.jsonl"
    written = write_lines(path, practice.scrape(simulated, 0))
    found = take(con, path, "payload")
    assert written >= len(found) > 40
    assert len({row["make"] for row in found}) > 5
    assert all(row["observed_at"] == found[0]["observed_at"] for row in found)
    sums = cleaning.accounts(con, MARKET)
    assert sums["raw"] == sums["listings"] + sums["rejected"] + sums["superseded"]


@pytest.mark.parametrize("payload", [None, "words", 7, [1, 2], {"make": {"deep": [1]}}, {}])
def test_a_payload_beyond_repair_is_rejected_not_raised(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, payload: Any
) -> None:
    good = {"make": "Ford", "model": "Focus", "year": "2019", "price": "9000"}
    lines = [
        {"listing_id": i, "url": None, "scraped_at": "2024-01-02", "payload": value}
        for i, value in (("bad", payload), ("good", good))
    ]
    path = tmp_path / "spool.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    assert [row["listing_id"] for row in take(con, path, "payload")] == ["good"]
    assert con.execute("SELECT listing_id FROM rejected_listings").fetchall() == [("bad",)]
