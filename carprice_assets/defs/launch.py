"""Running assets from a shell so that they appear in the UI: same instance, same assets."""

from __future__ import annotations

import logging
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from carprice_assets.defs.markets import synchronise
from carprice_assets.errors import UserError
from carprice_assets.home import PROJECT, Home

OWNER_TAG = "carprice/process"
SHORT = 60


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its id, what went wrong in one line, and one line an asset."""

    run_id: str
    success: bool
    error: str = ""
    figures: tuple[str, ...] = ()


@contextmanager
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of ``home``, with partitions in step and dead runs cleared."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    settings = home.dagster / "dagster.yaml"
    if not settings.exists():
        shutil.copyfile(PROJECT / "dagster.yaml", settings)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    with dg.DagsterInstance.get() as opened:
        clear_dead_runs(opened)
        synchronise(opened, home)
        yield opened


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
    statuses = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED]
    for run in opened.get_runs(dg.RunsFilter(statuses=[*statuses])):
        mark = run.tags.get(OWNER_TAG, "")
        host, _, rest = mark.partition(":")
        if host != socket.gethostname():
            continue
        if process_mark(int(rest.partition(":")[0])) == mark:
            continue
        opened.report_run_failed(run, "the process of this run is gone")
        opened.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        cleared.append(run.run_id)
    return cleared


def materialize(
    opened: dg.DagsterInstance,
    market: str,
    assets: Sequence[str],
    config: Mapping[str, Mapping[str, Any]] | None = None,
) -> Outcome:
    """Materialize ``assets`` of ``market`` in this process; checks on them run too.

    ``config`` maps an op's name to its config.
    """
    from carprice_assets.definitions import defs

    job = defs().resolve_implicit_global_asset_job_def()  # pyright: ignore[reportCallIssue]
    result = job.execute_in_process(
        instance=opened,
        partition_key=market,
        asset_selection=[dg.AssetKey(name) for name in assets],
        tags={OWNER_TAG: process_mark(os.getpid()) or ""},
        run_config={
            "ops": {name: {"config": dict(values)} for name, values in (config or {}).items()},
            "loggers": {"plain": {}},
        },
        raise_on_error=False,
    )
    return Outcome(result.run_id, result.success, _first_error(result), _figures(result))


def _first_error(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data is not None:
                return f"{event.step_key}: {failure.user_failure_data.description}"
            error = failure.error
            while error is not None and error.cause is not None:
                error = error.cause
            return f"{event.step_key}: {error.message.strip() if error else 'failed'}"
    return "" if result.success else "the run failed"


def _figures(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    """Each materialized asset with its short figures, then each check that did not pass."""
    lines: list[str] = []
    for event in result.all_events:
        if event.is_step_materialization:
            materialized = event.step_materialization_data.materialization
            told = [
                f"{key.removeprefix('dagster/').replace('_', ' ')} {_short(value.value)}"
                for key, value in materialized.metadata.items()
                if isinstance(value.value, int | float | str) and len(str(value.value)) < SHORT
            ]
            lines.append(f"{materialized.asset_key.to_user_string():<22} {', '.join(told)}")
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            told = check.description or ", ".join(
                f"{key} {_short(value.value)}" for key, value in check.metadata.items()
            )
            lines.append(
                f"{check.severity.value:<5} {check.asset_key.to_user_string()}"
                f":{check.check_name}  {told}"
            )
    return tuple(lines)


def _short(value: Any) -> str:
    if isinstance(value, bool) or isinstance(value, str):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def require_dataset(home: Home, market: str) -> None:
    """Raise a :class:`UserError` where the market has no dataset to train on."""
    if not (home.artifacts / "refs" / "dataset" / f"{market}.json").exists():
        raise UserError(
            f"market {market} has no listings yet: run carprice import FILE --market {market}"
        )


def training_summary(home: Home, market: str, outcome: Outcome) -> list[str]:
    """The leaderboard, the decision and the champion after a training, as lines."""
    from carprice_assets.artifacts import ArtifactStore
    from carprice_assets.files import read_json
    from carprice_assets.releases.store import ReleaseStore

    store = ReleaseStore(home.releases)
    lines: list[str] = []
    reference = home.artifacts / "refs" / "leaderboard" / f"{market}.json"
    if outcome.success and reference.exists():
        board = ArtifactStore(home.artifacts).get(read_json(reference)["address"])
        text = (board.path / "leaderboard.txt").read_text(encoding="utf-8")
        lines += ["", *text.rstrip().splitlines(), ""]
    lines += [line for line in outcome.figures if line.startswith(("WARN", "ERROR"))]
    champion = store.champion(market)
    lines.append(f"champion of {market}: {champion or 'none'}")
    return lines


def require(outcome: Outcome) -> None:
    """Raise a :class:`UserError` with the run's own line where it failed."""
    if not outcome.success:
        raise UserError(f"{outcome.error} (run {outcome.run_id})")


@dg.logger(description="One line a message, without Dagster's own head.")
def plain_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """A logger for people at a terminal: progress and warnings of assets on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter())
    logger = logging.Logger("carprice", logging.INFO)
    logger.addHandler(handler)
    return logger


class PlainFormatter(logging.Formatter):
    """Keeps the step and the message."""

    def format(self, record: logging.LogRecord) -> str:
        """``step  message``, in one line."""
        meta = getattr(record, "dagster_meta", {})
        step = meta.get("step_key") or ""
        message = meta.get("orig_message") or record.getMessage()
        return f"{step:<22} {message}"
