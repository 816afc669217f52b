"""A practice site as a process of its own, for tests that crawl.

with RunningSite(home, "small", size=300) as site:
    site.faults(too_many=0.05, retry_after=0)
    crawl(load_market(home, "small").sites()["site"], ...)
    site.advance(1)
    site.truth(0, 1).changed        # what the simulator says of the two days
    site.log()                      # every request, in order of arrival
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from carprice_assets.home import Home
from carprice_assets.markets import load_market
from carprice_assets.practice_market import Market
from carprice_assets.practice_market.changes import Changes, changes
from carprice_assets.practice_market.site import SiteSettings, site_settings

CONTROL = "practice-control"
"""User agent of the tests' own requests, which `RunningSite.log` leaves out."""
START_SECONDS = 60.0
"""Far above what a start takes, some 2 s: only a hang reaches it."""
STARTS = {"carscom": "/shopping/results/?stock_type=all", "schema-org": "/cars/"}
UNITS = {"carscom": ("USD", "mi", 1.0), "schema-org": ("EUR", "km", 0.92)}
LIMITS: Mapping[str, object] = {
    "clock": "site",
    "rate": 1000,
    "concurrency": 8,
    "daily_budget": 1_000_000,
    "cool_off_hours": 0,
}
"""Of ``[sources.site]``, unless `RunningSite.site` says otherwise."""


@dataclass
class RunningSite:
    """One market's site, started on entering and ended on leaving.

    Attributes
    ----------
    market
        A market file of that name is written into the home, on a free port; one that the home
        has already is left as it is, and its port used.
    template, size, seed, per_page
        Of ``[sources.practice]``.
    site
        More settings of ``[sources.site]``, such as ``{"rate": 20}``.
    more
        More lines of the market file, such as ``[promotion]`` and what belongs to it.
    """

    home: Home
    market: str = "small"
    template: str = "carscom"
    size: int = 300
    seed: int = 7
    per_page: int = 20
    site: Mapping[str, object] = field(default_factory=dict[str, object])
    more: str = ""
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        path = self.home.markets / f"{self.market}.toml"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._market_file(), encoding="utf-8")
        self.settings: SiteSettings = site_settings(load_market(self.home, self.market))
        self.simulated: Market = self.settings.open_market()
        """What the site shows, for the truth."""

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"http://{self.settings.host}:{self.settings.port}"

    @property
    def start_url(self) -> str:
        """Address of the search."""
        return self.url + STARTS[self.settings.template]

    @property
    def folder(self) -> Path:
        """Where the site keeps its day and its access log."""
        return self.home.practice / self.market

    def __enter__(self) -> RunningSite:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> RunningSite:
        """Start the process; return once the site listens."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "carprice_assets.practice_market.site", "--market", self.market],
            env={**os.environ, "CARPRICE_HOME": str(self.home.root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        limit = time.monotonic() + START_SECONDS
        while not self._listens():
            if self.process.poll() is not None:
                assert self.process.stdout is not None
                raise AssertionError(self.process.stdout.read())
            assert time.monotonic() < limit, f"no site after {START_SECONDS:.0f} s"
            time.sleep(0.05)
        return self

    def stop(self) -> str:
        """End the process; everything that it has printed."""
        if self.process is None:
            return ""
        self.process.terminate()
        printed, _ = self.process.communicate(timeout=60)
        self.process = None
        return printed

    def advance(self, days: int = 1) -> dict[str, Any]:
        """Let days pass; the state after that."""
        return self._ask("/practice/advance", {"days": days})

    def day(self, number: int) -> dict[str, Any]:
        """Make it that day; the state after that."""
        return self._ask("/practice/day", {"day": number})

    def faults(self, **switched: object) -> dict[str, Any]:
        """Switch these faults on and all others off; the state after that."""
        return self._ask("/practice/faults", switched)

    def state(self) -> dict[str, Any]:
        """Day, date, faults and the like."""
        return self._ask("/practice/state")

    def log(self) -> list[dict[str, Any]]:
        """All requests so far but those of tests, in order of arrival; also of a stopped site."""
        if self.process is None:
            text = (self.folder / "access.jsonl").read_text(encoding="utf-8")
        else:
            text = self._get("/practice/log").decode()
        lines = [json.loads(line) for line in text.splitlines()]
        asked = [line for line in lines if line["user_agent"] != CONTROL]
        return sorted(asked, key=lambda line: line["at"])

    def truth(self, before: int, after: int) -> Changes:
        """What the simulator says of two days."""
        return changes(self.simulated, before, after)

    def on_sale(self, day: int) -> set[str]:
        """Ids of all listings of a day."""
        return {car.listing_id for car in self.simulated.stock(day)}

    def _listens(self) -> bool:
        try:
            with socket.create_connection((self.settings.host, self.settings.port), timeout=5):
                return True
        except OSError:
            return False

    def _ask(self, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        return json.loads(self._get(path, body))

    def _get(self, path: str, body: Mapping[str, object] | None = None) -> bytes:
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"User-Agent": CONTROL, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read().decode()) from None

    def _market_file(self) -> str:
        currency, distance, rate = UNITS[self.template]
        site = {
            "adapter": self.template,
            "start": f"http://127.0.0.1:{_free_port()}{STARTS[self.template]}",
            **LIMITS,
            **self.site,
        }
        lines = [
            f'title = "Market {self.market}"',
            f'currency = "{currency}"',
            f'distance = "{distance}"',
            "[sources.practice]",
            f"seed = {self.seed}",
            f"size = {self.size}",
            f'template = "{self.template}"',
            f"rate = {rate}",
            f"per_page = {self.per_page}",
            "[sources.site]",
            # JSON's texts, numbers, booleans and lists are TOML as well.
            *(f"{key} = {json.dumps(value)}" for key, value in site.items()),
            self.more,
        ]
        return "\n".join(lines) + "\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
