"""A journal of a hundred thousand pages: minutes of crawling, seconds and bounded memory here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from invented_journals import Journal, car

from carprice_assets.home import Home
from carprice_assets.sources.crawl.journal import encode

PAGES = 100_000
CARDS = 50
TAKE = """
import json, resource, sys, time
from pathlib import Path
from carprice_assets.home import Home
from carprice_assets.listings.ledger import finish, known, take_in
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_market
home, path = Home(Path(sys.argv[1])), Path(sys.argv[2])
market = load_market(home, "us")
with Warehouse.of(home).connect("a test") as con:
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.monotonic()
    taken = take_in(con, market, path)
    first = time.monotonic() - begin
    again = take_in(con, market, path)
    second = time.monotonic() - begin - first
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = len(known(con, "us", "cars"))
finish(path)
print(json.dumps({
    "first": first, "again": second, "peak": (peak - idle) // 1024, "known": count,
    "new": taken.rows_new, "new_again": again.rows_new, "state": again.state,
    "drift": [taken.drift.rows, again.drift.rows]}))
"""


def write(path: Path) -> None:
    """Search and detail pages with payloads of 3 KB, and at the end one plan of all pages."""
    path.parent.mkdir(parents=True)
    ids = [f"listing-{n:08}" for n in range(PAGES)]
    with path.open("wb") as file:
        journal = Journal()
        for begin in range(0, PAGES, CARDS):
            part = ids[begin : begin + CARDS]
            journal.search(*part).plan(*part)
            for n, listing in enumerate(part, begin):
                journal.offer(listing, car(9000 + n % 5000, vin=f"V{n}", words=f"{n} " * 450))
            file.write(b"".join(map(encode, journal.records)))
            journal.records.clear()
        journal.plan(*ids, why="full").searched().end()
        file.write(b"".join(map(encode, journal.records)))


@pytest.mark.long
def test_a_large_journal(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "spool" / "journal.jsonl"
    write(path)
    assert path.stat().st_size > 3000 * PAGES
    command = [sys.executable, "-c", TAKE, str(home.root), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["new"], found["new_again"], found["known"]) == (PAGES, 0, PAGES)
    assert (found["state"], found["drift"]) == ("complete", [PAGES, 0])
    assert found["peak"] < 2000  # megabytes: DuckDB's own limit and some hundred beside it
    assert not path.exists()
