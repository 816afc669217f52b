"""A crawl's journal that is torn, damaged or cut off by a kill: nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from invented_journals import Journal, whole
from ledger_kit import TABLES, before, content, rich

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.listings.ledger import crawl_ids, finish, take_in
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market
from carprice_assets.sources.crawl import journal as crawl_journal


@pytest.mark.parametrize(
    "torn", [b'{"kind":"page"', b'{"kind":"page","url":"\xe2\x82', b'{"kind": "pa\n', b"\0\0\0\n"]
)
def test_a_torn_last_line_is_ignored(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path, torn: bytes
) -> None:
    path = Journal().search("a").plan("a").offer("a").write(tmp_path, torn=torn)
    assert take_in(con, market, path).rows_new == 1
    assert path.read_bytes().endswith(torn)  # to cut it off is the writer's part
    assert len(crawl_journal.read(path).pages) == 2
    with pytest.raises(ValueError, match="has not ended"):
        finish(path)


def broken_journals() -> dict[str, Callable[[Path], object]]:
    def head(**change: Any) -> Callable[[Path], object]:
        journal = whole(["a"])
        journal.records[0] = {**journal.records[0], **change}
        return lambda path: path.write_bytes(b"".join(map(crawl_journal.encode, journal.records)))

    page = {"kind": "page", "page": "detail", "url": "u", "state": "done", "day": "2026-01-05"}
    no_id = whole(["a"])._add(page | {"at": "2026-01-05T10:00:00Z"}).end()
    no_time = whole(["a"])._add(page | {"listing_id": "b", "at": "noon"}).end()
    return {
        "no such journal": lambda path: None,
        "does not begin with the head": lambda path: path.write_bytes(b""),
        "begin with the head": lambda path: path.write_bytes(b'{"kind":"page"}\n'),
        "begin with the  ?": head(day="soon"),
        "begin with": head(crawl_id="../../x"),
        "is of market other, not us": head(market="other"),
        "unknown format 'nonsense'": head(format="nonsense"),
        "cannot be read": lambda path: path.write_bytes(
            b"".join(map(crawl_journal.encode, whole(["a"]).records)) + b'{"kind\n{"kind":"plan"}\n'
        ),
        "line 7 is no whole record of a page": lambda path: path.write_bytes(
            b"".join(map(crawl_journal.encode, no_id.records))
        ),
        "line 7 is no  ?": lambda path: path.write_bytes(
            b"".join(map(crawl_journal.encode, no_time.records))
        ),
    }


@pytest.mark.parametrize("message", broken_journals())
def test_a_damaged_journal_is_refused_whole(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path, message: str
) -> None:
    before(con, market, tmp_path)
    kept = content(con)
    path = tmp_path / "us" / "cars" / "other.jsonl"
    broken_journals()[message](path)
    with pytest.raises(UserError, match=message.replace("  ?", "")) as told:
        take_in(con, market, path)
    assert str(path) in str(told.value) or "format" in message
    assert content(con) == kept


def test_the_id_of_another_crawl_is_refused(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    first = Journal().search("a").searched().offer("a").end()
    take_in(con, market, first.write(tmp_path))
    before = con.execute("FROM crawls").fetchall(), con.execute("FROM pages").fetchall()
    other = Journal().search("b").searched().offer("b").end()
    other.records[0] = {**other.records[0], "started_at": "2026-01-05T11:00:00+00:00"}
    with pytest.raises(
        UserError, match="which in the ledger is another crawl, begun 2026-01-05 09"
    ):
        take_in(con, market, other.write(tmp_path))
    assert before == (con.execute("FROM crawls").fetchall(), con.execute("FROM pages").fetchall())
    assert crawl_ids(con, "us", "cars") == {"cars-2026-01-05-1"}


DIE = """
import os, signal, sys
from pathlib import Path
from carprice_assets.home import Home
from carprice_assets.listings import ledger, taking
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_market

def die(*given, **more):
    os.kill(os.getpid(), signal.SIGKILL)

home, path, when = Home(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
if when == "inside":
    taking.sightings.update = die
if when == "deleting":
    unlink = Path.unlink
    Path.unlink = lambda self, **more: die() if self == path else unlink(self, **more)
with Warehouse.of(home).connect("a test") as con:
    ledger.take_in(con, load_market(home, "us"), path)
if when == "after":
    die()
ledger.finish(path)
"""


@pytest.mark.parametrize("when", ["inside", "after", "deleting"])
def test_a_kill_loses_and_doubles_nothing(
    home: Home, tmp_path: Path, market: Market, when: str
) -> None:
    path = rich().write(tmp_path)
    with Warehouse(tmp_path / "calm.duckdb").connect() as con:
        take_in(con, market, path)
        calm = content(con)
    command = [sys.executable, "-c", DIE, str(home.root), str(path), when]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert path.exists()
    with Warehouse.of(home).connect() as con:
        assert content(con) == ({table: [] for table in TABLES} if when == "inside" else calm)
        assert take_in(con, market, path).rows_new == (4 if when == "inside" else 0)
        assert content(con) == calm
    finish(path)
    finish(path)
    assert os.listdir(path.parent) == []


def test_a_journal_is_kept_until_its_crawl_ends(tmp_path: Path) -> None:
    journal = Journal().search("a").plan("a")
    for path in (journal.write(tmp_path), journal.end("paused").write(tmp_path)):
        with pytest.raises(ValueError, match="has not ended"):
            finish(path)
        assert path.exists()
    path = journal.end("abandoned", "older than 3 days").write(tmp_path)
    finish(path)
    assert not path.exists()
