"""A small site of the tests' own, and an adapter that reads it."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from carprice_assets.markets import Site
from carprice_assets.sources.crawl import CrawlResult, Known, crawl
from carprice_assets.sources.sites.base import Broken, Card, Detail, Gone, Offer, SearchPage

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@dataclass
class Reply:
    """What the site answers; ``cut`` closes the connection in the middle of the body."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False


@dataclass
class Asked:
    """One request as the site saw it; ``answered`` is when the answer was sent."""

    at: float
    path: str
    headers: Mapping[str, str]
    status: int
    answered: float = 0.0


class Server:
    """Answers from ``site(path, headers)`` on a free port of 127.0.0.1, in a thread."""

    def __init__(self) -> None:
        self.site: Callable[[str, Mapping[str, str]], Reply] = lambda path, headers: Reply()
        self.log: list[Asked] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [asked.path for asked in self.log]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = head[0].split(" ")[1]
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
                reply = self.site(path, headers)
                asked = Asked(time.monotonic(), path, headers, reply.status)
                self.log.append(asked)
                if reply.delay:
                    await asyncio.sleep(reply.delay)
                lines = [f"HTTP/1.1 {reply.status} X", f"Content-Length: {len(reply.body)}"]
                given = {"Content-Type": "text/html; charset=utf-8", **reply.headers}
                lines += [f"{name}: {value}" for name, value in given.items()]
                body = reply.body[: len(reply.body) // 2] if reply.cut else reply.body
                writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
                await writer.drain()
                asked.answered = time.monotonic()
                if reply.cut:
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    def close(self) -> None:
        async def stop() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Cars:
    """A marketplace: ids and prices, ``per_page`` on a page; faults by path."""

    def __init__(self, server: Server, count: int = 12, per_page: int = 5) -> None:
        self.server = server
        self.prices = {f"c{number}": 10_000 + number for number in range(1, count + 1)}
        self.per_page = per_page
        self.robots = Reply(b"User-agent: *\nDisallow: /private/\n")
        self.faults: dict[str, list[Reply]] = {}
        self.always: dict[str, Reply] = {}
        self.extra = ""
        server.site = self.answer

    def answer(self, path: str, headers: Mapping[str, str]) -> Reply:
        if self.faults.get(path):
            return self.faults[path].pop(0)
        if path in self.always:
            return self.always[path]
        if path == "/robots.txt":
            return self.robots
        if found := re.fullmatch(r"/search\?page=(\d+)", path):
            return self.search(int(found[1]))
        if (found := re.fullmatch(r"/car/(\w+)", path)) and found[1] in self.prices:
            return self.detail(found[1])
        return Reply(b"<p>nothing here</p>", 404)

    def search(self, number: int) -> Reply:
        ids = list(self.prices)[(number - 1) * self.per_page : number * self.per_page]
        items = "".join(
            f'<li data-id="{i}" data-print="{self.prices[i]}"><a href="/car/{i}"></a></li>'
            for i in ids
        )
        return Reply(f'<ul id="list">{items}</ul>{self.extra}'.encode())

    def detail(self, listing: str) -> Reply:
        data = json.dumps({"id": listing, "price": self.prices[listing]})
        return Reply(f'<script id="car" type="text/json">{data}</script>{self.extra}'.encode())


class CarsAdapter:
    """Reads :class:`Cars`."""

    name = "carscom"
    format = "payload"
    renders: frozenset[str] = frozenset()
    ready: Mapping[str, str] = {"search": "#list", "detail": "#car"}

    def search_address(self, start: str, number: int) -> str:
        return f"{start}?page={number}"

    def read_search(self, html: str, address: str) -> SearchPage | Broken:
        if 'id="list"' not in html:
            return Broken("no_data")
        root = address.split("/search")[0]
        items = re.findall(r'data-id="(\w+)" data-print="(\w+)"><a href="([^"]+)"', html)
        return SearchPage(tuple(Card(i, u if "://" in u else root + u, p) for i, p, u in items))

    def read_detail(self, html: str, address: str) -> Detail:
        if "sold already" in html:
            return Gone("sold already")
        found = re.search(r'id="car"[^>]*>(.*?)</script>', html)
        if not found:
            return Broken("no_data")
        try:
            data = json.loads(found[1])
        except ValueError:
            return Broken("bad_data")
        return Offer(data["id"], data)


class Crawls:
    """Crawls a :class:`Cars` and keeps what a ledger would know."""

    def __init__(self, cars: Cars, folder: Path) -> None:
        self.cars = cars
        self.folder = folder
        self.known: dict[str, Known] = {}
        self.used: set[str] = set()

    def site(self, **settings: Any) -> Site:
        given = {"rate": 2000.0, "concurrency": 4, "timeout": 5.0, **settings}
        return Site("cars", "carscom", f"{self.cars.server.url}/search", **given)

    def run(
        self,
        adapter: CarsAdapter | None = None,
        at: datetime = START,
        full: bool = False,
        budget_used: int = 0,
        **settings: Any,
    ) -> CrawlResult:
        return crawl(
            self.site(**settings), "m", self.folder, self.known, started_at=at, full=full,
            used=self.used, adapter=adapter or CarsAdapter(), budget_used=budget_used, seed=1,
        )  # fmt: skip

    def take_in(self, result: CrawlResult) -> dict[str, dict[str, Any]]:
        """Do as the ledger does; returns the payloads by listing id."""
        from carprice_assets.sources.crawl import read

        records = read(result.journal)
        self.used.add(result.crawl_id)
        result.journal.unlink()
        payloads = {}
        for page in records.pages.values():
            if page["page"] == "detail" and page["state"] != "failed":
                delisted = page["state"] == "gone"
                self.known[page["listing_id"]] = Known(
                    page["url"], page["fingerprint"], result.day, delisted
                )
                if not delisted:
                    payloads[page["listing_id"]] = page["payload"]
        return payloads


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def cars(server: Server) -> Cars:
    return Cars(server)


@pytest.fixture
def crawls(cars: Cars, tmp_path: Path) -> Crawls:
    return Crawls(cars, tmp_path / "spool" / "m" / "cars")


@pytest.fixture
def start() -> datetime:
    return START


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def rendering() -> CarsAdapter:
    """An adapter whose pages all need a browser."""
    adapter = CarsAdapter()
    adapter.renders = frozenset({"search", "detail"})
    return adapter
