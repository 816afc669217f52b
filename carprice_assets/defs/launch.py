"""Running assets from a shell so that they appear in the UI: same instance, same assets."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from filelock import FileLock

from carprice_assets.defs.markets import synchronise
from carprice_assets.defs.pools import ensure_pools
from carprice_assets.disk import require_space
from carprice_assets.errors import UserError
from carprice_assets.files import write_atomic
from carprice_assets.home import PROJECT, Home

OWNER_TAG = "carprice/process"
CLEAR_SECONDS = 5.0
INTERRUPTS = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class RunFailed(Exception):  # noqa: N818  # said as a sentence, as UserError is
    """A run failed by a defect of the platform; one line that names the run."""


@dataclass(frozen=True)
class CheckLine:
    """A check that did not pass: ``WARN`` or ``ERROR``, of which asset, and what it found."""

    severity: str
    asset: str
    name: str
    told: str


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    run_id
        As the UI shows it.
    success
        Whether every step and every blocking check passed.
    seconds
        Wall-clock time.
    error
        One line: what went wrong first.
    mendable
        True where that is something that the caller can mend.
    facts
        Materialized asset to its metadata: numbers, text and JSON.
    checks
        Checks that did not pass, in order.
    """

    run_id: str
    success: bool
    seconds: float = 0.0
    error: str = ""
    mendable: bool = False
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    checks: tuple[CheckLine, ...] = ()


@contextmanager
def instance(home: Home) -> Generator[dg.DagsterInstance]:
    """The Dagster instance of ``home``, with partitions in step and dead runs cleared."""
    settings = home.dagster / "dagster.yaml"
    try:
        home.dagster.mkdir(parents=True, exist_ok=True)
        if not settings.exists():
            write_atomic(settings, (PROJECT / "dagster.yaml").read_bytes())
        require_space(home.dagster)
    except OSError as error:
        raise UserError(f"{home.root}: cannot be the data home: {error.strerror}") from error
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    with ExitStack() as stack:
        # Dagster makes its SQLite files on first use, which two commands at once may not do.
        with FileLock(home.dagster / ".opening.lock"):
            opened = stack.enter_context(dg.DagsterInstance.from_ref(reference(home)))
            clear_dead_runs(opened)
            synchronise(opened, home)
            ensure_pools(opened)
        yield opened


