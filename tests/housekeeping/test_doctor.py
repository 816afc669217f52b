"""The doctor names what ails a home, and what to do; it changes nothing."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from tests_support import add_market

from carprice_assets.bargains.published import FOLDER, NEEDED, publish
from carprice_assets.files import folder_hashes
from carprice_assets.home import Home
from carprice_assets.housekeeping.doctor import Finding, examine
from carprice_assets.listings.migrations import MIGRATIONS, Migration
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer

YES = Decision("promoted", ())
NOW = datetime(2026, 1, 20, tzinfo=UTC)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Answers:
    last_observed = datetime(2026, 1, 5).date()


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever disk and browser this machine has, and releases that can be loaded."""
    usage = Usage(10**12, 0, 10**12)
    monkeypatch.setattr("carprice_assets.housekeeping.doctor.shutil.disk_usage", lambda _: usage)
    monkeypatch.setattr("carprice_assets.housekeeping.doctor.shutil.which", lambda name: name)
    monkeypatch.setattr(Valuer, "load", lambda path: Answers())


def stage(home: Home, number: int) -> str:
    def build(folder: Path) -> None:
        (folder / "release.json").write_text(
            '{"format": 1, "market": "us", "currency": "USD", "distance": "mi", "champion": "a",'
            f' "regressors": ["a"], "data": {{"last_observed": "2026-01-05", "n": {number}}}}}'
        )

    return ReleaseStore(home.releases).stage("us", build, {}).id


@pytest.fixture
def used(home: Home) -> Home:
    with Warehouse.of(home).connect():
        pass
    store = ReleaseStore(home.releases)
    first, second = stage(home, 1), stage(home, 2)
    store.promote("us", first, None, YES)
    store.promote("us", second, first, YES)
    return home


def ailing(home: Home) -> list[Finding]:
    """All findings but the OK ones; looking has changed nothing."""
    before = folder_hashes(home.root) if home.root.exists() else {}
    found = list(examine(home, NOW))
    assert (folder_hashes(home.root) if home.root.exists() else {}) == before
    for finding in found:
        assert "\n" not in finding.line
        assert finding.line.startswith(f"{finding.level:<4}  {finding.what}: {finding.told}")
        assert bool(finding.do) == (finding.level != "OK")
    return [finding for finding in found if finding.level != "OK"]


def one(home: Home, level: str, told: str, do: str) -> None:
    found = ailing(home)
    assert [finding.level for finding in found] == [level], found
    assert told in found[0].told
    assert do in found[0].do


def test_a_sound_home_and_an_empty_one(used: Home, tmp_path: Path) -> None:
    assert ailing(used) == []
    whats = [finding.what for finding in examine(used, NOW)]
    assert whats == ["home", "disk", "warehouse", "market files", "market us", "Chromium"]
    one(Home(tmp_path / "nowhere"), "WARN", "is not there yet", "makes it")
    (tmp_path / "file").write_text("x")
    one(Home(tmp_path / "file"), "FAIL", "is no folder", "CARPRICE_HOME")


