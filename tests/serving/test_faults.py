"""What befalls a running service from outside: it goes on answering from the release it has."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from serving_process import CAR, MARKET, Running, sample_store, service, wait_for

from carprice_assets.home import Home
from carprice_assets.listings.served import PART, READY, served_folder, take_in
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.releases.hold import unused
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore

PROMOTED = Decision("promoted", ())
FAILING = f'carprice_market_failing{{market="{MARKET}"}}'
DROPPED = 'carprice_spooled_total{outcome="dropped"}'
KEPT = 'carprice_spooled_total{outcome="kept"}'


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    """Two releases, of which the first serves."""
    store = sample_store(tmp_path)
    store.rollback(MARKET, None, "so that the second is new")
    return store


def flip(path: Path) -> None:
    """Change one byte in the middle of a file that releases may share."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(bytes(data))


def corrupt_form(folder: Path) -> None:
    (form,) = folder.glob("content/regressors/catboost/*.cbm")
    flip(form)


def lose(folder: Path) -> None:
    shutil.rmtree(folder)


def lose_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def spoil_pointer(folder: Path) -> None:
    (folder.parent / "champion.json").write_text('{"release": "../../etc", ')


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (corrupt_form, ".cbm"),
        (lose, "RELEASE"),
        (lose_manifest, "RELEASE"),
        (spoil_pointer, "champion.json"),
    ],
)
def test_a_new_release_that_is_broken_changes_no_answer(
    store: ReleaseStore, tmp_path: Path, harm: Callable[[Path], None], told: str
) -> None:
    first, second = (release.id for release in store.list(MARKET))
    folder = store.open(MARKET, second).path
    shutil.copytree(folder, tmp_path / "whole")
    with service(tmp_path) as running:
        before = running.answer()
        assert before[0] == first
        with running.frozen():
            store.promote(MARKET, second, first, PROMOTED)
            pointer = (folder.parent / "champion.json").read_bytes()
            harm(folder)
        wait_for(lambda: running.market()["error"])
        assert told.replace("RELEASE", second) in running.market()["error"]
        assert running.answer() == before
        assert running.figure(FAILING) == 1
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", folder)
        (folder.parent / "champion.json").write_bytes(pointer)
        wait_for(lambda: running.answer()[0] == second)
        assert running.market()["error"] is None


def test_the_folder_of_the_release_that_serves_vanishes(
    store: ReleaseStore, tmp_path: Path
) -> None:
    first, second = (release.id for release in store.list(MARKET))
    with service(tmp_path) as running:
        before = running.answer()
        lose(store.open(MARKET, first).path)
        assert running.answer() == before
        wait_for(lambda: running.market()["error"])
        assert running.market()["error"].startswith(f"the folder of release {first} is gone")
        store.promote(MARKET, second, first, PROMOTED)
        wait_for(lambda: running.answer()[0] == second)
        after = running.answer()
        shutil.rmtree(Home(tmp_path).releases)
        wait_for(lambda: running.market()["error"])
        assert running.answer() == after
        assert running.market()["ready"]


def test_killed_amid_answers_it_starts_again_as_it_was(store: ReleaseStore, tmp_path: Path) -> None:
    (first, _) = store.list(MARKET)
    spool = served_folder(Home(tmp_path).spool, MARKET)
    with service(tmp_path) as running:
        before = running.answer()
        answered: list[int] = []

        def ask() -> None:
            try:
                while running.process.poll() is None:
                    answered.append(len(running.post([CAR] * 40)))
            except (OSError, ValueError):  # the answer that the kill cut off
                return

        asking = [threading.Thread(target=ask) for _ in range(3)]
        for thread in asking:
            thread.start()
        wait_for(lambda: [path for path in spool.glob(f"*{PART}") if path.stat().st_size])
        running.process.kill()
        running.process.wait()
        for thread in asking:
            thread.join()
        with unused(first) as free:
            assert free, "what it had loaded may be pruned"
    with service(tmp_path) as running:
        assert running.answer() == before
        with Warehouse(tmp_path / "w.duckdb").connect() as con:
            taken = take_in(con, Home(tmp_path).spool, MARKET)
            assert 0 < taken.cars <= 40 * (len(answered) + len(asking)) + 1
            assert not list(spool.glob(f"*{READY}"))


