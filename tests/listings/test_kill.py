"""Kill -9 at any moment of an import: the next call goes on, and nothing differs in the end."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carprice_assets.home import Home
from carprice_assets.listings import cleaning
from carprice_assets.listings.leaks import leaks
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_market

ROWS = 60_000
KILLS = 12
IMPORT = """
import sys
from pathlib import Path
from carprice_assets.home import Home
from carprice_assets.listings import cleaning, dataset, raw, split
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_market
home, files = Home(Path(sys.argv[1])), sys.argv[2:]
market = load_market(home, "us")
print("ready", flush=True)
for file in files:
    with Warehouse.of(home).connect("an import") as con:
        raw.append(con, market, "payload", Path(file))
        cleaning.rebuild(con, market)
        split.assign(con, market)
"""
TABLES = ("raw_listings", "listings", "rejected_listings", "price_history", "listing_vins")


def spool(path: Path, day: str, begin: int) -> Path:
    draw = random.Random(begin)
    with path.open("w") as file:
        for i in range(begin, begin + ROWS):
            car = {
                "make": "Ford",
                "model": "Focus",
                "year": 2019,
                "price": draw.randint(900, 90000),
            }
            line = {"listing_id": f"id{i}", "url": None, "scraped_at": day, "payload": car}
            file.write(json.dumps(line) + "\n")
    return path


def start(home: Path, files: list[Path]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", IMPORT, str(home), *map(str, files)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def content(home: Path) -> dict[str, object]:
    market = load_market(Home(home), "us")
    with Warehouse.of(Home(home)).connect("a look") as con:
        found: dict[str, object] = {
            table: con.execute(
                f"SELECT count(*), bit_xor(md5_number(t::VARCHAR)) FROM {table} AS t"
            ).fetchall()
            for table in TABLES
        }
        found["vehicles"] = con.execute(
            "SELECT count(*), bit_xor(md5_number(t::VARCHAR)) FROM vehicles AS t"
        ).fetchall()
        found["accounts"] = cleaning.accounts(con, market)
        assert leaks(con, market) == []
    return found


@pytest.mark.long
def test_an_import_survives_kills(tmp_path: Path) -> None:
    files = [
        spool(tmp_path / "one.jsonl", "2023-10-01", 0),
        spool(tmp_path / "two.jsonl", "2023-10-02", ROWS // 2),
    ]
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    begin = time.monotonic()
    with start(calm, files) as process:
        assert process.wait(600) == 0
    whole = time.monotonic() - begin
    cut_off = 0
    for turn in range(KILLS):
        with start(killed, files) as process:
            try:
                process.wait(whole * (turn + 1) / KILLS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            cut_off += process.wait(60) == -signal.SIGKILL
        with Warehouse.of(Home(killed)).connect("a look") as con:
            counts = con.execute(
                "SELECT (SELECT count(*) FROM raw_listings), (SELECT count(*) FROM listings)"
            ).fetchall()[0]
        assert counts[0] in (0, ROWS, 2 * ROWS)  # each file whole or absent
    with start(killed, files) as process:
        assert process.wait(600) == 0
    assert cut_off > 0
    assert content(killed) == content(calm)
