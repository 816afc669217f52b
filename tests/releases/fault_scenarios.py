"""What the fault harness does to a store: each change that the store knows, on a small one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import release_kit
from faulty_port import FaultyPort

from carprice_assets.bargains.published import NEEDED, publish
from carprice_assets.releases.pack import pack
from carprice_assets.releases.port import Port
from carprice_assets.releases.prune import prune
from carprice_assets.releases.shadow import end_shadow, read_shadow, set_shadow
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.unpack import unpack

MARKET = "us"
RELEASES = "releases"
Act = Callable[[ReleaseStore, Path], object]


def store_at(disk: Path, port: Port | None = None) -> ReleaseStore:
    """The store on ``disk``; without a port on one that never waits for the real disk."""
    return ReleaseStore(disk / RELEASES, lambda: release_kit.MOMENT, port or FaultyPort())


def content(number: int) -> Callable[[Path], None]:
    """Content of which one file is the same for every number."""

    def build(folder: Path) -> None:
        head = {
            "format": 1,
            "market": MARKET,
            "currency": "USD",
            "distance": "mi",
            "champion": "catboost",
            "regressors": ["catboost"],
            "data": {"last_observed": "2023-12-31", "number": number},
        }
        (folder / "release.json").write_bytes(json.dumps(head).encode())
        (folder / "features").mkdir()
        np.save(folder / "features" / "shared.npy", np.arange(1000))
        np.save(folder / "own.npy", np.arange(3) + number)

    return build


def stage(store: ReleaseStore, number: int) -> str:
    store = replace(store, clock=lambda: release_kit.MOMENT + timedelta(hours=number))
    return store.stage(MARKET, content(number), {"run": number}, {"a/page.md": b"text"}).id


@dataclass(frozen=True)
class Scenario:
    """An operation, and what may be otherwise after it.

    Attributes
    ----------
    releases
        How many are staged before, of which ``promoted`` are promoted in turn.
    act
        The operation; it gets the store and the folder with the pack.
    champion
        Number of the release that serves afterwards; None for the one before.
    comes, goes
        Numbers of the releases that the operation adds and removes.
    events
        What the operation adds to the ledger.
    shadowed, shadow
        Number of the shadow before and afterwards; None where there is none.
    listed, list
        Number of the list of bargains before and afterwards; None where there is none.
    """

    releases: int
    promoted: int
    act: Act
    champion: int | None = None
    comes: tuple[int, ...] = ()
    goes: tuple[int, ...] = ()
    events: tuple[str, ...] = ()
    shadowed: int | None = None
    shadow: int | None = None
    listed: int | None = None
    list: int | None = None


def ids(disk: Path) -> dict[int, str]:
    """Number to id of the releases that scenarios use."""
    return {int(k): v for k, v in json.loads((disk / "ids.json").read_bytes()).items()}


def _promote(number: int, over: int | None) -> Act:
    def act(store: ReleaseStore, disk: Path) -> None:
        known = ids(disk)
        expected = None if over is None else known[over]
        store.promote(MARKET, known[number], expected, release_kit.YES)

    return act


def _conflict(store: ReleaseStore, disk: Path) -> None:
    try:
        _promote(2, None)(store, disk)
    except release_kit.Conflict:
        return


def _refused(store: ReleaseStore, _: Path) -> None:
    store.record(MARKET, {"event": "refused", "release": "x"})


def _shadow(number: int) -> Act:
    return lambda store, disk: set_shadow(store, MARKET, ids(disk)[number])


def _no_shadow(store: ReleaseStore, _: Path) -> None:
    if read_shadow(store.root, MARKET):
        end_shadow(store, MARKET)


def _publish(number: int) -> Act:
    def act(store: ReleaseStore, _: Path) -> None:
        table = dict.fromkeys(NEEDED, "")
        publish(store, MARKET, {**table, "day": f"2026-01-0{number}", "offers": number})

    return act


SCENARIOS: dict[str, Scenario] = {
    "stage the first": Scenario(0, 0, lambda store, _: stage(store, 9), comes=(9,)),
    "stage another": Scenario(2, 1, lambda store, _: stage(store, 9), comes=(9,)),
    "stage the same": Scenario(2, 1, lambda store, _: stage(store, 1)),
    "promote the first": Scenario(2, 0, _promote(1, None), champion=1, events=("promoted",)),
    "promote another": Scenario(3, 1, _promote(1, 0), champion=1, events=("promoted",)),
    "lose": Scenario(3, 1, _conflict, events=("conflict",)),
    "roll back": Scenario(
        3,
        3,
        lambda store, _: store.rollback(MARKET, None, "prices too high"),
        champion=1,
        events=("rolled_back",),
    ),
    "record the first": Scenario(1, 0, _refused, events=("refused",)),
    "record another": Scenario(1, 1, _refused, events=("refused",)),
    "prune": Scenario(
        4,
        4,
        lambda store, _: prune(store, MARKET, 1),
        goes=(0, 1),
        events=("pruned", "pruned"),
    ),
    "unpack": Scenario(
        2,
        1,
        lambda store, disk: unpack(store, MARKET, disk / "9.pack"),
        comes=(9,),
        events=("unpacked",),
    ),
    "shadow the first": Scenario(2, 1, _shadow(1), events=("shadowed",), shadow=1),
    "shadow another": Scenario(3, 1, _shadow(2), events=("shadowed",), shadowed=1, shadow=2),
    "end a shadow": Scenario(2, 1, _no_shadow, events=("unshadowed",), shadowed=1),
    "publish the first list": Scenario(1, 1, _publish(1), list=1),
    "publish another list": Scenario(1, 1, _publish(2), listed=1, list=2),
}


def prepare(disk: Path, scenario: Scenario) -> None:
    """The disk as it is before the operation of ``scenario``."""
    elsewhere = store_at(disk / "elsewhere")
    known = {number: stage(elsewhere, number) for number in (*range(4), 9)}
    pack(elsewhere, elsewhere.open(MARKET, known[9]), disk / "9.pack")
    shutil.rmtree(disk / "elsewhere")
    (disk / "ids.json").write_text(json.dumps(known))
    store = store_at(disk)
    for number in range(scenario.releases):
        assert stage(store, number) == known[number]
    for number in range(scenario.promoted):
        _promote(number, number - 1 if number else None)(store, disk)
    if scenario.shadowed is not None:
        _shadow(scenario.shadowed)(store, disk)
    if scenario.listed is not None:
        _publish(scenario.listed)(store, disk)


def copy(source: Path, target: Path) -> None:
    """A copy of a disk. What is written once is a second name of the same file, which is quick."""
    for folder, names, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir()
        for name in files:
            place = shutil.copyfile if name in ("ledger.jsonl", ".lock") else os.link
            place(Path(folder, name), here / name)
        names.sort()
