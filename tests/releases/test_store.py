"""The store: staging, promotion by compare-and-swap, rollback, the ledger."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from carprice_assets.errors import UserError
from carprice_assets.releases.ledger import read_lines
from carprice_assets.releases.store import Conflict, ReleaseStore

Ids = list[str]


@pytest.fixture
def store(tmp_path: Path, kit: ModuleType) -> ReleaseStore:
    moments = (kit.MOMENT + timedelta(seconds=n) for n in range(10_000))
    return ReleaseStore(tmp_path / "releases", lambda: next(moments))


@pytest.fixture
def ids(store: ReleaseStore, kit: ModuleType) -> Ids:
    return [store.stage("us", kit.tiny(n), {"run": n}).id for n in range(4)]


def moves(store: ReleaseStore) -> list[tuple[str, int, str]]:
    kept = [line for line in store.ledger("us") if "sequence" in line]
    return [(line["event"], line["sequence"], line["release"]) for line in kept]


def test_stage_gives_a_whole_release(store: ReleaseStore, kit: ModuleType) -> None:
    release = store.stage("us", kit.tiny(1), {"run": "r1"})
    assert store.verify(release) == []
    assert store.list("us") == [release] == [store.open("us", release.id)]
    assert release.provenance().facts == {"run": "r1"}
    assert release.provenance().staged_at == "2026-01-02T03:04:05.000+00:00"
    assert not any((store.root / "us" / ".tmp").iterdir())


def test_same_content_again_keeps_the_first(store: ReleaseStore, kit: ModuleType) -> None:
    first = store.stage("us", kit.tiny(1), {"run": "r1"})
    second = store.stage("us", kit.tiny(1), {"run": "r2"})
    assert second.id == first.id
    assert second.provenance().facts == {"run": "r1"}
    assert len(store.list("us")) == 1


def test_pages_lie_beside_the_content(store: ReleaseStore, kit: ModuleType) -> None:
    pages = {"forest/report.md": b"took 3 s", "forest/residuals.png": b"pixels"}
    release = store.stage("us", kit.tiny(1), {"run": "r1"}, pages)
    assert (release.path / "reports" / "forest" / "report.md").read_bytes() == b"took 3 s"
    assert set(release.provenance().pages) == set(pages)
    assert store.verify(release) == []
    later = store.stage("us", kit.tiny(1), {"run": "r2"}, {"forest/report.md": b"took 4 s"})
    assert later.id == release.id == store.stage("us", kit.tiny(1), {}).id
    assert (later.path / "reports" / "forest" / "report.md").read_bytes() == b"took 3 s"
    assert set(later.provenance().pages) == set(pages)


@pytest.mark.parametrize(
    ("name", "told"),
    [("../page.md", "^reports: path"), ("page.html", "of a type"), ("/page.md", "^reports: path")],
)
def test_a_page_of_another_type_or_place_is_refused(
    store: ReleaseStore, kit: ModuleType, name: str, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        store.stage("us", kit.tiny(1), {}, {name: b"x"})
    assert store.list("us") == []


def test_an_added_page_is_named(store: ReleaseStore, kit: ModuleType) -> None:
    release = store.stage("us", kit.tiny(1), {}, {"report.md": b"x"})
    (release.path / "reports" / "other.md").write_bytes(b"y")
    assert store.verify(release) == ["reports/other.md is added"]


def test_same_content_over_a_damaged_release_is_refused(
    store: ReleaseStore, kit: ModuleType
) -> None:
    release = store.stage("us", kit.tiny(1), {})
    (release.content / "big.npy").unlink()
    with pytest.raises(UserError, match=r"in the store is refused: content/big\.npy is missing"):
        store.stage("us", kit.tiny(1), {})


def test_a_failing_build_leaves_nothing(store: ReleaseStore) -> None:
    def build(folder: Path) -> None:
        (folder / "half").write_bytes(b"x")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.stage("us", build, {})
    assert store.list("us") == []
    assert not any((store.root / "us" / ".tmp").iterdir())


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("model.pkl", b"x", r"content/model\.pkl is of a type"),
        ("bad.npy", b"\x93NUMPY\x01\x00\x02\x00{}", r"content/bad\.npy is no array"),
        ("run.sh", b"x", r"content/run\.sh is of a type"),
    ],
)
def test_content_of_other_types_is_refused(
    store: ReleaseStore, kit: ModuleType, name: str, data: bytes, told: str
) -> None:
    def build(folder: Path) -> None:
        kit.tiny(1)(folder)
        (folder / name).write_bytes(data)

    with pytest.raises(UserError, match=told):
        store.stage("us", build, {})


def test_a_release_of_another_market_is_refused(store: ReleaseStore, kit: ModuleType) -> None:
    with pytest.raises(UserError, match="of market 'us', not 'practice'"):
        store.stage("practice", kit.tiny(1), {})


def test_promotion_and_conflict(store: ReleaseStore, ids: Ids, kit: ModuleType) -> None:
    assert store.champion("us") is None
    store.promote("us", ids[0], None, kit.YES)
    with pytest.raises(Conflict, match="serves, not None"):
        store.promote("us", ids[1], None, kit.YES)
    with pytest.raises(Conflict, match="serves already"):
        store.promote("us", ids[0], ids[0], kit.YES)
    store.promote("us", ids[1], ids[0], kit.YES)
    pointer = json.loads((store.root / "us" / "champion.json").read_bytes())
    assert (pointer["release"], pointer["previous"]) == (ids[1], ids[0])
    assert pointer["since"].endswith("+00:00")
    assert moves(store) == [("promoted", 1, ids[0]), ("promoted", 2, ids[1])]


def test_a_refused_decision_never_promotes(store: ReleaseStore, ids: Ids, kit: ModuleType) -> None:
    with pytest.raises(UserError, match="is refused"):
        store.promote("us", ids[0], None, kit.NO)
    assert store.champion("us") is None


def test_a_damaged_or_absent_release_is_never_promoted(
    store: ReleaseStore, ids: Ids, kit: ModuleType
) -> None:
    (store.root / "us" / ids[0] / "content" / "big.npy").write_bytes(b"x")
    with pytest.raises(UserError, match=r"big\.npy is changed"):
        store.promote("us", ids[0], None, kit.YES)
    for absent in ("f" * 32, "../us", "x"):
        with pytest.raises(UserError, match="has no release"):
            store.promote("us", absent, None, kit.YES)
    assert store.champion("us") is None
    assert store.ledger("us") == []


def test_rollbacks_lead_further_back(store: ReleaseStore, ids: Ids, kit: ModuleType) -> None:
    for before, after in zip([None, *ids[:2]], ids[:3]):
        store.promote("us", after, before, kit.YES)
    assert store.rollback("us", None, "prices too high") == ids[1]
    assert store.rollback("us", None, "still too high") == ids[0]
    with pytest.raises(UserError, match="no release to go back to"):
        store.rollback("us", None, "again")
    with pytest.raises(UserError, match=f"release {ids[3]} has never served"):
        store.rollback("us", ids[3], "by hand")
    assert store.rollback("us", ids[2], "by hand") == ids[2]
    assert store.rollback("us", None, "back") == ids[0]
    last = store.ledger("us")[-1]
    assert (last["reason"], last["replaced"], last["sequence"]) == ("back", ids[2], 7)


@pytest.mark.parametrize("reason", ["", "  "])
def test_rollback_needs_a_reason(store: ReleaseStore, reason: str) -> None:
    with pytest.raises(UserError, match="needs a reason"):
        store.rollback("us", None, reason)


def test_rollback_to_what_cannot_serve(store: ReleaseStore, ids: Ids, kit: ModuleType) -> None:
    with pytest.raises(UserError, match="no release to go back to"):
        store.rollback("us", ids[0], "first")
    store.promote("us", ids[0], None, kit.YES)
    store.promote("us", ids[1], ids[0], kit.YES)
    with pytest.raises(UserError, match="serves already"):
        store.rollback("us", ids[1], "same")
    (store.root / "us" / ids[0] / "provenance.json").unlink()
    with pytest.raises(UserError, match=r"provenance\.json"):
        store.rollback("us", None, "damaged")
    with pytest.raises(UserError, match="has no release"):
        store.rollback("us", "", "an unset variable")
    assert store.champion("us") == ids[1]


def test_record_keeps_refusals_and_leaves_moves_alone(store: ReleaseStore, ids: Ids) -> None:
    store.record("us", {"event": "refused", "release": ids[0], "decision": {"status": "refused"}})
    assert store.ledger("us")[0]["event"] == "refused"
    assert store.ledger("us")[0]["at"].startswith("2026-01-02T03:04")
    for event in ("promoted", "rolled_back", None):
        with pytest.raises(ValueError, match="no event to record"):
            store.record("us", {"event": event})


def test_a_kill_between_pointer_and_ledger_is_repaired(
    store: ReleaseStore, ids: Ids, kit: ModuleType
) -> None:
    store.promote("us", ids[0], None, kit.YES)
    store.promote("us", ids[1], ids[0], kit.YES)
    path = store.root / "us" / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    whole = store.ledger("us")
    path.write_bytes(lines[0])
    assert store.ledger("us") == whole
    store.record("us", {"event": "refused"})
    assert [line["event"] for line in read_lines(path)] == ["promoted", "promoted", "refused"]
    assert read_lines(path)[:2] == whole


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_mended(
    store: ReleaseStore, ids: Ids, kit: ModuleType, cut: int
) -> None:
    store.promote("us", ids[0], None, kit.YES)
    store.promote("us", ids[1], ids[0], kit.YES)
    path = store.root / "us" / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert [line["event"] for line in store.ledger("us")] == ["promoted", "torn_line", "promoted"]
    store.record("us", {"event": "refused"})
    events = [line["event"] for line in store.ledger("us")]
    assert events == ["promoted", "mended", "promoted", "refused"]
    assert path.read_bytes().endswith(b"\n")


def test_an_unreadable_line_is_shown_and_stops_nothing(
    store: ReleaseStore, ids: Ids, kit: ModuleType
) -> None:
    store.promote("us", ids[0], None, kit.YES)
    path = store.root / "us" / "ledger.jsonl"
    path.write_bytes(b"\xff\x00garbage\n[1]\n" + path.read_bytes())
    events = [line["event"] for line in store.ledger("us")]
    assert events == ["unreadable_line", "unreadable_line", "promoted"]
    store.promote("us", ids[1], ids[0], kit.YES)
    assert store.ledger("us")[-1]["sequence"] == 2


@pytest.mark.parametrize("market", ["../us", "", "US", "a/b", "."])
def test_market_names_cannot_lead_out(store: ReleaseStore, market: str) -> None:
    with pytest.raises(UserError, match="no market's name"):
        store.champion(market)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 9}, "format 9, newer than"),
        ({"release": "../x"}, "no champion pointer"),
        ({"sequence": 0}, "no champion pointer"),
        ({"predecessors": None}, "no champion pointer"),
        ({"event": "odd"}, "no champion pointer"),
        ({"replaced": 3}, "no champion pointer"),
    ],
)
def test_a_pointer_that_is_none_is_refused(
    store: ReleaseStore, ids: Ids, kit: ModuleType, change: dict[str, Any], told: str
) -> None:
    store.promote("us", ids[0], None, kit.YES)
    path = store.root / "us" / "champion.json"
    path.write_bytes(json.dumps(json.loads(path.read_bytes()) | change).encode())
    with pytest.raises(UserError, match=told):
        store.champion("us")
    with pytest.raises(UserError, match=told):
        store.promote("us", ids[1], ids[0], kit.YES)


def test_markets_are_apart(store: ReleaseStore, ids: Ids, kit: ModuleType) -> None:
    store.promote("us", ids[0], None, kit.YES)
    assert store.champion("practice") is None
    assert store.ledger("practice") == []
    assert store.list("practice") == []
    with pytest.raises(UserError, match="market practice has no release"):
        store.open("practice", ids[0])