def reference(home: Home) -> InstanceRef:
    """The instance as the UI has it, but for the capture of what steps print.

    A command's steps print to its terminal. To capture that, Dagster would start four processes
    a step, and Ctrl-C would end each with a traceback.
    """
    none = {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
    return InstanceRef.from_dir(str(home.dagster), overrides={"compute_logs": none})


def process_mark(pid: int) -> str | None:
    """Host, process id and start time of a live process; None where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] == "Z":
        return None
    return f"{socket.gethostname()}:{pid}:{fields[19]}"


def clear_dead_runs(opened: dg.DagsterInstance) -> list[str]:
    """Mark runs as failed whose process is gone, and free their slots; gives their ids.

    Only runs that a command of this host started are looked at; runs of the UI are watched
    by Dagster's own run monitoring.
    """
    cleared: list[str] = []
    for run in opened.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        mark = run.tags.get(OWNER_TAG, "")
        host, _, rest = mark.partition(":")
        if host != socket.gethostname():
            continue
        if process_mark(int(rest.partition(":")[0])) == mark:
            continue
        end_run(opened, run, "the process of this run is gone")
        cleared.append(run.run_id)
    return cleared


def end_run(opened: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    """Free a run's slots and mark it as failed."""
    # Slots first: killed between the two, the next call finds the run unfinished again.
    opened.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    opened.report_run_failed(run, why)


@contextmanager
def _watched(opened: dg.DagsterInstance, mark: str) -> Generator[None]:
    """Clear dead runs meanwhile, or a run would wait for ever for the slot of a killed one.

    An interrupt ends the runs that carry ``mark`` as failed.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(CLEAR_SECONDS):
            clear_dead_runs(opened)

    thread = threading.Thread(target=watch, name="clear dead runs", daemon=True)
    thread.start()
    try:
        yield
    except KeyboardInterrupt:
        mine = dg.RunsFilter(statuses=UNFINISHED, tags={OWNER_TAG: mark})
        for run in opened.get_runs(mine):
            end_run(opened, run, "interrupted at the terminal")
        raise
    finally:
        ended.set()
        thread.join()


def materialize(
    opened: dg.DagsterInstance,
    market: str,
    assets: Sequence[str],
    config: Mapping[str, Mapping[str, Any]] | None = None,
) -> Outcome:
    """Materialize ``assets`` of ``market`` in this process; checks on them run too.

    ``config`` maps an op's name to its config.

    Raises
    ------
    KeyboardInterrupt
        Where Ctrl-C ended a step; the run is marked as failed.
    """
    begin = time.monotonic()
    mark = process_mark(os.getpid()) or ""
    with _watched(opened, mark):
        result = _job().execute_in_process(
            instance=opened,
            partition_key=market,
            asset_selection=[dg.AssetKey(name) for name in assets],
            tags={OWNER_TAG: mark},
            run_config={
                "ops": {name: {"config": dict(values)} for name, values in (config or {}).items()},
                "loggers": {"plain": {}},
            },
            raise_on_error=False,
        )
    checks = _checks(result)
    error, mendable = _first_error(result, checks)
    return Outcome(
        run_id=result.run_id,
        success=result.success,
        seconds=time.monotonic() - begin,
        error=error,
        mendable=mendable,
        facts=_facts(result),
        checks=checks,
    )


@cache
def _job() -> dg.JobDefinition:
    """All assets as one job, of which a run takes a part."""
    from carprice_assets.definitions import defs

    return defs().resolve_implicit_global_asset_job_def()  # pyright: ignore[reportCallIssue]


def _first_error(
    result: dg.ExecuteInProcessResult, checks: Sequence[CheckLine]
) -> tuple[str, bool]:
    """What went wrong first, in one line, and whether the caller can mend it."""
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        failure = event.step_failure_data
        if failure.user_failure_data is not None:
            return failure.user_failure_data.description or f"{event.step_key} failed", True
        error = failure.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
            blocking = [check for check in checks if check.severity == "ERROR"]
            told = (f"{c.asset} is stopped by the check {c.name}: {c.told}" for c in blocking)
            return "; ".join(told), True
        if error is not None and error.cls_name in INTERRUPTS:
            raise KeyboardInterrupt
        lines = error.message.strip().splitlines() if error else []
        return f"{event.step_key}: {lines[0] if lines else 'failed'}", False
    return ("", False) if result.success else ("the run failed", False)


def _facts(result: dg.ExecuteInProcessResult) -> dict[str, Mapping[str, Any]]:
    facts: dict[str, Mapping[str, Any]] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            made = event.step_materialization_data.materialization
            facts[made.asset_key.to_user_string()] = {
                key.removeprefix("dagster/"): entry.value for key, entry in made.metadata.items()
            }
    return facts


def _checks(result: dg.ExecuteInProcessResult) -> tuple[CheckLine, ...]:
    return tuple(
        CheckLine(
            check.severity.value,
            check.asset_key.to_user_string(),
            check.check_name,
            check.description or ", ".join(f"{k} {m.value}" for k, m in check.metadata.items()),
        )
        for check in result.get_asset_check_evaluations()
        if not check.passed
    )


def require_dataset(home: Home, market: str) -> None:
    """Raise a :class:`UserError` where the market has no dataset to train on."""
    if not (home.artifacts / "refs" / "dataset" / f"{market}.json").exists():
        raise UserError(
            f"market {market} has no listings yet: carprice crawl --market {market} or"
            f" carprice import FILE --market {market} brings some"
        )


def require(outcome: Outcome) -> None:
    """End the command where the run failed.

    Raises
    ------
    UserError
        Where the caller can mend it; with the run's own line.
    RunFailed
        For a defect of the platform, whose traceback stands in the run's log.
    """
    if outcome.success:
        return
    if outcome.mendable:
        raise UserError(outcome.error)
    raise RunFailed(f"{outcome.error} (traceback: run {outcome.run_id} in the Dagster UI)")
