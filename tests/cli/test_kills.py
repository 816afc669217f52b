"""Kill -9 at any moment of `carprice import` and `carprice train`: the next call goes on."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from carprice_assets.defs import launch
from carprice_assets.home import Home
from carprice_assets.listings import cleaning
from carprice_assets.listings.leaks import leaks
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_market
from carprice_assets.releases.store import ReleaseStore

KILLS = 6
CARPRICE = [sys.executable, "-c", "from carprice_assets.cli import main; main()"]
FINISHED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}
TABLES = ("raw_listings", "listings", "rejected_listings", "price_history", "vehicles")


def run(home: Home, words: Sequence[object], seconds: float | None = None) -> float | None:
    """Run ``carprice``, killed after ``seconds``; gives its duration, None where killed."""
    environment = {**os.environ, "CARPRICE_HOME": str(home.root)}
    begin = time.monotonic()
    command = [*CARPRICE, *map(str, words)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            told = process.communicate(timeout=seconds)[1]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return None
    assert process.returncode == 0, told
    return time.monotonic() - begin


def check_instance(home: Home) -> tuple[int, int]:
    """No run counts as running and no slot is taken; gives runs that ended well and badly."""
    with launch.instance(home) as instance:
        states = [run.status for run in instance.get_runs()]
        storage = instance.event_log_storage
        for key in storage.get_concurrency_keys():
            found = storage.get_concurrency_info(key)
            assert not found.claimed_slots
            assert not found.pending_steps
    assert set(states) <= FINISHED
    return states.count(dg.DagsterRunStatus.SUCCESS), states.count(dg.DagsterRunStatus.FAILURE)


def tables(home: Home) -> dict[str, object]:
    market = load_market(home, "small")
    with Warehouse.of(home).connect("a look") as con:
        assert leaks(con, market) == []
        found: dict[str, object] = {
            table: con.execute(
                f"SELECT count(*), bit_xor(md5_number(t::VARCHAR)) FROM {table} AS t"
            ).fetchall()
            for table in TABLES
        }
        return found | {"accounts": cleaning.accounts(con, market)}


def kill_moments(whole: float, seed: int) -> list[float]:
    """One moment in each of six equal parts of a whole run, in a random order."""
    draw = random.Random(seed)
    moments = [whole * (part + draw.random()) / KILLS for part in range(KILLS)]
    draw.shuffle(moments)
    return moments


@pytest.mark.long
def test_an_import_that_is_killed(trained_template: Home, tmp_path: Path) -> None:
    calm, killed = Home(tmp_path / "calm"), Home(tmp_path / "killed")
    for home in (calm, killed):
        shutil.copytree(trained_template.markets, home.markets)
    scraped = trained_template.spool / "practice-small.jsonl"
    words = ("import", scraped, "-m", "small", "--format", "payload")
    whole = run(calm, words)
    assert whole is not None
    expected = tables(calm)
    cut_off = sum(run(killed, words, moment) is None for moment in kill_moments(whole, 1))
    assert cut_off > 0
    assert run(killed, words) is not None
    assert tables(killed) == expected
    well, _ = check_instance(killed)
    assert well > 0


@pytest.mark.long
def test_a_training_that_is_killed(trained_template: Home, tmp_path: Path) -> None:
    calm, killed = Home(tmp_path / "calm"), Home(tmp_path / "killed")
    for home in (calm, killed):
        shutil.copytree(trained_template.root, home.root)
        shutil.rmtree(home.releases)
    words = ("train", "-m", "small")
    whole = run(calm, words)
    assert whole is not None
    store = ReleaseStore(killed.releases)
    cut_off = 0
    for moment in kill_moments(whole, 2):
        cut_off += run(killed, words, moment) is None
        for release in store.list("small"):
            assert store.verify(release) == []
        serving = store.champion("small")
        assert serving in {None, *(release.id for release in store.list("small"))}
    assert cut_off > 0
    assert run(killed, words) is not None
    assert run(killed, ("releases", "verify", "-m", "small")) is not None
    assert store.champion("small") == ReleaseStore(calm.releases).champion("small")
    moves = [line for line in store.ledger("small") if line["event"] == "promoted"]
    assert [line["release"] for line in moves] == [store.champion("small")]
    assert not list((killed.releases / "small" / ".tmp").iterdir())
    well, badly = check_instance(killed)
    assert well > 0
    assert badly > 0
    assert tables(killed) == tables(calm)
    assert not list((killed.artifacts / "tmp").iterdir())
