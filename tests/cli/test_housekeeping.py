"""``carprice doctor``, ``backup``, ``restore``, ``prune`` and ``warehouse migrate``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from click.testing import Result
from tests_support import SMALL_MARKET, add_market, train_in_process

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.defs import launch
from carprice_assets.defs.automation import LISTINGS
from carprice_assets.files import read_json
from carprice_assets.home import Home
from carprice_assets.listings.dataset import read_side
from carprice_assets.listings.migrations import MIGRATIONS
from carprice_assets.releases.rebuild import plan
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer


def prices(home: Home) -> bytes:
    """The bits of the champion's prices, ranges and notes for every car of the hold-out."""
    store = ReleaseStore(home.releases)
    valuer = Valuer.load(store.open("small", store.champion("small") or "").path)
    address = read_json(home.artifacts / "refs" / "dataset" / "small.json")["address"]
    columns = read_side(ArtifactStore(home.artifacts).get(address).path, "holdout")
    assert len(columns["price"]) > 50
    found = [np.array(each).tobytes() for each in valuer.ranges(columns)]
    return b"".join(found) + repr(valuer.notes(columns)).encode()


def lines(result: Result) -> dict[str, str]:
    """What the doctor says, by what it looked at."""
    return {line[6:].partition(": ")[0]: line for line in result.stdout.splitlines()}


def test_a_restored_backup_answers_the_same_to_the_bit(
    trained_home: Home,
    carprice: Callable[..., Result],
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with launch.instance(trained_home) as instance:
        (run,) = instance.get_runs(limit=1)
        instance.add_run_tags(run.run_id, {launch.OWNER_TAG: "elsewhere:1:1"})
        instance.run_storage.handle_run_event(
            run.run_id, _event(dg.DagsterEventType.RUN_START, run)
        )
    before = prices(trained_home)
    made = carprice("backup", tmp_path / "backup")
    assert made.exit_code == 0, made.output
    assert str(tmp_path / "backup") in made.stdout
    assert "is there already" in refused("backup", tmp_path / "backup")
    assert "is not empty" in refused("restore", tmp_path / "backup")
    again = Home(tmp_path / "again")
    monkeypatch.setenv("CARPRICE_HOME", str(again.root))
    restored = carprice("restore", tmp_path / "backup")
    assert restored.exit_code == 0, restored.output
    assert restored.stdout.endswith("; 1 runs that were under way are marked as failed\n")
    assert prices(again) == before
    assert lines(carprice("doctor"))["Dagster"].endswith(" runs, 0 under way")
    # Everything can go on there: the same data trains to the same champion.
    listed = carprice("releases", "list", "-m", "small").stdout
    train_in_process(again, "small")
    assert carprice("releases", "list", "-m", "small").stdout == listed


def _event(kind: dg.DagsterEventType, run: dg.DagsterRun) -> Any:
    return dg.DagsterEvent(kind.value, job_name=run.job_name)


def test_doctor(trained_home: Home, carprice: Callable[..., Result]) -> None:
    found = carprice("doctor")
    assert found.exit_code == 0, found.output
    told = lines(found)
    assert told["market small"].split()[0] in ("OK", "WARN"), "by the age of the practice market"
    assert " is whole; its data end on " in told["market small"]
    assert f"schema version {len(MIGRATIONS)}" in told["warehouse"]
    assert told["Dagster"].endswith("runs, 0 under way")
    pointer = trained_home.releases / "small" / "champion.json"
    good = pointer.read_bytes()
    pointer.write_bytes(good[:-1])
    broken = carprice("doctor")
    assert broken.exit_code == 2
    words = lines(broken)["market small"].partition(" -> carprice ")[2].split()
    assert words == ["releases", "repair", "--market", "small"]
    mended = carprice(*words)
    assert mended.exit_code == 0, mended.output
    assert pointer.read_bytes() == good
    assert carprice("doctor").exit_code == 0
    assert "needs no repair" in carprice(*words).stderr


def test_doctor_tells_of_a_run_whose_process_is_gone(
    trained_home: Home, carprice: Callable[..., Result]
) -> None:
    with launch.instance(trained_home) as instance:
        (run,) = instance.get_runs(limit=1)
        mark = (launch.process_mark(1) or "host:1:1").rpartition(":")[0]
        instance.add_run_tags(run.run_id, {launch.OWNER_TAG: f"{mark}:0"})
        instance.run_storage.handle_run_event(
            run.run_id, _event(dg.DagsterEventType.RUN_START, run)
        )
    found = carprice("doctor")
    assert f"WARN  Dagster: run {run.run_id}: its process is gone -> " in found.stdout
    assert carprice("markets", "list").exit_code == 0
    with launch.instance(trained_home):
        pass  # as any command that runs assets opens it
    assert "its process is gone" not in carprice("doctor").stdout


def take_in(home: Home) -> None:
    """Scrape and clean as before a training."""
    with launch.instance(home) as instance:
        launch.require(launch.materialize(instance, "small", LISTINGS))


def test_prune_shows_first_and_takes_nothing_that_is_needed(
    trained_home: Home, carprice: Callable[..., Result]
) -> None:
    home = trained_home
    add_market(home, "small", SMALL_MARKET.replace("days = 9", "days = 21"))
    take_in(home)
    store = ArtifactStore(home.artifacts)
    unnamed = store.put(lambda folder: (folder / "a.json").write_text("{}") and None)
    before = prices(home)
    size = home.warehouse.stat().st_size
    words = ("prune", "--days", 1, "--hours", 1)
    old = time.time() - 7200
    for path in home.artifacts.glob("??/*"):
        os.utime(path, (old, old))
    shown = carprice(*words).stdout.splitlines()
    assert shown[0].startswith("artifacts: 1 that nothing names")
    assert next(line for line in shown if line.startswith("market small: ")).split()[4] != "0"
    assert shown[-1] == "nothing was changed: --yes does it"
    assert home.warehouse.stat().st_size == size
    assert unnamed.path.exists()
    done = carprice(*words, "--yes", "--compact")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[: len(shown) - 1] == shown[:-1]
    assert not unnamed.path.exists()
    assert prices(home) == before
    champion = ReleaseStore(home.releases).champion("small") or ""
    assert plan(home, "small", champion).release.id == champion, "it can be made again"
    version = read_json(home.artifacts / "refs" / "dataset" / "small.json")
    take_in(home)
    assert read_json(home.artifacts / "refs" / "dataset" / "small.json") == version
    again = carprice(*words).stdout
    assert "artifacts: 0 that nothing names" in again
    assert "market small: payloads of 0 superseded raw rows" in again


def test_warehouse_migrate(
    home: Home, carprice: Callable[..., Result], refused: Callable[..., str]
) -> None:
    assert "there is no warehouse there yet" in refused("warehouse", "migrate")
    home.root.mkdir()
    assert carprice("crawls", "list", "-m", "practice").exit_code == 0
    told = carprice("warehouse", "migrate").stdout
    assert told == f"{home.warehouse}: has schema version {len(MIGRATIONS)} already\n"


def test_a_broken_backup_is_told_in_one_line(
    home: Home, refused: Callable[..., str], tmp_path: Path
) -> None:
    assert "is no backup" in refused("restore", tmp_path)
    (tmp_path / "backup.json").write_text(json.dumps({"format": 9, "schema": 1, "files": {}}))
    assert "made by a later carprice" in refused("restore", tmp_path)
