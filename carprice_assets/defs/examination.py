"""What ails a home's Dagster instance, and runs that a restored home brings along."""

from __future__ import annotations

import os
import socket
import sqlite3
import time

import dagster as dg

from carprice_assets.defs.launch import (
    OWNER_TAG,
    UNFINISHED,
    end_run,
    process_mark,
    reference,
)
from carprice_assets.home import Home
from carprice_assets.housekeeping.doctor import Finding

LONG_HOURS = 24


def examine_instance(home: Home) -> list[Finding]:
    """One finding for the instance and one for each run that only seems to work."""
    if not (home.dagster / "dagster.yaml").exists():
        return [Finding("OK", "Dagster", "no instance yet")]
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    try:
        with dg.DagsterInstance.from_ref(reference(home)) as instance:
            records = instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
            runs = instance.get_runs_count()
            stale = [line for line in map(_stale, records) if line]
    except (dg.DagsterError, OSError, sqlite3.Error) as error:
        told = next(iter(str(error).splitlines()), type(error).__name__)
        return [Finding("FAIL", "Dagster", told, "carprice restore a backup, or mend dagster.yaml")]
    found = [
        Finding("WARN", "Dagster", line, "the next carprice command or the UI's daemon ends it")
        for line in stale
    ]
    active = len(records) - len(stale)
    return [Finding("OK", "Dagster", f"{runs} runs, {active} under way"), *found]


def _stale(record: dg.RunRecord) -> str:
    """Why a run that counts as under way is none; ``""`` where it is."""
    run = record.dagster_run
    mark = run.tags.get(OWNER_TAG, "")
    host, _, rest = mark.partition(":")
    if mark and host != socket.gethostname():
        return f"run {run.run_id} was begun on another machine ({host})"
    if mark and process_mark(int(rest.partition(":")[0])) != mark:
        return f"run {run.run_id}: its process is gone"
    begun = record.start_time or record.create_timestamp.timestamp()
    hours = (time.time() - begun) / 3600
    return (
        f"run {run.run_id} has been under way for {hours:.0f} hours" if hours > LONG_HOURS else ""
    )


def end_unfinished(instance: dg.DagsterInstance, why: str) -> int:
    """Mark every run that was under way as failed, and free its slots; gives how many."""
    runs = instance.get_runs(dg.RunsFilter(statuses=[*UNFINISHED, dg.DagsterRunStatus.QUEUED]))
    for run in runs:
        end_run(instance, run, why)
    return len(runs)
