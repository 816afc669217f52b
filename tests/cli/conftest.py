"""The command line in this process, and what it must leave as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from carprice_assets.cli import main
from carprice_assets.home import Home
from carprice_assets.listings.warehouse import Warehouse

Carprice = Callable[..., Result]

SHOP = """
title = "A shop"
currency = "EUR"
distance = "km"

[sources.columns]
listing_id = "Nr"
make = "Marke"
model = "Modell"
year = "Jahr"
price = "Preis"
mileage = "Stand"
"""
"""A market whose files have columns of their own."""


@pytest.fixture
def carprice() -> Carprice:
    """Run ``carprice`` with some words; defects of the platform come through."""

    def run(*words: object) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def refused(carprice: Carprice) -> Callable[..., str]:
    """Run ``carprice`` with bad input: exit code 2, and the one line that it says."""

    def run(*words: object) -> str:
        result = carprice(*words)
        assert result.exit_code == 2, result.output
        assert result.stderr.startswith("carprice: ")
        assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr.removeprefix("carprice: ").rstrip("\n")

    return run


@pytest.fixture
def state() -> Callable[[Home], dict[str, object]]:
    """What a refused file must not change: the tables, and the files but Dagster's own."""

    def look(home: Home) -> dict[str, object]:
        with Warehouse.of(home).connect("a look") as con:
            tables = [
                row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            ]
            found: dict[str, object] = {
                table: con.execute(
                    f"SELECT count(*), bit_xor(md5_number(t::VARCHAR)) FROM {table} AS t"
                ).fetchall()
                for table in sorted(tables)
            }
        found["files"] = sorted(
            str(path.relative_to(home.root))
            for path in home.root.rglob("*")
            if home.dagster not in path.parents
        )
        return found

    return look


@pytest.fixture
def offers() -> Callable[..., Path]:
    """Write offers as a file of the format ``payload``."""

    def write(path: Path, *cars: dict[str, object], day: str = "2026-01-05") -> Path:
        with path.open("w", encoding="utf-8") as file:
            for number, car in enumerate(cars):
                line = {"listing_id": car.pop("id", f"{path.stem}-{number}"), "scraped_at": day}
                file.write(json.dumps({**line, "payload": car}) + "\n")
        return path

    return write


@pytest.fixture
def shop(trained_home: Home) -> Home:
    """A trained home with the market ``shop`` beside ``small``."""
    (trained_home.markets / "shop.toml").write_text(SHOP, encoding="utf-8")
    return trained_home
