"""``carprice import``: what it says, and that a broken file changes nothing."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from carprice_assets.home import Home

HEAD = "Nr,Marke,Modell,Jahr,Preis,Stand\n"
GOOD = HEAD + "1,Ford,Focus,2019,12000,61000\n2,Opel,Astra,2018,9500,80000\n3,Opel,Astra,,9500,1\n"


def parquet(path: Path) -> None:
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT i AS Nr, 'Ford' AS Marke, 'Focus' AS Modell, 2019 AS Jahr, i AS Preis,"
            f" i AS Stand FROM range(5000, 15000) AS r(i)) TO '{path}' (FORMAT parquet)"
        )


def truncated(path: Path) -> None:
    parquet(path)
    path.write_bytes(path.read_bytes()[:3000])


def text(content: str | bytes) -> Callable[[Path], None]:
    data = content.encode() if isinstance(content, str) else content
    return lambda path: (path.write_bytes(data), None)[1]


BROKEN: list[tuple[str, str, Callable[[Path], object], str]] = [
    ("columns", "cut.parquet", truncated, "cut off or damaged"),
    ("carscom-cards", "other.parquet", parquet, "lacks the columns"),
    ("columns", "lacking.csv", text("Nr,Marke,Modell\n1,Ford,Focus\n"), "lacks the columns"),
    ("columns", "empty.csv", text(""), "is empty"),
    ("columns", "header.csv", text(HEAD), "holds no rows"),
    ("columns", "refused.csv", text(HEAD + "1,,,x,,\n2,Ford,Focus,2019,,5\n"), "all of its 2 rows"),
    ("columns", "folder.csv", lambda path: path.mkdir(), "is a folder"),
    ("columns", "binary.csv", text(b"\x7fELF\0\1\2" * 99), "is a binary file"),
    ("columns", "missing.csv", lambda path: None, "no such file"),
    ("columns", "prose.csv", text("Dear Sir,\nI have a car, a good one,\nfor sale.\n"), "lacks"),
    ("columns", "cut.csv.gz", text(gzip.compress(GOOD.encode() * 999)[:-40]), "gz"),
    ("payload", "prose.jsonl", text("A car for sale\n"), "cannot be read"),
]


def test_every_broken_file_gives_one_line_and_changes_nothing(
    shop: Home,
    tmp_path: Path,
    refused: Callable[..., str],
    state: Callable[[Home], dict[str, object]],
) -> None:
    before = state(shop)
    for file_format, name, make, words in BROKEN:
        path = tmp_path / name
        make(path)
        day = () if file_format == "payload" else ("--scraped-at", "2024-04-01")
        line = refused("import", path, "-m", "shop", "--format", file_format, *day)
        assert line.startswith(f"{path}: "), line
        assert words in line, line
    assert state(shop) == before


def test_bad_words_are_named(shop: Home, tmp_path: Path, refused: Callable[..., str]) -> None:
    path = tmp_path / "good.csv"
    path.write_text(GOOD)
    told = refused("import", path, "-m", "shop", "--format", "excel")
    assert "unknown format 'excel'" in told
    assert "carscom-cards" in told
    assert "unknown market 'nowhere'" in refused("import", path, "-m", "nowhere", "--format", "x")
    told = refused("import", path, "-m", "shop", "--format", "columns")
    assert told.startswith(f"{path}: 3 of 3 rows")
    assert "--scraped-at YYYY-MM-DD" in told
    told = refused("import", path, "-m", "small", "--format", "columns")
    assert "market small: no [sources.columns]" in told


def test_what_an_import_says(shop: Home, tmp_path: Path, carprice: Callable[..., object]) -> None:
    path = tmp_path / "good.csv"
    path.write_text(GOOD)
    words = ("import", path, "-m", "shop", "--format", "columns", "--scraped-at", "2024-04-01")
    first, again = carprice(*words), carprice(*words)
    assert first.exit_code == again.exit_code == 0
    told = [line.split() for line in first.stdout.splitlines()]
    assert told[0] == ["rows", "3", "read:", "3", "new,", "0", "taken", "in", "before"]
    assert told[1][:3] == ["raw", "rows", "3"]
    assert told[2] == ["listings", "2"]
    assert told[3][:2] == ["superseded", "0"]
    assert told[4] == ["rejected", "1"]
    assert told[5][:2] == ["1", "no_year:"]
    assert "2024-04-01" in first.stdout
    assert again.stdout.splitlines()[0].split() == [
        "rows",
        "3",
        "read:",
        "0",
        "new,",
        "3",
        "taken",
        "in",
        "before",
    ]
    assert again.stdout.splitlines()[1:-1] == first.stdout.splitlines()[1:-1]
    assert told[-1][0] == "took"


def test_one_row_is_a_file(shop: Home, tmp_path: Path, carprice: Callable[..., object]) -> None:
    path = tmp_path / "one.csv"
    path.write_text(HEAD + "1,Ford,Focus,2019,12000,61000\n")
    words = ("--format", "columns", "--scraped-at", "2024-04-01")
    result = carprice("import", path, "-m", "shop", *words)
    assert result.exit_code == 0
    assert "1 new" in result.stdout


def test_a_first_import_that_fails_leaves_a_home_that_works(
    home: Home, tmp_path: Path, carprice: Callable[..., object], refused: Callable[..., str]
) -> None:
    home.markets.mkdir(parents=True)
    columns = "".join(f'{field} = "{field}"\n' for field in ("make", "model", "year", "price"))
    market = f'currency = "USD"\ndistance = "mi"\n[sources.columns]\n{columns}'
    (home.markets / "lot.toml").write_text(market)
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_text("make,model\nFord,Focus\n")
    good.write_text("make,model,year,price\nFord,Focus,2019,12000\n")
    words = ("-m", "lot", "--format", "columns", "--scraped-at", "2024-04-01")
    assert "lacks the columns" in refused("import", bad, *words)
    assert "market lot has no listings yet" in refused("train", "-m", "lot")
    assert carprice("import", good, *words).exit_code == 0


def test_a_broken_market_concerns_itself_alone(
    shop: Home, tmp_path: Path, carprice: Callable[..., object], refused: Callable[..., str]
) -> None:
    (shop.markets / "odd.toml").write_text('currency = "USD"\ndistance = "mi"\ncolour = "red"\n')
    (shop.markets / "table.toml").write_text('currency = "USD"\ndistance = "mi"\nsplit = 3\n')
    path = tmp_path / "good.csv"
    path.write_text(GOOD)
    words = ("--format", "columns", "--scraped-at", "2024-04-01")
    assert refused("import", path, "-m", "odd", *words) == "market odd: unknown key 'colour'"
    assert refused("train", "-m", "table") == "market table: split must be a table, got 3"
    assert carprice("import", path, "-m", "shop", *words).exit_code == 0


def test_a_home_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    path = tmp_path / "file"
    path.write_text("not a folder")
    monkeypatch.setenv("CARPRICE_HOME", str(path))
    told = refused("import", path, "-m", "practice", "--format", "payload")
    assert told == f"{path}: cannot be the data home: Not a directory"