def test_workers_end_with_the_process_that_looks_after_them(
    store: ReleaseStore, tmp_path: Path
) -> None:
    (first, second) = store.list(MARKET)
    with service(tmp_path, CARPRICE_WORKERS="2") as running:
        wait_for(lambda: all_from(running, first.id))
        host, _, port = running.address.rpartition("/")[2].partition(":")
        running.process.kill()
        running.process.wait()
        wait_for(lambda: not listens(host, int(port)))
        with service(tmp_path, CARPRICE_PORT=port) as again:
            store.promote(MARKET, second.id, first.id, PROMOTED)
            wait_for(lambda: again.answer()[0] == second.id)


def listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=60):
            return True
    except ConnectionRefusedError:
        return False


def on_small_disk(folder: Path, size: str) -> list[Any]:
    """Words before a command that mount a small file system at ``folder`` for it alone."""
    folder.mkdir(parents=True)
    script = 'mount -t tmpfs -o size="$2" tmpfs "$1" && shift 2 && exec "$@"'
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    trial = subprocess.run([*alone, folder, size, "true"], capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(f"no file system can be mounted here: {trial.stderr.strip()}")
    return [*alone, folder, size]


def test_a_full_disk_under_the_spool_costs_no_answer(store: ReleaseStore, tmp_path: Path) -> None:
    first, second = (release.id for release in store.list(MARKET))
    spool = Home(tmp_path).spool
    words = [*on_small_disk(spool, "64k"), sys.executable, "-m", "carprice_serving"]
    with service(tmp_path, words) as running:
        before = running.answer()
        for _ in range(4):
            prices = {each["price"] for each in running.post([CAR] * 200)}
            assert prices == {before[1]}
        wait_for(lambda: running.figure(DROPPED) >= 400)
        assert running.answer() == before
        store.promote(MARKET, second, first, PROMOTED)  # and it follows all the same
        wait_for(lambda: running.answer()[0] == second)
        inside = Path(f"/proc/{running.process.pid}/root") / spool.relative_to("/")
        # What did not fit went as a whole; the few answers since do fit.
        wait_for(lambda: any(served_folder(inside, MARKET).glob("*")))
        for path in served_folder(inside, MARKET).glob("*"):
            rows = [json.loads(line) for line in path.read_bytes().splitlines()]
            assert {row["market"] for row in rows} == {MARKET}, "whole lines alone"
            path.unlink()
        kept = running.figure(KEPT)
        running.answer()
        wait_for(lambda: running.figure(KEPT) > kept)


CLOCK = """
import datetime, pathlib, sys, time
import carprice_serving.server
real = time.time
def now():
    return real() + float(pathlib.Path(sys.argv[1]).read_text())
class Jumping(datetime.datetime):
    __slots__ = ()
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(now(), tz)
time.time = now
for name, module in list(sys.modules.items()):
    if name.startswith("carprice_") and vars(module).get("datetime") is datetime.datetime:
        module.datetime = Jumping
sys.exit(carprice_serving.server.main())
"""
YEAR = 365.25 * 86_400


def test_a_clock_that_jumps_changes_no_answer(store: ReleaseStore, tmp_path: Path) -> None:
    """Its days before and after the data's, and before its own beginning; releases are followed."""
    ids = [release.id for release in store.list(MARKET)]
    offset = tmp_path / "offset"
    offset.write_text("0")
    with service(tmp_path, [sys.executable, "-c", CLOCK, offset], CARPRICE_WORKERS="2") as running:
        expected = {ids[0]: running.answer()}
        for step, years in enumerate((10, -30, 40, -80), start=1):
            (tmp_path / "next").write_text(str(years * YEAR))
            (tmp_path / "next").rename(offset)
            serving, other = (ids, ids[::-1])[step % 2 == 0]
            assert running.answer() == expected[serving]
            store.promote(MARKET, other, serving, PROMOTED)
            wait_for(lambda other=other: all_from(running, other))
            found = expected.setdefault(other, running.answer())
            assert running.answer() == found
            assert running.market()["error"] is None
            assert running.figure(FAILING) == 0


def all_from(running: Running, release: str) -> bool:
    """Whether both workers are there and answer from ``release``."""
    workers = json.loads(running.get("/ready"))["workers"]
    return [each["releases"].get(MARKET) for each in workers] == [release] * 2
