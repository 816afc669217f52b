"""However a journal was cut when it was taken in, the ledger ends the same."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import duckdb
import pytest
from invented_journals import Journal, car

from carprice_assets.home import Home
from carprice_assets.listings.ledger import known, take_in
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market

TABLES = ("crawls", "pages", "sightings", "raw_listings")
IDS = [f"id-{n}" for n in range(12)]


def draw_crawl(draw: random.Random, day: int) -> Journal:
    """A crawl in which anything may happen, in any order, with pauses over the night."""
    journal = Journal(f"2026-01-{day:02}")
    asked = draw.sample(IDS, draw.randint(2, 8))
    steps = [None, None, *asked]  # two search pages among the details
    draw.shuffle(steps)
    journal.plan(*draw.sample(asked, len(asked) // 2))
    for listing in steps:
        if listing is None:
            journal.search(*draw.sample(IDS, draw.randint(0, 8)))
        else:
            why = draw.choice(["new", "changed", "missing"])
            what = draw.choice(["offer", "offer", "gone", "failed", "unreadable"])
            if what == "offer":
                journal.offer(listing, car(draw.randint(8000, 9000)), why=why)
            elif what == "gone":
                journal.gone(listing, why=why)
            elif what == "failed":
                journal.failed(listing, why=why)
                if draw.random() < 0.5:
                    journal.offer(listing, car(draw.randint(8000, 9000)), why=why)
            else:
                journal.unreadable(listing, why=why)
        if draw.random() < 0.1:
            journal.end("paused").next_day()
    journal.searched(draw.random() < 0.7)
    return journal.end(draw.choice(["complete", "complete", "partial", "refused"]))


def content(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    return {table: con.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in TABLES}


@pytest.mark.parametrize("seed", range(4))
def test_any_cut_gives_the_same(home: Home, tmp_path: Path, market: Market, seed: int) -> None:
    draw = random.Random(seed)
    crawls = [draw_crawl(draw, day) for day in (1, 5, 9)]
    found: list[Any] = []
    for turn in range(2):
        with Warehouse(tmp_path / f"{turn}.duckdb").connect() as con:
            for journal in crawls:
                lines = len(journal.records)
                cuts = sorted(draw.sample(range(1, lines), 3)) if turn else []
                for cut in [*cuts, lines]:
                    take_in(con, market, journal.write(tmp_path, lines=cut))
            found.append(content(con))
            assert all(each.url for each in known(con, "us", "cars").values())
            for keys in ("site, listing_id", "site, crawl_id, url", "site, crawl_id"):
                table = {"site, listing_id": "sightings", "site, crawl_id": "crawls"}.get(keys)
                rows = con.execute(
                    f"SELECT count(*) - count(DISTINCT (market, {keys})) FROM {table or 'pages'}"
                ).fetchall()
                assert rows == [(0,)]
            wrong = con.execute(
                "SELECT * FROM sightings WHERE first_seen > last_seen OR delisted_at < last_seen"
            ).fetchall()
            assert wrong == []
    assert found[0] == found[1]
