"""A service that runs as a process of its own follows the champion of a real release store."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carprice_assets.home import PROJECT, Home
from carprice_assets.releases.hold import unused
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore

MARKET = "sample"
SAMPLE = PROJECT / "tests" / "samples" / "releases" / "format-1.tar.gz"
CAR = {"make": "Honda", "model": "Civic", "year": 2020, "mileage": 30_000}


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    """Two releases of a small market, of which the second serves."""
    with tarfile.open(SAMPLE) as archive:
        archive.extractall(Home(tmp_path).releases, filter="data")
    return ReleaseStore(Home(tmp_path).releases)


@pytest.fixture
def address(store: ReleaseStore, tmp_path: Path) -> Iterator[str]:
    """Where a service over the store answers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CARPRICE_")}
    settings = {"CARPRICE_HOME": str(tmp_path), "CARPRICE_PORT": "0", "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "carprice_serving"],
        env=kept | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = re.fullmatch(r"carprice serves on (http://\S+)\n", process.stdout.readline())
        assert found
        yield found[1]
    finally:
        process.kill()
        process.communicate()


def ask(address: str) -> dict[str, Any]:
    """What the service says of one car of the market."""
    request = urllib.request.Request(
        f"{address}/api/v1/{MARKET}/valuations",
        data=json.dumps({"cars": [CAR]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return {"status": error.code}


def wait_for(address: str, release: str) -> None:
    """Until the answers come from ``release``; each one meanwhile is from one release whole."""
    deadline = time.monotonic() + 120
    while release not in json.dumps(ask(address)):
        assert time.monotonic() < deadline, ask(address)
        time.sleep(0.02)


def test_a_running_service_follows_and_holds_what_it_has_loaded(
    store: ReleaseStore, address: str
) -> None:
    first, second = (release.id for release in store.list(MARKET))
    wait_for(address, second)
    assert store.rollback(MARKET, None, "prices too high") == first
    wait_for(address, first)
    store.promote(MARKET, second, first, Decision("promoted", ()))
    wait_for(address, second)
    with unused(store.open(MARKET, second)) as free:
        assert not free
