"""Pruning: what goes, what never goes, and what equal files cost."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
from fault_scenarios import MARKET, content

from carprice_assets.errors import UserError
from carprice_assets.releases.hold import hold, unused
from carprice_assets.releases.prune import plan, prune
from carprice_assets.releases.shadow import end_shadow, set_shadow
from carprice_assets.releases.sharing import Size, size_on_disk
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer

Ids = list[str]
HOLD = """
import sys
from pathlib import Path
from carprice_assets.releases.hold import hold
from carprice_assets.releases.store import ReleaseStore
held = hold(ReleaseStore(Path(sys.argv[1])).open("us", sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases")


@pytest.fixture
def ids(store: ReleaseStore, kit: ModuleType) -> Ids:
    """Six releases of which the fourth serves, the third is its predecessor."""
    staged: Ids = []
    for n in range(6):
        at = kit.MOMENT + timedelta(hours=n)
        staged.append(replace(store, clock=lambda at=at: at).stage(MARKET, content(n), {}).id)
    for before, after in zip([None, *staged[:3]], staged[:4]):
        store.promote(MARKET, after, before, kit.YES)
    return staged


def there(store: ReleaseStore) -> Ids:
    return [release.id for release in store.list(MARKET)]


def test_the_newest_the_champion_and_its_predecessor_stay(store: ReleaseStore, ids: Ids) -> None:
    planned = plan(store, MARKET, 1)
    assert [verdict.line.split("  ")[1] for verdict in planned] == [
        "kept: among the newest 1",
        "goes",
        "kept: the champion",
        "kept: the champion's predecessor",
        "goes",
        "goes",
    ]
    assert there(store) == ids
    assert prune(store, MARKET, 1) == planned
    assert there(store) == [ids[2], ids[3], ids[5]]
    lines = [line for line in store.ledger(MARKET) if line["event"] == "pruned"]
    assert [line["release"] for line in lines] == [ids[4], ids[1], ids[0]]
    assert all(store.verify(release) == [] for release in store.list(MARKET))
    assert store.rollback(MARKET, None, "back") == ids[2]
    assert [verdict.reason != "" for verdict in prune(store, MARKET, 9)] == [True] * 3


def test_nothing_kept_but_what_serves(store: ReleaseStore, ids: Ids) -> None:
    prune(store, MARKET, 0)
    assert there(store) == [ids[2], ids[3]]
    with pytest.raises(UserError, match="cannot keep -1"):
        prune(store, MARKET, -1)


def test_a_rollback_to_a_pruned_release_is_refused(store: ReleaseStore, ids: Ids) -> None:
    prune(store, MARKET, 0)
    store.rollback(MARKET, None, "first")
    with pytest.raises(UserError, match=f"has no release {ids[1]}"):
        store.rollback(MARKET, None, "second")
    assert store.champion(MARKET) == ids[2]


def test_what_waits_for_approval_stays(store: ReleaseStore, ids: Ids) -> None:
    store.record(MARKET, {"event": "waiting", "release": ids[0]})
    store.record(MARKET, {"event": "waiting", "release": ids[1]})
    store.record(MARKET, {"event": "expired", "release": ids[1]})
    prune(store, MARKET, 0)
    assert there(store) == [ids[0], ids[2], ids[3]]


def test_the_shadow_stays(store: ReleaseStore, ids: Ids) -> None:
    set_shadow(store, MARKET, ids[0])
    reasons = {verdict.release.id: verdict.reason for verdict in prune(store, MARKET, 0)}
    assert reasons[ids[0]] == "the shadow"
    assert there(store) == [ids[0], *ids[2:4]]
    end_shadow(store, MARKET)
    prune(store, MARKET, 0)
    assert there(store) == ids[2:4]
    (store.root / MARKET / "shadow.json").write_text("{")
    with pytest.raises(UserError, match=r"shadow\.json"):
        prune(store, MARKET, 0)


def test_a_damaged_release_stays_for_a_look(store: ReleaseStore, ids: Ids, kit: ModuleType) -> None:
    (store.root / MARKET / ids[0] / "content" / "own.npy").unlink()
    (store.root / MARKET / ids[1] / "manifest.json").write_bytes(b"{")
    serving = store.champion(MARKET)
    for after in (ids[5], ids[4]):  # so that two others may go, and their neighbour serves
        store.promote(MARKET, after, serving, kit.YES)
        serving = after
    own = store.root / MARKET / ids[2] / "content" / "own.npy"
    own.write_bytes(own.read_bytes()[:-1] + b"x")
    found = {verdict.release.id: verdict.reason for verdict in prune(store, MARKET, 2)}
    assert [found[ids[n]] for n in range(3)] == ["damaged, see carprice releases verify"] * 3
    assert found[ids[3]] == ""


def test_what_another_process_has_loaded_stays_until_it_is_gone(
    store: ReleaseStore, ids: Ids
) -> None:
    words = [sys.executable, "-c", HOLD, str(store.root), ids[0]]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        found = {verdict.release.id: verdict.reason for verdict in prune(store, MARKET, 0)}
        assert found[ids[0]] == "in use"
        assert ids[0] in there(store)
        process.kill()
        process.wait()
    prune(store, MARKET, 0)
    assert there(store) == [ids[2], ids[3]]


def test_a_loaded_valuer_holds_its_release(tmp_path: Path, kit: ModuleType) -> None:
    store = ReleaseStore(tmp_path / "releases")
    release = store.stage("us", kit.builder(tmp_path), {})
    valuers = [Valuer.load(release.path, parts=kit.PARTS) for _ in range(2)]
    while valuers:
        with unused(release) as free:
            assert not free
        valuers.pop()
        gc.collect()
    with unused(release) as free:
        assert free
        with pytest.raises(UserError, match="is being pruned"):
            Valuer.load(release.path, parts=kit.PARTS)
    assert prune(store, "us", 0)[0].reason == ""
    assert store.list("us") == []


def test_a_release_that_cannot_be_locked_is_loaded_all_the_same(
    store: ReleaseStore, ids: Ids
) -> None:
    release = store.open(MARKET, ids[0])
    (release.path / "manifest.json").unlink()
    assert hold(release) is None


def test_equal_files_are_one_file_and_counted_so(store: ReleaseStore, ids: Ids) -> None:
    shared = [store.root / MARKET / each / "content/features/shared.npy" for each in ids]
    assert len({path.stat().st_ino for path in shared}) == 1
    size = size_on_disk(store.open(MARKET, ids[0]))
    assert size.shared == shared[0].stat().st_size
    assert size.own + size.shared == store.open(MARKET, ids[0]).manifest().size
    prune(store, MARKET, 0)
    assert shared[3].stat().st_nlink == 2
    assert store.verify(store.open(MARKET, ids[3])) == []
    assert Size(3_100_000, 9_200_000).told == "   12.3 MB, 3.1 of them its own"
    assert Size(12_300_000, 0).told == "   12.3 MB"


def test_a_damaged_file_is_not_shared(store: ReleaseStore, kit: ModuleType) -> None:
    first = store.stage(MARKET, content(1), {})
    path = first.content / "features" / "shared.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    second = store.stage(MARKET, content(2), {})
    assert store.verify(second) == []
    assert store.verify(first) == ["content/features/shared.npy is changed: another hash"]
    path.unlink()
    path.symlink_to(second.content / "features" / "shared.npy")
    third = store.stage(MARKET, content(3), {})
    assert store.verify(third) == []


def test_without_links_each_release_has_its_copy(
    store: ReleaseStore, kit: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", link)
    for n in range(2):
        assert store.verify(store.stage(MARKET, content(n), {})) == []
    assert [size_on_disk(release).shared for release in store.list(MARKET)] == [0, 0]


def test_the_pointer_behind_the_ledger_stops_every_move(
    store: ReleaseStore, ids: Ids, kit: ModuleType
) -> None:
    """As after a part of a backup was put back: nothing is decided on a pointer out of date."""
    path = store.root / MARKET / "champion.json"
    older = path.read_bytes()
    store.promote(MARKET, ids[4], ids[3], kit.YES)
    for told in ("stands at move 4, but the ledger at 5", "is missing, but the ledger at 5"):
        path.unlink()
        if "stands" in told:
            path.write_bytes(older)
        serving = store.champion(MARKET)
        for act in (
            lambda now=serving: store.promote(MARKET, ids[5], now, kit.YES),
            lambda: store.rollback(MARKET, ids[0], "why"),
            lambda: prune(store, MARKET, 0),
        ):
            with pytest.raises(UserError, match=f"champion.json {told}: run carprice releases"):
                act()
    assert there(store) == ids
    store.record(MARKET, {"event": "refused"})
    shutil.rmtree(store.root)
