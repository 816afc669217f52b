"""Runs whose process is gone are marked as failed, and the pool's slot is free again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import pytest

from carprice_assets.defs import launch
from carprice_assets.home import Home

POOL = "warehouse"
STATES = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED]


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with launch.instance(home) as opened:
        yield opened


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is killed."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as running:
        yield running
        running.kill()


@dg.job
def nothing() -> None: ...


def start(instance: dg.DagsterInstance, mark: str, status: dg.DagsterRunStatus) -> str:
    tags = {launch.OWNER_TAG: mark}
    return instance.create_run_for_job(nothing, status=status, tags=tags).run_id


def holders(instance: dg.DagsterInstance) -> list[str]:
    slots = instance.event_log_storage.get_concurrency_info(POOL).claimed_slots
    return [slot.run_id for slot in slots]


def claim(instance: dg.DagsterInstance, run: str) -> None:
    instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
    instance.event_log_storage.claim_concurrency_slot(POOL, run, "raw_listings")


@pytest.mark.parametrize("status", STATES)
def test_a_dead_run_is_failed_and_its_slot_freed(
    instance: dg.DagsterInstance, process: subprocess.Popen[bytes], status: dg.DagsterRunStatus
) -> None:
    mark = launch.process_mark(process.pid)
    assert mark is not None
    run = start(instance, mark, status)
    claim(instance, run)
    assert launch.clear_dead_runs(instance) == []
    assert holders(instance) == [run]
    process.kill()
    process.wait()
    assert launch.clear_dead_runs(instance) == [run]
    assert holders(instance) == []
    cleared = instance.get_run_by_id(run)
    assert cleared is not None
    assert cleared.status == dg.DagsterRunStatus.FAILURE
    assert launch.clear_dead_runs(instance) == []


def test_a_number_that_another_process_got_is_a_dead_run(
    instance: dg.DagsterInstance, process: subprocess.Popen[bytes]
) -> None:
    host, number, begun = (launch.process_mark(process.pid) or "").rsplit(":", 2)
    run = start(instance, f"{host}:{number}:{int(begun) - 1}", STATES[1])
    assert launch.clear_dead_runs(instance) == [run]


def test_runs_of_others_are_left_alone(instance: dg.DagsterInstance) -> None:
    elsewhere = start(instance, "another-host:1:1", STATES[1])
    of_the_ui = instance.create_run_for_job(nothing, status=STATES[1]).run_id
    claim(instance, elsewhere)
    assert launch.clear_dead_runs(instance) == []
    assert holders(instance) == [elsewhere]
    runs = (instance.get_run_by_id(run) for run in (elsewhere, of_the_ui))
    assert {run.status for run in runs if run} == {STATES[1]}


def test_who_waits_for_a_slot_gets_it_when_its_holder_dies(
    trained_home: Home, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "CLEAR_SECONDS", 0.2)
    with launch.instance(trained_home) as instance:
        run = start(instance, launch.process_mark(process.pid) or "", STATES[1])
        claim(instance, run)
        assert holders(instance) == [run]
        process.kill()
        process.wait()
        outcome = launch.materialize(instance, "small", ["dataset"])
        assert outcome.success
        assert holders(instance) == []
