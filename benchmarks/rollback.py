"""How long a rollback takes, and until a running service answers from where it led.

Two variants of the kept sample release, and the same with 200 MB of arrays more, since a rollback
verifies every byte of what it leads to.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from carprice_assets.home import PROJECT, Home
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore

MARKET, ROUNDS = "sample", 10
SAMPLE = PROJECT / "tests" / "samples" / "releases" / "format-1.tar.gz"


def more(store: ReleaseStore, megabytes: int) -> list[str]:
    """Two releases with that much more content than the sample, the second promoted."""
    old = store.list(MARKET)[0]
    ids: list[str] = []
    for seed in range(2):

        def build(folder: Path, seed: int = seed) -> None:
            shutil.copytree(old.content, folder, dirs_exist_ok=True)
            rng = np.random.default_rng(seed)
            for part in range(4):
                array = rng.integers(0, 256, megabytes * 250_000, dtype=np.uint8)
                np.save(folder / f"more_{part}.npy", array)

        ids.append(store.stage(MARKET, build, {"seed": seed}).id)
        store.promote(MARKET, ids[-1], store.champion(MARKET), Decision("promoted", ()))
    return ids


def serving(address: str) -> str:
    """The release that the service answers from."""
    with urllib.request.urlopen(f"{address}/ready", timeout=60) as answer:
        return str(json.load(answer)["markets"][0]["release"])


def measure(home: Path, store: ReleaseStore, ids: list[str], label: str) -> None:
    environment = {**os.environ, "CARPRICE_HOME": str(home), "CARPRICE_PORT": "0"}
    words = [sys.executable, "-m", "carprice_serving"]
    with subprocess.Popen(
        words, env=environment | {"PYTHONPATH": str(PROJECT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            while serving(found[0]) != store.champion(MARKET):
                time.sleep(0.05)
            moved: list[float] = []
            followed: list[float] = []
            for turn in range(ROUNDS):
                target = ids[turn % 2]
                begin = time.monotonic()
                store.rollback(MARKET, target, "measured")
                moved.append(time.monotonic() - begin)
                while serving(found[0]) != target:
                    time.sleep(0.01)
                followed.append(time.monotonic() - begin)
        finally:
            process.terminate()
    for what, times in (("rollback", moved), ("until the service answers from it", followed)):
        print(
            f"{label}: {what}: median {statistics.median(times):.3f} s,"
            f" slowest of {ROUNDS} {max(times):.3f} s"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        with tarfile.open(SAMPLE) as archive:
            archive.extractall(home.releases, filter="data")
        store = ReleaseStore(home.releases)
        ids = [release.id for release in store.list(MARKET)]
        size = store.list(MARKET)[0].manifest().size / 1e6
        measure(home.root, store, ids, f"{size:.1f} MB")
        measure(home.root, store, more(store, 200), f"{size + 200:.0f} MB")


if __name__ == "__main__":
    main()
