"""A backup that is made while things go on, and a restore that is whole or nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.files import folder_hashes, write_atomic
from carprice_assets.home import Home
from carprice_assets.housekeeping.alone import alone
from carprice_assets.housekeeping.backup import back_up
from carprice_assets.housekeeping.restore import restore, restored_problems
from carprice_assets.listings.migrations import MIGRATIONS
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore

YES = Decision("promoted", ())


def stage(home: Home, number: int) -> str:
    def build(folder: Path) -> None:
        head = {
            **{"format": 1, "market": "us", "currency": "USD", "distance": "mi"},
            **{"champion": "catboost", "regressors": ["catboost"]},
            "data": {"last_observed": "2026-01-01", "number": number},
        }
        (folder / "release.json").write_text(json.dumps(head))

    return ReleaseStore(home.releases).stage("us", build, {}).id


@pytest.fixture
def used(home: Home) -> Home:
    """A home with something of every kind."""
    with Warehouse.of(home).connect() as con:
        con.execute("INSERT INTO split_salts VALUES ('us', 'us-1')")
    artifact = ArtifactStore(home.artifacts).put(lambda folder: _write(folder / "a.json"))
    write_atomic(home.artifacts / "refs" / "dataset" / "us.json", artifact.address.encode())
    store = ReleaseStore(home.releases)
    first, second = stage(home, 1), stage(home, 2)
    store.promote("us", first, None, YES)
    store.promote("us", second, first, YES)
    _write(home.spool / "us" / "cars" / "c1.journal.jsonl")
    _write(home.markets / "us2.toml")
    _write(home.dagster / "dagster.yaml")
    _write(home.root / "logs" / "api.log")
    database = sqlite3.connect(home.dagster / "runs.db")
    with database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE runs (id TEXT)")
        database.execute("INSERT INTO runs VALUES ('r1')")
    database.close()
    return home


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name)


def of(home: Home) -> dict[str, str]:
    """All files of a home but the databases, whose bytes a copy need not have, and locks."""
    return {
        name: digest
        for name, digest in folder_hashes(home.root).items()
        if not name.endswith((".lock", ".db", "-shm", "-wal")) and not name.startswith("logs/")
    }


def test_what_is_restored_is_what_was(used: Home, tmp_path: Path) -> None:
    made = back_up(used, tmp_path / "backup")
    assert made.schema == len(MIGRATIONS)
    again = Home(tmp_path / "again")
    assert restore(again, tmp_path / "backup") == made.files
    assert of(again) == of(used)
    assert restored_problems(again) == []
    database = sqlite3.connect(again.dagster / "runs.db")
    assert database.execute("SELECT id FROM runs").fetchall() == [("r1",)]
    database.close()
    with Warehouse.of(again).connect() as con:
        assert con.execute("FROM split_salts").fetchall() == [("us", "us-1")]
    was, now = ReleaseStore(used.releases), ReleaseStore(again.releases)
    assert now.champion("us") == was.champion("us")
    assert now.ledger("us") == was.ledger("us")
    assert not (again.root / "logs").exists()


def test_it_is_made_while_everything_goes_on(used: Home, tmp_path: Path) -> None:
    """Promotions, staged releases, warehouse writes and runs go on; the copy is of one piece."""
    ended = threading.Event()
    failed: list[BaseException] = []

    def going_on(work: Callable[[int], None]) -> threading.Thread:
        def loop() -> None:
            number = 100
            try:
                while not ended.wait(0.05):  # or nobody else would get the locks
                    work(number := number + 1)
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=loop)
        thread.start()
        return thread

    def promote(number: int) -> None:
        store = ReleaseStore(used.releases)
        store.promote("us", stage(used, number), store.champion("us"), YES)

    def write(number: int) -> None:
        with Warehouse.of(used).connect("writing") as con:
            con.execute("BEGIN")
            con.execute("INSERT INTO split_salts VALUES (?, 'a')", [str(number)])
            con.execute("INSERT INTO listing_vins VALUES ('us', ?, 'a')", [str(number)])
            con.execute("COMMIT")

    def run(number: int) -> None:
        database = sqlite3.connect(used.dagster / "runs.db", timeout=60)
        with database:
            database.execute("INSERT INTO runs VALUES (?)", [str(number)])
        database.close()

    threads = [going_on(each) for each in (promote, write, run)]
    try:
        for number in range(3):
            back_up(used, tmp_path / f"backup-{number}")
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert failed == []
    for number in range(3):
        again = Home(tmp_path / f"again-{number}")
        restore(again, tmp_path / f"backup-{number}")
        assert restored_problems(again) == []
        store = ReleaseStore(again.releases)
        pointer = store.pointer("us")
        assert pointer is not None
        lines = [line for line in store.ledger("us") if "sequence" in line]
        assert [line["sequence"] for line in lines] == list(range(1, pointer.sequence + 1))
        assert {line["release"] for line in lines} <= {each.id for each in store.list("us")}
        with Warehouse.of(again).connect() as con:
            salts, vins = con.execute(
                "SELECT (SELECT count(*) - 1 FROM split_salts), (SELECT count(*) FROM listing_vins)"
            ).fetchall()[0]
        assert salts == vins


def test_a_changed_backup_is_refused_and_nothing_is_in_place(used: Home, tmp_path: Path) -> None:
    made = back_up(used, tmp_path / "backup").folder
    head = made / "backup.json"
    files: dict[str, dict[str, object]] = json.loads(head.read_bytes())["files"]
    again = Home(tmp_path / "again")

    def refused(told: str) -> None:
        with pytest.raises(UserError, match=told):
            restore(again, made)
        assert [path.name for path in again.root.iterdir() if path.name[0] != "."] == []
        assert not (again.root / ".restoring").exists()

    for name in files:
        path = made / name
        data = path.read_bytes()
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        refused(f"{path.name}: is changed: another hash")
        path.write_bytes(data[:-1])
        refused(f"{path.name}: is changed: ")
        path.unlink()
        refused(f"{name} is missing")
        path.write_bytes(data)
    (made / "more.json").write_text("{}")
    refused(r"more\.json is added")
    (made / "more.json").unlink()
    (made / "link").symlink_to("/etc/passwd")
    refused("is a link or special file")
    (made / "link").unlink()
    good = head.read_bytes()
    for bad in ("../out", "/etc/out", "a/../../out", "backup.json/x", ".restoring/x", "a//b", "."):
        head.write_bytes(
            json.dumps({**json.loads(good), "files": {bad: next(iter(files.values()))}}).encode()
        )
        refused("is not allowed in a backup")
    for change in ({"format": 2}, {"schema": 99}):
        head.write_bytes(json.dumps({**json.loads(good), **change}).encode())
        refused("was made by a later carprice")
    for broken in (b"{", b"[]", json.dumps({**json.loads(good), "files": {"a": 1}}).encode()):
        head.write_bytes(broken)
        refused(r"backup\.json: ")
    head.unlink()
    refused("is no backup")
    head.write_bytes(good)
    restore(again, made)
    assert restored_problems(again) == []


def test_a_home_in_use_is_left_alone(used: Home, tmp_path: Path) -> None:
    made = back_up(used, tmp_path / "backup").folder
    before = folder_hashes(used.root)
    with pytest.raises(UserError, match="is not empty"):
        restore(used, made)
    with pytest.raises(UserError, match="name a new folder"):
        back_up(used, made)
    with pytest.raises(UserError, match="lies in the home"):
        back_up(used, used.root / "here")
    with pytest.raises(UserError, match="no data home"):
        back_up(Home(tmp_path / "nowhere"), tmp_path / "other")
    with alone(used), pytest.raises(UserError, match="another backup, restore or prune"):
        back_up(used, tmp_path / "other")
    assert folder_hashes(used.root) == before
    assert not list(tmp_path.glob(".*"))


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("at", range(8))
def test_a_restore_goes_on_after_a_kill(
    used: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    made = back_up(used, tmp_path / "backup")
    again = Home(tmp_path / "again")
    (again.root).mkdir()
    (again.root / "README.md").write_text("data only")
    calls = 0
    rename = os.rename

    def dying(*words: Path) -> None:
        nonlocal calls
        if calls == at:
            raise Killed
        calls += 1
        rename(*words)

    with monkeypatch.context() as patch:
        patch.setattr("carprice_assets.housekeeping.restore.os.rename", dying)
        try:
            restore(again, made.folder)
        except Killed:
            assert (again.root / ".restoring").exists()
    if (again.root / ".restoring").exists():
        assert restore(again, made.folder) == made.files
    found = of(again)
    assert found.pop("README.md")
    assert found == of(used)


def test_what_others_may_not_read_stays_so(home: Home, tmp_path: Path) -> None:
    key = home.root / "keys" / "signing.pem"
    _write(key)
    key.chmod(0o600)
    made = back_up(home, tmp_path / "backup").folder
    again = Home(tmp_path / "again")
    restore(again, made)
    for root in (made, again.root):
        assert (root / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600


def test_files_of_two_names_are_stored_once(home: Home, tmp_path: Path) -> None:
    _write(home.releases / "us" / "one.json")
    (home.releases / "us" / "two.json").hardlink_to(home.releases / "us" / "one.json")
    made = back_up(home, tmp_path / "backup").folder
    again = Home(tmp_path / "again")
    restore(again, made)
    for root in (made, again.root):
        assert (root / "releases/us/one.json").samefile(root / "releases/us/two.json")
