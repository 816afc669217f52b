"""Each broken file gives one line that names it, and leaves the warehouse as it was."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.listings import raw
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market
from carprice_assets.markets.market import SplitRules

DAY = date(2024, 4, 1)
MARKET = Market(
    "us",
    "",
    "USD",
    "mi",
    SplitRules("s"),
    sources={"columns": {"make": "Marke", "model": "Modell", "year": "Jahr", "price": "Preis"}},
)
GOOD = "Marke,Modell,Jahr,Preis\nFord,Focus,2019,12000\n"


def parquet(path: Path, select: str) -> None:
    with duckdb.connect() as con:
        con.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")


def truncated_parquet(path: Path) -> None:
    parquet(path, "SELECT i AS Marke, i AS Modell, i AS Jahr, i AS Preis FROM range(9999) r(i)")
    path.write_bytes(path.read_bytes()[:2000])


def damaged_parquet(path: Path) -> None:
    parquet(path, "SELECT i AS Marke, i AS Modell, i AS Jahr, i AS Preis FROM range(9999) r(i)")
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * (len(data) - 8) + data[-4:])


def text(content: str | bytes) -> Callable[[Path], None]:
    data = content.encode() if isinstance(content, str) else content
    return lambda path: (path.write_bytes(data), None)[1]


Case = tuple[str, str, Callable[[Path], object], str]
CASES: list[Case] = [
    ("columns", "cut.parquet", truncated_parquet, "cut off or damaged"),
    ("columns", "bad.parquet", damaged_parquet, "cannot be read"),
    ("columns", "named.parquet", text(GOOD), "is not a Parquet file"),
    ("columns", "empty.csv", text(""), "is empty"),
    ("columns", "blank.csv", text("\n \n"), "is empty"),
    ("columns", "folder.csv", lambda p: p.mkdir(), "is a folder"),
    ("columns", "missing.csv", lambda p: None, "no such file"),
    ("columns", "fifo.csv", os.mkfifo, "not a regular file"),
    ("columns", "binary.csv", text(b"\x7fELF\0\1\2" * 99), "is a binary file"),
    ("columns", "utf16.csv", text(GOOD.encode("utf-16")), "is UTF-16, not UTF-8"),
    ("columns", "latin.csv", text((GOOD + "Citroën,C3,2019,1\n").encode("latin-1")), "not UTF-8"),
    (
        "columns",
        "late-latin.csv",
        text(GOOD.encode() + b"Ford,Focus,2019,12000\n" * 9000 + b"Citro\xebn,C3,2019,1\n"),
        "not UTF-8",
    ),
    ("columns", "headless.csv", text("Ford,Focus,2019,12000\nFord,Fiesta,2018,9000\n"), "Marke"),
    ("columns", "lacking.csv", text("Marke,Modell,Jahr\nFord,Focus,2019\n"), "column Preis"),
    ("columns", "twice.csv", text("Marke,Marke\nFord,Focus\n"), "'Marke' is twice"),
    ("columns", "header.csv", text("Marke,Modell,Jahr,Preis\n"), "holds no rows"),
    ("columns", "ragged.csv", text(GOOD + "Ford,Focus,2019,12000,7,8\n"), "broken at line 3"),
    ("columns", "cut.csv.gz", text(gzip.compress(GOOD.encode() * 999)[:-40]), "cut.csv.gz"),
    ("columns", "garbage.jsonl", text('{"Marke": "Ford"\nxx\n'), "cannot be read"),
    ("columns", "garbage.json", text("hello\nthere\n"), "cannot be read"),
    ("columns", "scalars.jsonl", text("1\n2\n"), "no JSON objects"),
    ("payload", "array.json", text('[{"payload": {}}]\n'), "lacks the key payload"),
    ("payload", "other.jsonl", text('{"a": 1}\n'), "lacks the key payload in all of its 1 lines"),
    ("payload", "csv.csv", text(GOOD), "cannot be read"),
    ("carscom-cards", "wrong.csv", text(GOOD), "lacks the columns scrape_date, url, title"),
    ("carscom-details", "wrong.csv", text(GOOD), "lacks the columns Year, Make"),
    ("carscom-export", "wrong.csv", text(GOOD), "lacks the columns year, make"),
    ("columns", "rejected.csv", text("Marke,Modell,Jahr,Preis\n,,x,\n" * 2), "would be rejected"),
    ("nonsense", "good.csv", text(GOOD), "unknown format 'nonsense'"),
]


@pytest.mark.parametrize(
    ("format", "name", "make", "words"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)
def test_a_broken_file_gives_one_line(
    home: Home, tmp_path: Path, format: str, name: str, make: Callable[[Path], object], words: str
) -> None:
    good, path = tmp_path / "good.csv", tmp_path / "broken" / name
    path.parent.mkdir()
    good.write_text(GOOD)
    make(path)
    with Warehouse.of(home).connect() as con:
        before = raw.append(con, MARKET, "columns", good, DAY).data_version
        with pytest.raises(UserError) as told:
            raw.append(con, MARKET, format, path, DAY)
        assert raw.data_version(con, "us") == before
        tables = con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
        assert ("incoming",) not in tables
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert format == "nonsense" or name in str(told.value)


@pytest.mark.parametrize("format", ["carscom-details", "carscom-export", "columns"])
def test_a_file_without_dates_asks_for_one(home: Home, tmp_path: Path, format: str) -> None:
    from carprice_assets.sources import carscom_details, carscom_export

    columns = {
        "carscom-details": carscom_details.FORMAT.columns,
        "carscom-export": carscom_export.FORMAT.columns,
        "columns": ("Marke", "Modell", "Jahr", "Preis"),
    }[format]
    path = tmp_path / "file.csv"
    path.write_text(",".join(columns) + "\n" + ",".join("x" * len(columns)) + "\n")
    with (
        Warehouse.of(home).connect() as con,
        pytest.raises(UserError, match=r"file\.csv: 1 of 1 rows .* --scraped-at YYYY-MM-DD"),
    ):
        raw.append(con, MARKET, format, path)


def test_a_day_that_cannot_be_is_refused(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    line = {"listing_id": "a", "scraped_at": "0203-01-01", "payload": {"make": "Ford"}}
    path.write_text(json.dumps(line))
    with Warehouse.of(home).connect() as con, pytest.raises(UserError, match="cannot be"):
        raw.append(con, MARKET, "payload", path)


def test_a_row_of_a_day_to_come_is_refused(home: Home, tmp_path: Path) -> None:
    # It would supersede every later scrape and be the market's last day for ever.
    sources = {"columns": {**MARKET.sources["columns"], "scraped_at": "Tag"}}
    market, path = replace(MARKET, sources=sources), tmp_path / "file.csv"
    day = date.today() + timedelta(days=3)
    path.write_text(
        f"Marke,Modell,Jahr,Preis,Tag\nFord,Focus,2019,9000,{DAY}\nFord,Ka,2019,9000,{day}\n"
    )
    words = rf"file\.csv: the scrape of 1 of 2 rows lies in the future, the last on {day}"
    with Warehouse.of(home).connect() as con:
        with pytest.raises(UserError, match=words):
            raw.append(con, market, "columns", path)
        path.write_text(path.read_text().replace(str(day), str(date.today())))
        assert raw.append(con, market, "columns", path).new == 2


def test_a_files_name_is_taken_as_it_is(home: Home, tmp_path: Path) -> None:
    odd, other = tmp_path / "it's [1]*.csv", tmp_path / "it's 1x.csv"
    odd.write_text(GOOD)
    other.write_text(GOOD.replace("Focus", "Fiesta"))
    with Warehouse.of(home).connect() as con:
        assert raw.append(con, MARKET, "columns", odd, DAY).read == 1
