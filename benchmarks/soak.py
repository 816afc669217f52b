"""Minutes of mixed load on a service while its champion changes: no answer fails or is mixed.

    make bench-soak
    .venv/bin/python benchmarks/soak.py --minutes 10 --promote-every 20 --share 0.7

A service of its own runs over a copy of the kept sample store (or `--home`, a home of one market
with two releases). First its capacity is found: requests a second that `CLIENTS` clients get one
after the other. Then requests leave by the clock at `--share` of it, three of four with one car,
the others with 20, 200 and 1,000, while the two releases take turns. Each answer must be a 200
whose cars all come from one release, with the price that this release gave before the load.
Prints requests, latencies, promotions and memory; ends with 1 where an answer failed or was
mixed, or where memory rose by more than a tenth between the second fifth and the last.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np

from carprice_assets.home import PROJECT, Home
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore

SAMPLE = PROJECT / "tests" / "samples" / "releases" / "format-1.tar.gz"
CARS = [
    {"make": make, "model": model, "year": year, "mileage": mileage}
    for make, model in (("Honda", "Civic"), ("Toyota", "RAV4"), ("Ford", "F-150"))
    for year, mileage in ((2016, 90_000), (2019, 40_000), (2021, 12_000))
]
SIZES = (*[1] * 15, *[20] * 3, 200, 1_000)
CLIENTS = 8
IDLE_SECONDS = 2.0
"""Less than the service keeps an idle connection: else both may use and close it at once."""
FLAT = 1.1


@dataclass
class Seen:
    """What came of the load."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    releases: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    late: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)
    promotions: list[float] = field(default_factory=list)


class Provenance(msgspec.Struct):
    """Whence a valuation is."""

    release: str


class Valuation(msgspec.Struct):
    """What is compared of a valuation."""

    price: float
    low: float
    high: float
    supported: bool
    provenance: Provenance


class Answer(msgspec.Struct):
    """What is read of an answer."""

    valuations: list[Valuation]


