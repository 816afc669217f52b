"""A small market and files of invented listings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from carprice_assets.home import Home
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market
from carprice_assets.markets.market import SplitRules

CARD_COLUMNS = (
    *("scrape_date", "url", "title", "status", "price_1", "price_2", "block"),
    *("dealer_1", "dealer_2", "dealer_3"),
)


@pytest.fixture
def market() -> Market:
    return Market("us", "United States", "USD", "mi", SplitRules("us-1"))


@pytest.fixture
def con(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    with Warehouse.of(home).connect("a test") as opened:
        yield opened


@pytest.fixture
def cards(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows of (date, id, title, price) and more as a file of cards."""

    def write(rows: Sequence[dict[str, Any]], name: str = "cards.jsonl") -> Path:
        path = tmp_path / name
        lines = [json.dumps({c: row.get(c) for c in CARD_COLUMNS}) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def card(day: str, listing: str | None, title: str | None, price: str | None, **more: Any) -> Any:
    """One card; ``listing`` None gives a row that is no card."""
    url = f"https://cars.invalid/vehicledetail/{listing}/" if listing else "https://cars.invalid/x/"
    return {"scrape_date": day, "url": url, "title": title, "price_1": price, **more}


@pytest.fixture
def make_card() -> Callable[..., Any]:
    return card


@pytest.fixture
def payloads(tmp_path: Path) -> Callable[..., Path]:
    """Writes (listing id, day, payload) as a file of payloads."""

    def write(rows: Sequence[tuple[str | None, str, Any]], name: str = "spool.jsonl") -> Path:
        path = tmp_path / name
        lines = [
            json.dumps({"listing_id": i, "url": None, "scraped_at": day, "payload": payload})
            for i, day, payload in rows
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
