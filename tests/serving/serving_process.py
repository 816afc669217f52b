"""The service as a process over the kept sample of a release store."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from carprice_assets.home import PROJECT, Home
from carprice_assets.releases.store import ReleaseStore

MARKET = "sample"
SAMPLE = PROJECT / "tests" / "samples" / "releases" / "format-1.tar.gz"
CAR = {"make": "Honda", "model": "Civic", "year": 2020, "mileage": 30_000}
MODULE = ("-m", "carprice_serving")
WAIT_SECONDS = 120.0


def sample_store(home: Path) -> ReleaseStore:
    """Two releases of a small market below ``home``, of which the second serves."""
    with tarfile.open(SAMPLE) as archive:
        archive.extractall(Home(home).releases, filter="data")
    return ReleaseStore(Home(home).releases)


class Running:
    """A service that runs, and what may be asked of it."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, address

    def post(self, cars: Sequence[Any] = (CAR,)) -> list[dict[str, Any]]:
        """The valuations of cars of the market."""
        request = urllib.request.Request(
            f"{self.address}/api/v1/{MARKET}/valuations",
            data=json.dumps({"cars": list(cars)}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["valuations"]

    def answer(self) -> tuple[str, float, float, float]:
        """Release, price and range of one car."""
        (found,) = self.post()
        return (
            found["provenance"]["release"],
            *(found[name] for name in ("price", "low", "high")),
        )

    def get(self, path: str) -> str:
        """The text at an address, whatever its status."""
        try:
            with urllib.request.urlopen(f"{self.address}{path}", timeout=60) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    def market(self) -> dict[str, Any]:
        """What ``/ready`` says of the market."""
        (found,) = json.loads(self.get("/ready"))["markets"]
        return found

    def figure(self, line: str) -> float:
        """A figure of ``/metrics``; 0 where there is none yet."""
        found = [each for each in self.get("/metrics").splitlines() if each.startswith(line + " ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The process sees nothing of what happens meanwhile."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


def wait_for(true: Callable[[], Any]) -> None:
    """Until ``true`` gives something true."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def service(
    home: Path, words: Sequence[Any] = (sys.executable, *MODULE), **more: str
) -> Iterator[Running]:
    """A service over ``home`` on a free port; ``more`` are variables of its environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CARPRICE_")}
    own = {"CARPRICE_HOME": str(home), "CARPRICE_PORT": "0", "PYTHONPATH": str(PROJECT)}
    own["TMPDIR"] = str(home)  # a supervisor that is killed leaves its board
    process = subprocess.Popen(
        [*map(str, words)],
        env=kept | own | {"CARPRICE_POLL_SECONDS": "0.05", "CARPRICE_RETRY_SECONDS": "0.2"} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = re.fullmatch(r"carprice serves on (http://\S+)\n", process.stdout.readline())
        assert found, "it did not start"
        yield Running(process, found[1])
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