class Connections:
    """Keep-alive connections, one for each request under way, as many as it takes.

    Bare streams: a client library's pool goes through all that wait at each request, and a load
    generator that slows down under load measures itself.
    """

    def __init__(self, address: str) -> None:
        found = urlsplit(address)
        self.host, self.port = str(found.hostname), int(found.port or 80)
        self.idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body; raises OSError or EOFError where the connection breaks."""
        reader, writer = await self._connection()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        try:
            writer.write(head.encode() + body)
            lines = (await reader.readuntil(b"\r\n\r\n")).lower()
            found = re.search(rb"content-length: (\d+)", lines)
            got = await reader.readexactly(int(found[1]) if found else 0)
        except BaseException:
            writer.close()
            raise
        if b"connection: close" in lines:
            writer.close()
        else:
            self.idle.append((time.perf_counter(), reader, writer))
        return int(lines[9:12]), got

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self.idle:
            since, reader, writer = self.idle.pop()
            if time.perf_counter() - since < IDLE_SECONDS:
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.host, self.port)


class Service:
    """The service and what each release answers."""

    def __init__(self, connections: Connections, market: str) -> None:
        self.connections, self.market = connections, market
        self.path = f"/api/v1/{market}/valuations"
        self.bodies = {size: body(size) for size in {*SIZES, len(CARS)}}
        self.read = msgspec.json.Decoder(Answer)
        self.expected: dict[str, list[Any]] = {}

    async def ask(self, size: int) -> tuple[str, list[Any]]:
        """The release and what it says of the known cars in turn; raises for a bad answer."""
        post = self.connections.post(self.path, self.bodies[size])
        status, got = await asyncio.wait_for(post, timeout=120)
        if status != 200:
            raise ValueError(f"status {status}: {got[:200]!r}")
        found = self.read.decode(got).valuations
        releases = {each.provenance.release for each in found}
        if len(found) != size or len(releases) != 1:
            raise ValueError(f"{len(found)} answers for {size} cars from {len(releases)} releases")
        told = [(each.price, each.low, each.high, each.supported) for each in found]
        return releases.pop(), told

    async def checked(self, size: int) -> str:
        """The release of an answer, which is held against what it gave before."""
        release, told = await self.ask(size)
        known = self.expected[release]
        if any(line != known[n % len(CARS)] for n, line in enumerate(told)):
            raise ValueError("an answer that its release does not give")
        return release

    async def until(self, release: str) -> float:
        """Seconds until answers come from ``release``."""
        begin = time.perf_counter()
        while (found := await self.ask(len(CARS)))[0] != release:
            await asyncio.sleep(0.05)
            if time.perf_counter() - begin > 120:
                raise SystemExit(f"release {release} is not followed")
        self.expected.setdefault(release, found[1])
        return time.perf_counter() - begin


def body(size: int) -> bytes:
    """A request of ``size`` of the known cars in turn."""
    return msgspec.json.encode({"cars": [CARS[n % len(CARS)] for n in range(size)]})


async def capacity(service: Service, seconds: float) -> float:
    """Requests a second of the mix that clients get who wait for each answer."""
    numbers, end = count(), time.perf_counter() + seconds

    async def one() -> int:
        done = 0
        while time.perf_counter() < end:
            await service.ask(SIZES[next(numbers) % len(SIZES)])
            done += 1
        return done

    return sum(await asyncio.gather(*(one() for _ in range(CLIENTS)))) / seconds


async def load(service: Service, seen: Seen, rate: float, seconds: float) -> None:
    """Requests by the clock; who comes late because this program did is counted."""
    running: set[asyncio.Task[None]] = set()
    begin = time.perf_counter()

    async def one(size: int) -> None:
        at = time.perf_counter()
        try:
            seen.releases[await service.checked(size)] += 1
        except (OSError, EOFError, ValueError) as error:
            seen.faults[f"{type(error).__name__}: {error}"[:200]] += 1
        seen.seconds.setdefault(size, []).append(time.perf_counter() - at)

    for number in count():
        due = begin + number / rate
        if due - begin >= seconds:
            break
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        seen.late += wait < -0.1
        task = asyncio.create_task(one(SIZES[number % len(SIZES)]))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)


async def promote(store: ReleaseStore, service: Service, seen: Seen, every: float) -> None:
    """Let the two releases take turns for ever."""
    first, second = (release.id for release in store.list(service.market))
    while True:
        await asyncio.sleep(every)
        serving = store.champion(service.market)
        other = first if serving == second else second
        await asyncio.to_thread(
            store.promote, service.market, other, serving, Decision("promoted", ())
        )
        try:
            seen.promotions.append(await service.until(other))
        except (OSError, EOFError, ValueError) as error:
            seen.faults[f"{type(error).__name__}: {error}"[:200]] += 1


async def weigh(pids: list[int], seen: Seen) -> None:
    """Note the resident memory of the service each second."""
    begin = time.perf_counter()
    page = os.sysconf("SC_PAGE_SIZE") / 1e6
    while True:
        whole = sum(int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in pids) * page
        seen.memory.append((time.perf_counter() - begin, whole))
        await asyncio.sleep(1)


async def measure(address: str, store: ReleaseStore, pid: int, chosen: Any) -> Seen:
    """All of it."""
    market = next(path.name for path in store.root.iterdir() if path.is_dir())
    service, seen = Service(Connections(address), market), Seen()
    for release in store.list(market):
        serving = store.champion(market)
        if serving != release.id:
            store.promote(market, release.id, serving, Decision("promoted", ()))
        await service.until(release.id)
    most = await capacity(service, chosen.capacity_seconds)
    rate = most * chosen.share
    print(f"capacity {most:.1f} requests a second of the mix, load {rate:.1f}", flush=True)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    beside = [
        asyncio.create_task(promote(store, service, seen, chosen.promote_every)),
        asyncio.create_task(weigh([pid, *map(int, children)], seen)),
    ]
    await load(service, seen, rate, 60 * chosen.minutes)
    for task in beside:
        if task.done():
            task.result()
        task.cancel()
    return seen


def tell(seen: Seen, minutes: float) -> int:
    """Print what came of it; the exit code."""
    for size, seconds in sorted(seen.seconds.items()):
        p50, p99 = 1e3 * np.quantile(seconds, [0.5, 0.99])
        print(f"{size:6,} cars: {len(seconds):7,} requests, p50 {p50:7.1f} ms, p99 {p99:7.1f} ms")
    print(f"answers by release: {dict(seen.releases)}; sent more than 0.1 s late: {seen.late}")
    took = seen.promotions
    print(f"{len(took)} promotions followed, after {max(took, default=0):.1f} s at most")
    fifth = 60 * minutes / 5
    parts = [
        [whole for at, whole in seen.memory if fifth * n <= at < fifth * (n + 1)] for n in range(5)
    ]
    medians = [float(np.median(part)) for part in parts if part]
    peak = max(whole for _, whole in seen.memory)
    print(
        "memory by fifth of the time:",
        ", ".join(f"{each:.0f}" for each in medians),
        f"MB; at most {peak:.0f} MB",
    )
    print(f"failed or mixed answers: {sum(seen.faults.values())} {dict(seen.faults) or ''}")
    flat = medians[-1] <= FLAT * medians[1]
    return int(bool(seen.faults) or not flat or len(seen.releases) < 2)


def main() -> int:
    """Start a service, load it, tell; the exit code."""
    parser = argparse.ArgumentParser(description="Mixed load while the champion changes.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--promote-every", type=float, default=20.0, help="seconds")
    parser.add_argument("--share", type=float, default=0.7, help="of the capacity")
    parser.add_argument("--capacity-seconds", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--home", type=Path, help="with one market of two releases; it changes")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Home(chosen.home or Path(scratch))
        if chosen.home is None:
            with tarfile.open(SAMPLE) as archive:
                archive.extractall(home.releases, filter="data")
        process = subprocess.Popen(
            [sys.executable, "-m", "carprice_serving"],
            env={
                **os.environ,
                **{"CARPRICE_HOME": str(home.root), "CARPRICE_PORT": "0", "CARPRICE_RATE": "0"},
                **{"CARPRICE_WORKERS": str(chosen.workers), "PYTHONPATH": str(PROJECT)},
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            if found is None:
                raise SystemExit("the service does not start")
            printed: list[str] = []
            # Read on: a pipe that is full stops whoever prints.
            reading = threading.Thread(target=printed.extend, args=(process.stdout,), daemon=True)
            reading.start()
            store = ReleaseStore(home.releases)
            seen = asyncio.run(measure(found[0], store, process.pid, chosen))
        finally:
            process.terminate()
            process.wait()
        reading.join()
        process.stdout.close()
        if printed:
            seen.faults[f"the service printed {printed[0].strip()[:100]}"] = len(printed)
        return tell(seen, chosen.minutes)


if __name__ == "__main__":
    sys.exit(main())