@pytest.mark.parametrize(("free", "level"), [(10**8, "FAIL"), (10**9, "WARN")])
def test_a_disk_that_gets_full(
    used: Home, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    usage = Usage(10**12, 0, free)
    monkeypatch.setattr("carprice_assets.housekeeping.doctor.shutil.disk_usage", lambda _: usage)
    one(used, level, f"{free / 1e9:.1f} GB free of 1,000.0 GB", "carprice prune")


def test_a_home_that_may_not_be_written_to(used: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access
    monkeypatch.setattr(os, "access", lambda p, how: p != used.releases and real(p, how))
    one(used, "FAIL", f"{used.releases} may not be written to", "permissions")


def test_an_interrupted_restore(used: Home) -> None:
    (used.root / ".restoring").mkdir()
    one(used, "FAIL", "a restore was interrupted", "carprice restore")


def test_the_warehouse(used: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = used.warehouse
    with Warehouse.of(used).connect("a long crawl"):
        assert ailing(used) == []
        told = next(f.told for f in examine(used, NOW) if f.what == "warehouse")
        assert "holds it for a long crawl since" in told
    (script := tmp_path / "next.sql").write_text("SELECT 1")
    with monkeypatch.context() as patch:
        steps = (*MIGRATIONS, Migration(script, by_itself=False))
        for where in ("housekeeping.doctor", "listings.migrations"):
            patch.setattr(f"carprice_assets.{where}.MIGRATIONS", steps)
        told = f"schema version {len(MIGRATIONS)} is old"
        one(used, "FAIL", told, "run carprice warehouse migrate")
    with Warehouse.of(used).connect() as con:
        con.execute("INSERT INTO schema_version VALUES (99)")
    one(used, "FAIL", "schema version 99", "install a later carprice")
    path.write_bytes(b"x" * 20_000)
    one(used, "FAIL", "cannot be opened", "restore")


def test_a_broken_market_file(used: Home) -> None:
    add_market(used, "odd", "currency = 'US'")
    one(used, "FAIL", "market odd: currency must be", "markets check")


@pytest.mark.parametrize("content", ["{", None])
def test_a_broken_champion_pointer(used: Home, content: str | None) -> None:
    path = used.releases / "us" / "champion.json"
    path.unlink() if content is None else path.write_text(content)
    one(used, "FAIL", "champion.json", "carprice releases repair --market us")


def test_damaged_releases(used: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ReleaseStore(used.releases)
    serving = store.champion("us") or ""
    other = next(each.id for each in store.list("us") if each.id != serving)
    head = used.releases / "us" / other / "content" / "release.json"
    good = head.read_bytes()
    head.write_bytes(good + b" ")
    one(used, "WARN", f"{other}, which does not serve, is damaged: content/release.json", "restore")
    head.write_bytes(good)
    shutil.rmtree(used.releases / "us" / serving / "content")
    one(used, "FAIL", f"champion {serving} is damaged", "carprice releases rollback --market us")
    shutil.rmtree(used.releases / "us" / serving)
    one(used, "FAIL", f"has no release {serving}", "carprice releases rollback --market us")


def test_a_shadow_that_cannot_be_scored(used: Home) -> None:
    path = used.releases / "us" / "shadow.json"
    off = "carprice releases shadow --market us --off"
    path.write_text('{"format": 1, "release": "no id"}')
    one(used, "WARN", "its shadow: ", off)
    path.write_text('{"format": 1, "release": "' + "0" * 32 + '"}')
    one(used, "WARN", f"its shadow: market us has no release {'0' * 32}", off)
    champion = ReleaseStore(used.releases).champion("us")
    path.write_text(f'{{"format": 1, "release": "{champion}"}}')
    assert ailing(used) == []


def test_a_damaged_list_of_bargains(used: Home) -> None:
    store = ReleaseStore(used.releases)
    found = publish(store, "us", {**dict.fromkeys(NEEDED, ""), "day": "2026-01-05"})
    assert ailing(used) == []
    path = used.releases / "us" / FOLDER / f"{found.id}.json"
    path.write_bytes(path.read_bytes() + b" ")
    one(used, "WARN", f"{found.id}.json is changed", "carprice bargains --anew --market us")


def test_an_old_champion(used: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "last_observed", datetime(2025, 12, 1).date())
    one(used, "WARN", "its data end on 2025-12-01, 50 days ago", "carprice train --market us")


def test_the_ledger(used: Home) -> None:
    path = used.releases / "us" / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    one(used, "WARN", "its ledger lacks the last move", "by itself")
    path.write_bytes(b"no line\n" + b"".join(lines))
    one(used, "WARN", "line 1 of its ledger cannot be read", "is kept as it is")


def test_a_ledger_that_was_cut(used: Home) -> None:
    """Nothing adds a move again that is not the last: who overrode what would be gone unseen."""
    path = used.releases / "us" / "ledger.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[-1])
    one(used, "WARN", "its ledger lacks 1 of 1 earlier moves", "from a backup")
    path.unlink()
    found = ailing(used)
    assert ["lacks" in finding.told for finding in found] == [True, True]


def test_no_browser(used: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carprice_assets.housekeeping.doctor.shutil.which", lambda _: None)
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    one(used, "WARN", "none is here", "install the package chromium")
    (tmp_path / "chromium-1").mkdir()
    assert ailing(used) == []
