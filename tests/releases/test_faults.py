"""Every operation of the store's port: the process gone before and after it, the disk failing at
it, and the power cut after any prefix. The store is whole afterwards and the next call goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
import shutil
from collections.abc import Hashable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from disk_model import Cut, DiskModel, cuts, lost, whole, write_out
from fault_scenarios import MARKET, RELEASES, SCENARIOS, Scenario, copy, ids, prepare, store_at
from faulty_port import ERRORS, FaultyPort, Stopped

from carprice_assets.bargains.published import present
from carprice_assets.errors import UserError
from carprice_assets.releases.ledger import TORN, UNREADABLE, read_lines
from carprice_assets.releases.shadow import read_shadow
from carprice_assets.releases.store import ReleaseStore


def fingerprint(entries: Iterable[tuple[str, Hashable, bytes | None]]) -> str:
    """Equal for disks that differ in names drawn by chance alone."""
    digest, known = hashlib.sha256(), dict[Hashable, int]()
    drawn = re.compile(r"(?<=[.]tmp/)[0-9a-f]{32}|(?<=[.]json[.])[0-9a-f]{32}")
    named = [(drawn.sub("x", name), node, data) for name, node, data in entries]
    for name, node, data in sorted(named, key=itemgetter(0)):
        digest.update(f"{name}\n{known.setdefault(node, len(known))}\n".encode())
        digest.update(b"" if data is None or name.endswith((".lock", ".pack")) else data)
    return digest.hexdigest()


def on_disk(disk: Path) -> Iterator[tuple[str, int, bytes | None]]:
    """The entries of a real disk."""
    for path in disk.rglob("*"):
        data = path.read_bytes() if path.is_file() else None
        yield str(path.relative_to(disk)), path.stat().st_ino, data


def listed(store: ReleaseStore) -> int | None:
    """Number of the present list of bargains, its bytes checked."""
    found = present(store.root, MARKET)
    return None if found is None else int(found.content["offers"])


class Trial:
    """One scenario with a template of its disk and the state before."""

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        self.folder, self.scenario = folder, scenario
        self.template = folder / "template"
        self.template.mkdir()
        prepare(self.template, scenario)
        self._number = itertools.count()
        self.checked: set[tuple[bool, str]] = set()
        self.ids = ids(self.template)
        store = store_at(self.template)
        self.before = {release.id for release in store.list(MARKET)}
        self.champion = store.champion(MARKET)
        self.lines = self.promised = store.ledger(MARKET)
        after = scenario.champion
        self.champion_after = self.champion if after is None else self.ids[after]
        self.releases_after = self.before | {self.ids[n] for n in scenario.comes}
        self.releases_after -= {self.ids[n] for n in scenario.goes}
        kinds = (scenario.shadowed, scenario.shadow)
        self.lists = (scenario.listed, scenario.listed if scenario.list is None else scenario.list)
        self.shadows = [None if n is None else self.ids[n] for n in kinds]

    def disk(self) -> Path:
        """A fresh disk."""
        disk = self.folder / str(next(self._number))
        copy(self.template, disk)
        return disk

    def run(self, disk: Path, port: FaultyPort) -> bool:
        """Whether the operation returned, so that its promise holds."""
        try:
            self.scenario.act(store_at(disk, port), disk)
        except Stopped:
            return False
        except OSError as error:
            if error.errno == ERRORS[port.fault]:
                return False
            raise
        return True

    def check(self, disk: Path, returned: bool) -> None:
        """Whole now, and after the next call. A state that was checked before is not again."""
        if self.new(returned, on_disk(disk)):
            self._check(disk, returned)
        shutil.rmtree(disk)

    def cut(self, model: DiskModel, kind: Cut, returned: bool) -> None:
        """Check what the disk of ``model`` holds after a power cut of that kind."""
        entries = model.lasting(*kind)
        if self.new(returned, entries):
            disk = self.folder / str(next(self._number))
            write_out(entries, disk)
            self._check(disk, returned)
            shutil.rmtree(disk)

    def new(self, returned: bool, entries: Iterable[tuple[str, Hashable, bytes | None]]) -> bool:
        """Whether no such state was checked before."""
        state = (returned, fingerprint(entries))
        known = state in self.checked
        self.checked.add(state)
        return not known

    def _check(self, disk: Path, returned: bool) -> None:
        store, market = store_at(disk), disk / RELEASES / MARKET
        self.look(store)
        if returned:
            self.done(store)
        elif store.champion(MARKET) == self.champion:
            self.scenario.act(store, disk)
            assert not list(market.glob("bargains/.*"))
        store.record(MARKET, {"event": "refused", "release": "the next"})
        store.folder(MARKET).sweep()
        self.look(store)
        self.done(store)
        assert not list((market / ".tmp").glob("*"))
        assert not list(market.glob(".*.json.*"))
        written = [line["event"] for line in read_lines(market / "ledger.jsonl")]
        assert TORN not in written
        assert UNREADABLE not in written
        assert read_lines(market / "ledger.jsonl") == store.ledger(MARKET)

    def look(self, store: ReleaseStore) -> None:
        """What holds at any moment."""
        releases = store.list(MARKET)
        assert [problem for each in releases for problem in store.verify(each)] == []
        there = {release.id for release in releases}
        assert self.before & self.releases_after <= there
        assert there <= self.before | self.releases_after
        champion = store.champion(MARKET)
        assert champion in (self.champion, self.champion_after)
        assert champion is None or champion in there
        assert read_shadow(store.root, MARKET) in self.shadows
        assert listed(store) in self.lists
        lines = store.ledger(MARKET)
        assert lines[: len(self.promised)] == self.promised
        pruned = {line["release"] for line in lines if line["event"] == "pruned"}
        assert self.before - there <= pruned
        moves = [line for line in lines if "sequence" in line]
        assert [line["sequence"] for line in moves] == list(range(1, len(moves) + 1))
        serving = None
        for line in moves:
            assert line["replaced"] == serving
            serving = line["release"]
        assert champion == serving

    def done(self, store: ReleaseStore) -> None:
        """What holds once the operation has returned."""
        assert {release.id for release in store.list(MARKET)} == self.releases_after
        assert store.champion(MARKET) == self.champion_after
        assert read_shadow(store.root, MARKET) == self.shadows[1]
        assert listed(store) == self.lists[1]
        events = [line["event"] for line in store.ledger(MARKET)[len(self.lines) :]]
        assert set(self.scenario.events) <= set(events), events


@pytest.fixture(params=SCENARIOS)
def trial(request: Any, tmp_path: Path) -> Trial:
    return Trial(tmp_path, SCENARIOS[request.param])


def operations(trial: Trial) -> list[str]:
    """What the operation does when nothing goes wrong."""
    disk, port = trial.disk(), FaultyPort()
    assert trial.run(disk, port)
    trial.check(disk, True)
    return port.operations


def test_the_process_is_gone_at_any_operation(trial: Trial) -> None:
    for number, name in enumerate(operations(trial)):
        for fault in ("before", "after", *(["half"] if name.startswith("write") else [])):
            disk = trial.disk()
            assert not trial.run(disk, FaultyPort(fault=fault, at=number)), (fault, name)
            trial.check(disk, False)


@pytest.mark.parametrize("error", ERRORS)
def test_the_disk_fails_at_any_operation(trial: Trial, error: str) -> None:
    failed = 0
    for number, name in enumerate(operations(trial)):
        disk, port = trial.disk(), FaultyPort(fault=error, at=number)
        returned = trial.run(disk, port)
        assert port.met, name
        failed += not returned
        trial.check(disk, returned)
    assert failed
    assert len(trial.checked) > 2


def prefixes(trial: Trial, faults: tuple[str, ...]) -> Iterator[tuple[DiskModel, bool]]:
    """The model of the disk after each prefix of the operation, and whether it returned."""
    count = len(operations(trial))
    for fault, number in itertools.product(faults, range(count + 1)):
        disk = trial.disk()
        model = DiskModel(disk)
        returned = trial.run(disk, FaultyPort(model, fault, number))
        yield model, returned
        shutil.rmtree(disk)


def cut_and_check(trial: Trial, faults: tuple[str, ...], rounds: int) -> None:
    for number, (model, returned) in enumerate(prefixes(trial, faults)):
        for kind in cuts(rounds, number).values():
            trial.cut(model, kind, returned)


def test_the_power_is_cut_after_any_prefix(trial: Trial) -> None:
    cut_and_check(trial, ("before",), rounds=1)


@pytest.mark.long
def test_the_power_is_cut_after_any_prefix_and_failure(trial: Trial) -> None:
    cut_and_check(trial, ("before", "half", *ERRORS), rounds=12)


@pytest.mark.parametrize("name", ["stage the first", "promote another", "roll back"])
def test_the_power_is_cut_after_a_failure_and_the_next_call(name: str, tmp_path: Path) -> None:
    """What failed to last when it was written lasts once the next call has built on it."""
    trial = Trial(tmp_path, SCENARIOS[name])
    for number in range(len(operations(trial))):
        disk = trial.disk()
        port = FaultyPort(DiskModel(disk), "I/O error", number)
        trial.run(disk, port)
        store = store_at(disk, port)
        store.record(MARKET, {"event": "refused", "release": "between"})
        done = store.champion(MARKET) == trial.champion_after != trial.champion
        for kind in cuts(1, number).values():
            assert port.model is not None
            trial.promised = store.ledger(MARKET)
            trial.cut(port.model, kind, done)
        shutil.rmtree(disk)


def test_the_power_is_cut_within_the_call_after_a_failure(tmp_path: Path) -> None:
    """Above all where the pointer moved, but could not be synced: its line must not outlast it."""
    trial = Trial(tmp_path, SCENARIOS["promote another"])
    for number, name in enumerate(operations(trial)):
        if not name.startswith(("fsync", "rename")):
            continue
        for stop in range(8):
            disk = trial.disk()
            model = DiskModel(disk)
            trial.run(disk, FaultyPort(model, "I/O error", number))
            with contextlib.suppress(Stopped):
                store_at(disk, FaultyPort(model, "before", stop)).record(MARKET, {"event": "odd"})
            for kind in cuts(0, 0).values():
                trial.cut(model, kind, False)
            shutil.rmtree(disk)


def test_the_model_keeps_step_with_the_disk(trial: Trial) -> None:
    """All operations lasting, the model gives the very disk; otherwise it would prove nothing."""
    disk = trial.disk()
    model = DiskModel(disk)
    assert trial.run(disk, FaultyPort(model))
    write_out(model.lasting(lambda: True, whole), trial.folder / "written")

    def seen(root: Path) -> dict[str, bytes]:
        files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in files if p.name != ".lock"}

    assert seen(trial.folder / "written") == seen(disk)


def test_a_store_that_does_not_sync_is_found_out(tmp_path: Path) -> None:
    """The harness sees a pointer that was never synced: break what it is there to find."""

    class Forgetful(FaultyPort):
        def fsync(self, descriptor: int) -> None:
            del descriptor

    trial = Trial(tmp_path, SCENARIOS["promote another"])
    disk = trial.disk()
    model = DiskModel(disk)
    assert trial.run(disk, Forgetful(model))
    with pytest.raises(UserError, match=r"champion\.json is broken"):
        trial.cut(model, (lambda: True, lost), True)
