"""Crawls of practice sites: run here, or as the command, and what they left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from e2e_run import PROGRAM, command_line, descendants
from practice_sites import RunningSite

from carprice_assets.home import Home
from carprice_assets.listings import scraping
from carprice_assets.listings.ledger import Taken
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_market
from carprice_assets.sources.crawl import JOURNAL

HANG_SECONDS = 300.0
"""Far above what any crawl of these tests takes: only a hang reaches it."""


def scrape(site: RunningSite) -> Taken:
    """One visit in this process, taken into the warehouse of the site's home."""
    market = load_market(site.home, site.market)
    return scraping.scrape(
        Warehouse.of(site.home).connect,
        market,
        market.sites()["site"],
        site.home.spool,
        started_at=datetime.now(UTC),
        full=False,
        tell=_silent,
    )


def _silent(line: str) -> None:
    del line


def rows(home: Home, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of the warehouse."""
    with Warehouse.of(home).connect("a look") as con:
        return con.execute(query, list(values)).fetchall()


def raw_ids(site: RunningSite) -> set[str]:
    """Ids of the listings that have a raw row, each of which must have one alone."""
    found = [
        row[0]
        for row in rows(
            site.home, "SELECT listing_id FROM raw_listings WHERE market = ?", site.market
        )
    ]
    assert len(found) == len(set(found))
    return set(found)


def pages(site: RunningSite, crawl_id: str, *states: str) -> dict[str, str]:
    """Address to listing id ('' for a search page) of a crawl's pages in some states."""
    found = rows(
        site.home,
        "SELECT url, coalesce(listing_id, '') FROM pages"
        " WHERE market = ? AND crawl_id = ? AND list_contains(?, state)",
        site.market,
        crawl_id,
        list(states),
    )
    return dict(found)


def asked(site: RunningSite, part: str = "") -> list[str]:
    """Paths asked for so far, in order of arrival; those that hold ``part``."""
    return [line["path"] for line in site.log() if part in line["path"]]


def detail_ids(site: RunningSite) -> list[str]:
    """Listing ids of the detail pages asked for so far, in order of arrival."""
    return [path.strip("/").split("/")[1] for path in asked(site, "/vehicledetail/")]


def target(address: str) -> str:
    """Path and query of an address, as the site's log has it."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def until(condition: Callable[[], bool], seconds: float = HANG_SECONDS) -> None:
    """Wait until ``condition`` holds, looking often; fail after ``seconds``."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"still not so after {seconds:.0f} s"
        time.sleep(0.005)


@dataclass
class Command:
    """`carprice crawl` over one home as a process.

    Attributes
    ----------
    within
        A command that runs the words that follow it.
    children
        Id to command line of all processes that it had started when it was stopped.
    """

    home: Home
    market: str = "small"
    within: Sequence[str] = ()
    process: subprocess.Popen[str] | None = None
    children: dict[int, str] = field(default_factory=dict[int, str])

    def start(self) -> Command:
        """Start the command and return at once."""
        self.process = subprocess.Popen(
            [*self.within, sys.executable, "-c", PROGRAM, "crawl", "-m", self.market],
            env={**os.environ, "CARPRICE_HOME": str(self.home.root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,  # as a shell at a terminal gives every command
        )
        return self

    @property
    def folder(self) -> Path:
        """Where the site's journal lies."""
        return self.home.spool / self.market / "site"

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def journal(self) -> list[dict[str, Any]]:
        """The whole lines of the journal so far."""
        try:
            text = (self.folder / JOURNAL).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def settled(self) -> list[dict[str, Any]]:
        """The journal's lines of pages."""
        return [line for line in self.journal() if line["kind"] == "page"]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds while the command runs."""
        until(lambda: condition() or self.ended)
        assert not self.ended, self.wait()

    def freeze(self) -> None:
        """Stop the command at this very moment, and note who its children are."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        until(lambda: _state(self.process.pid) == "T", 30)  # pyright: ignore
        self.children = descendants(self.process.pid)

    def kill(self) -> None:
        """``kill -9`` of the frozen command."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate(timeout=60)
        assert self.process.returncode == -signal.SIGKILL

    def left(self) -> dict[int, str]:
        """Those of the noted children that live on."""
        return {child: line for child, line in self.children.items() if command_line(child) == line}

    def wait(self) -> tuple[int, str, str]:
        """Exit code, output and error output of the command, which has to end."""
        assert self.process is not None
        told = self.process.communicate(timeout=HANG_SECONDS)
        return self.process.returncode, *told

    def run(self) -> str:
        """Start the command, wait for its good end, and give all that it printed."""
        code, printed, error = self.start().wait()
        assert code == 0, error
        return printed + error


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
