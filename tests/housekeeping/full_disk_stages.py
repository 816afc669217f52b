"""Every stage from import to promotion on a disk that gets full; run with the disk's folder.

Prints one JSON object: stage to what was told when it failed. Started by ``test_full_disk``, in a
namespace of its own where a small file system is mounted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.disk import full_disk
from carprice_assets.errors import UserError
from carprice_assets.features.registry import NAMES
from carprice_assets.features.training import encode, fit_transformer
from carprice_assets.files import content_id, folder_hashes
from carprice_assets.home import Home
from carprice_assets.housekeeping.backup import back_up
from carprice_assets.listings import cleaning, raw, split
from carprice_assets.listings.dataset import build, read_side
from carprice_assets.listings.retention import let_go
from carprice_assets.listings.upgrade import compact
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market
from carprice_assets.markets.market import SplitRules
from carprice_assets.regressors.training import Encoded, fit_regressor
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore

ROOMS = (0, 65_536, 524_288, 3_145_728, 8_388_608)
"""Bytes that are left free, until the stage ends well."""
MARKET = Market("small", "Small market", "USD", "mi", SplitRules("small-1"))
SMALL: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": 20},
    "catboost": {"iterations": 60, "depth": 4},
    "pytorch_network": {"members": 2, "width": 16, "epochs": 1, "least_steps": 1},
}
YES = Decision("promoted", ())


class Disk:
    """A small file system, and the ballast that fills it."""

    def __init__(self, mount: Path) -> None:
        self.ballast = mount / "ballast"
        self.mount = mount

    def fill(self, room: int) -> None:
        """Leave ``room`` bytes."""
        self.clear()
        free = os.statvfs(self.mount)
        with self.ballast.open("wb") as file:
            size = free.f_bavail * free.f_bsize - room
            while size > 0:
                size -= file.write(b"\0" * min(size, 1 << 20))

    def clear(self) -> None:
        """Free all again."""
        self.ballast.unlink(missing_ok=True)


class Stages:
    """The stages of one home, in order; each may be called again."""

    def __init__(self, home: Home, offers: Path) -> None:
        self.home, self.offers = home, offers
        self.warehouse = Warehouse.of(home)
        self.store = ArtifactStore(home.artifacts)
        self.releases = ReleaseStore(home.releases)
        self.made: dict[str, Any] = {}
        self.staged: list[str] = []

    def all(self) -> list[tuple[str, Callable[[], None]]]:
        """Name and work of each stage."""
        return [
            ("import", self.take_in),
            ("clean", self.clean),
            ("dataset", self.dataset),
            ("transformers", self.transformers),
            *((name, lambda name=name: self.regressor(name)) for name in SMALL),
            ("staging", self.stage),
            ("promotion", self.promote),
            ("backup", self.back_up),
            ("prune", self.prune),
            ("compact", self.compact),
        ]

    def take_in(self) -> None:
        with self.warehouse.connect("import") as con:
            raw.append(con, MARKET, "payload", self.offers)

    def clean(self) -> None:
        with self.warehouse.connect("cleaning") as con:
            cleaning.rebuild(con, MARKET)
            split.assign(con, MARKET)

    def dataset(self) -> None:
        def write(folder: Path) -> None:
            build(con, MARKET, folder)

        with self.warehouse.connect("dataset") as con:
            self.made["dataset"] = self.store.put(write)

    def transformers(self) -> None:
        dataset = self.made["dataset"]
        train = read_side(dataset.path, "train")
        states: dict[str, Any] = {}
        for name in NAMES:
            states[name] = fit_transformer(name, dataset, train, states, self.store).artifact
        encoding = encode(
            states, dataset, self.store, drop_outliers=False, progress=lambda line: None
        )
        self.made |= states | {"feature_set": encoding.artifact}

    def regressor(self, name: str) -> None:
        self.made[name] = fit_regressor(
            name,
            Encoded.open(self.made["feature_set"]),
            self.store,
            seed=7,
            trials=0,
            progress=lambda line: None,
            parameters=SMALL[name],
            coverage=0.9,
            thread_count=1,
        ).artifact

    def stage(self) -> None:
        for number in range(2):

            def write(folder: Path, number: int = number) -> None:
                head = {
                    **{"format": 1, "market": "small", "currency": "USD", "distance": "mi"},
                    **{"champion": "catboost", "regressors": ["catboost"]},
                    "data": {"last_observed": "2026-01-01", "number": number},
                }
                (folder / "release.json").write_text(json.dumps(head))
                form = self.made["catboost"].path / "serving"
                for file in form.rglob("*"):
                    if file.is_file():
                        (folder / file.name).write_bytes(file.read_bytes())

            release = self.releases.stage("small", write, {}, {"page.md": b"x" * 100_000})
            if release.id not in self.staged:
                self.staged.append(release.id)

    def promote(self) -> None:
        for release in self.staged:
            if (now := self.releases.champion("small")) != release:
                self.releases.promote("small", release, now, YES)

    def back_up(self) -> None:
        back_up(self.home, self.home.root.parent / "backup")

    def prune(self) -> None:
        with self.warehouse.connect("prune") as con:
            let_go(con, MARKET, 1)

    def compact(self) -> None:
        compact(self.warehouse)

    def whole(self) -> None:
        """Nothing is half there, whatever failed."""
        if self.home.warehouse.exists():
            with self.warehouse.connect("a look") as con:
                accounts = cleaning.accounts(con, MARKET)
                assert accounts["raw"] in (0, raw.count_rows(con, "small"))
                for market in ("small",):
                    assert con.execute(
                        "SELECT count(*) FROM listings WHERE market = $m", {"m": market}
                    ).fetchall()[0][0] in (0, accounts["listings"])
        for folder in self.home.artifacts.glob("[0-9a-f][0-9a-f]/*"):
            assert content_id(folder_hashes(folder)) == folder.name
        for release in self.releases.list("small"):
            assert self.releases.verify(release) == []
        serving = self.releases.champion("small")
        assert serving is None or serving in {r.id for r in self.releases.list("small")}
        backup = self.home.root.parent / "backup"
        assert not backup.exists() or (backup / "backup.json").exists()

    def result(self) -> dict[str, Any]:
        """What came of it, to be compared."""
        with self.warehouse.connect("a look") as con:
            tables = {
                name: con.execute(
                    f"SELECT count(*), bit_xor(md5_number(t::VARCHAR))::VARCHAR FROM {name} AS t"
                ).fetchall()
                for name in ("raw_listings", "past_listings", "listings", "vehicles")
            }
        made = {name: artifact.address for name, artifact in self.made.items()}
        ledger = [
            (line["event"], line["sequence"], line["release"])
            for line in self.releases.ledger("small")
        ]
        return {"tables": tables, "made": made, "staged": self.staged, "ledger": ledger}


def main(mount: Path, offers: Path, elsewhere: Path) -> None:
    """Run all stages on the small disk and, for comparison, elsewhere without a fault."""
    os.environ["TMPDIR"] = str(mount / "tmp")
    (mount / "tmp").mkdir()
    disk = Disk(mount)
    plain = Stages(Home(elsewhere / "home"), offers)
    tried = Stages(Home(mount / "home"), offers)
    told: dict[str, list[str]] = {}
    for (name, work), (_, undisturbed) in zip(tried.all(), plain.all(), strict=True):
        undisturbed()
        told[name] = []
        for room in (*ROOMS, None):
            if room is None:
                disk.clear()
            else:
                disk.fill(room)
            try:
                work()
            except Exception as error:
                if not full_disk(error):
                    raise
                line = str(error) if isinstance(error, UserError) else full_disk(error)
                told[name].append(line)
                disk.clear()
                tried.whole()
            else:
                break
        else:
            raise AssertionError(f"{name} failed with all the room there is: {told[name][-1]}")
        disk.clear()
        tried.whole()
    assert tried.result() == plain.result()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
