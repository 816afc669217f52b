"""A broken champion pointer made again from the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from disk_model import DiskModel, cuts, write_out
from faulty_port import ERRORS, FaultyPort, Stopped
from release_kit import YES, tiny

from carprice_assets.errors import UserError
from carprice_assets.files import folder_hashes
from carprice_assets.releases.pointer import read_pointer
from carprice_assets.releases.repair import pointer_problem, repair, replay
from carprice_assets.releases.store import ReleaseStore


@pytest.fixture
def moved(tmp_path: Path) -> ReleaseStore:
    """Four releases, promoted in turn, with a rollback and a promotion after it."""
    store = ReleaseStore(tmp_path)
    ids = [store.stage("us", tiny(n), {}).id for n in range(4)]
    store.promote("us", ids[0], None, YES)
    store.promote("us", ids[1], ids[0], YES)
    store.promote("us", ids[2], ids[1], YES)
    store.rollback("us", None, "a wrong price")
    store.record("us", {"event": "refused", "release": ids[2]})
    store.promote("us", ids[3], ids[1], YES)
    return store


@pytest.mark.parametrize("content", [b"", b"{", b"\0" * 300, b'{"format": 1}', None])
def test_the_ledger_gives_the_same_pointer(moved: ReleaseStore, content: bytes | None) -> None:
    path = moved.root / "us" / "champion.json"
    before = path.read_bytes()
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert "champion.json" in pointer_problem(moved, "us")
    for call in (moved.champion, lambda market: moved.rollback(market, None, "x")):
        if content is not None:
            with pytest.raises(UserError, match="run carprice releases repair --market us"):
                call("us")
    told = repair(moved, "us")
    assert "as the ledger's move 5 says" in told
    assert path.read_bytes() == before
    assert pointer_problem(moved, "us") == ""
    kept = list(path.parent.glob("champion.json.broken-*"))
    assert [each.read_bytes() for each in kept] == ([] if content is None else [content])
    assert moved.ledger("us")[-1]["event"] == "repaired"
    ids = [release.id for release in moved.list("us")]
    assert moved.rollback("us", None, "it goes on") in ids


def test_a_pointer_behind_its_ledger_is_brought_up(moved: ReleaseStore) -> None:
    """As after the pointer of an older backup was put back by hand."""
    path = moved.root / "us" / "champion.json"
    old = path.read_bytes()
    moved.rollback("us", None, "once more")
    before = path.read_bytes()
    path.write_bytes(old)
    assert pointer_problem(moved, "us").endswith("stands at move 5, but the ledger at 6")
    assert "as the ledger's move 6 says" in repair(moved, "us")
    assert path.read_bytes() == before


def test_each_state_of_the_ledger_gives_its_pointer(tmp_path: Path) -> None:
    store = ReleaseStore(tmp_path)
    ids = [store.stage("us", tiny(n), {}).id for n in range(5)]
    path = tmp_path / "us" / "champion.json"
    for turn in range(12):
        serving = store.champion("us")
        if turn % 4 == 3:
            store.rollback("us", None, "back")
        elif turn % 5 == 4:
            target = next(each for each in ids if each != serving)
            store.rollback("us", target, "to another")
        else:
            target = next(each for each in ids[turn % 5 :] + ids if each != serving)
            store.promote("us", target, serving, YES)
        assert replay(store.ledger("us")) == read_pointer(path)


def test_a_torn_ledger_gives_what_it_tells(moved: ReleaseStore) -> None:
    """The last line is cut off: the move before it is what can be known."""
    folder = moved.root / "us"
    lines = (folder / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "ledger.jsonl").write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
    (folder / "champion.json").write_bytes(b"{")
    assert "as the ledger's move 4 says" in repair(moved, "us")
    pointer = moved.pointer("us")
    assert pointer is not None
    assert pointer.event == "rolled_back"


def test_what_cannot_be_repaired_is_left_alone(moved: ReleaseStore) -> None:
    with pytest.raises(UserError, match="needs no repair"):
        repair(moved, "us")
    folder = moved.root / "us"
    serving = moved.champion("us")
    (folder / "champion.json").write_bytes(b"{")
    array = folder / str(serving) / "content" / "big.npy"
    good = array.read_bytes()
    array.write_bytes(good[:-1])
    before = folder_hashes(folder)
    with pytest.raises(UserError, match=r"damaged: content/big\.npy is changed"):
        repair(moved, "us")
    assert folder_hashes(folder) == before
    array.write_bytes(good)
    (folder / "ledger.jsonl").unlink()
    with pytest.raises(UserError, match="tells of no promotion"):
        repair(moved, "us")
    assert (folder / "champion.json").read_bytes() == b"{"


def test_a_market_without_moves_needs_no_pointer(tmp_path: Path) -> None:
    store = ReleaseStore(tmp_path)
    store.record("us", {"event": "refused", "release": "x"})
    assert pointer_problem(store, "us") == ""
    assert pointer_problem(store, "elsewhere") == ""


def broken_off(store: ReleaseStore, folder: Path) -> Iterator[Path]:
    """Disks on which a repair was stopped, failed or lost its power at each of its operations."""
    template, number = store.root, 0
    whole = FaultyPort()
    shutil.copytree(template, folder / "whole")
    repair(replace(store, root=folder / "whole", port=whole), "us")
    for fault in ("before", "after", "half", *ERRORS):
        for at in range(len(whole.operations)):
            root = folder / f"{fault} {at}"
            shutil.copytree(template, root)
            model = DiskModel(root)
            with suppress(Stopped, OSError):
                repair(replace(store, root=root, port=FaultyPort(model, fault, at)), "us")
            for kind in cuts(0, at).values():
                number += 1
                write_out(model.lasting(*kind), folder / str(number))
                yield folder / str(number)
            yield root


@pytest.mark.parametrize("content", [b"{", None])
def test_a_repair_that_is_broken_off_is_given_again(
    moved: ReleaseStore, tmp_path_factory: pytest.TempPathFactory, content: bytes | None
) -> None:
    path = moved.root / "us" / "champion.json"
    before, lines = path.read_bytes(), moved.ledger("us")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    seen = 0
    for root in broken_off(moved, tmp_path_factory.mktemp("disks")):
        store = ReleaseStore(root)
        if pointer_problem(store, "us"):
            repair(store, "us")
            seen += 1
        assert (root / "us" / "champion.json").read_bytes() == before
        assert store.ledger("us")[: len(lines)] == lines
        store.rollback("us", None, "it goes on")
    assert seen
