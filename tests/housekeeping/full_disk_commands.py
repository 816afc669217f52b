"""``carprice import`` and ``train`` on a disk that gets full; run with the disk's folder.

Prints one JSON object: command to what it told when it failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from full_disk_stages import Disk
from tests_support import add_market

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore

ROOMS = (0, 4_194_304, 5_242_880, 8_388_608, 16_777_216)
RULES = "is stopped by the check promotion_rules"
"""What a training may come to: whether so small a market passes is another test's matter."""
CARPRICE = [sys.executable, "-c", "from carprice_assets.cli import command; command()"]


def main(mount: Path, offers: Path) -> None:
    """Give each command with more and more room until it ends well."""
    home = Home(mount / "home")
    add_market(home, "small")
    environment = {
        **os.environ,
        "CARPRICE_HOME": str(home.root),
        "DAGSTER_HOME": str(home.dagster),
        "TMPDIR": str(mount / "tmp"),
    }
    (mount / "tmp").mkdir()
    disk = Disk(mount)
    commands = {
        "import": ["import", str(offers), "--market", "small", "--format", "payload"],
        "train": ["train", "--market", "small", "--regressors", "random_forest"],
    }
    told: dict[str, list[str]] = {}
    for name, words in commands.items():
        told[name] = []
        for room in (*ROOMS, None):
            if room is None:
                disk.clear()
            else:
                disk.fill(room)
            done = subprocess.run(
                [*CARPRICE, *words], capture_output=True, text=True, env=environment
            )
            lines = done.stderr.strip().splitlines()
            if done.returncode == 0 or RULES in lines[-1]:
                break
            assert done.returncode == 2, f"{name}, {room}: {done.returncode}: {done.stderr}"
            assert lines[-1].startswith("carprice: "), f"{name}, {room}: {done.stderr}"
            assert "Traceback" not in done.stderr, f"{name}, {room}: {done.stderr}"
            told[name].append(lines[-1])
        else:
            raise AssertionError(f"{name} failed with all the room there is: {done.stderr}")
        disk.clear()
    store = ReleaseStore(home.releases)
    assert store.list("small")
    for release in store.list("small"):
        assert store.verify(release) == []
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
