"""When a market has enough news for another training, as the event log tells."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from carprice_assets.defs.drift_check import CHECK as FEATURE_DRIFT
from carprice_assets.defs.drift_check import DRIFT
from carprice_assets.defs.launch import UNFINISHED
from carprice_assets.defs.markets import PARTITION_TAG
from carprice_assets.markets.market import TrainingRules

TRAINED = "feature_set"
"""The asset whose metadata tell which dataset a training has begun with."""

TRAINING = "train_market"
"""The job that trains; runs of it need not list their assets."""

UNDER_WAY = [*UNFINISHED, dg.DagsterRunStatus.QUEUED]


@dataclass(frozen=True)
class News:
    """What a market's newest dataset brings over the one trained on last.

    Attributes
    ----------
    version
        Data version of the newest dataset; empty where there is none.
    trained
        That of the dataset that the last training began with.
    listings
        Listings of the newest dataset above those of the trained one.
    held
        The failed check of the run that made the newest dataset; empty where all passed.
    age_days
        Days since the last training began; None where there was none.
    drift
        The greatest shift of a feature since the champion's data, as the check
        `feature_drift` of the newest dataset found it.
    """

    version: str = ""
    trained: str = ""
    listings: int = 0
    held: str = ""
    age_days: float | None = None
    drift: float = 0.0


def news_of(instance: dg.DagsterInstance, market: str, now: float | None = None) -> News:
    """Compare the newest dataset of ``market`` with the one trained on last.

    ``now`` is the moment by which the last training's age is told, in seconds since 1970.
    """
    made = _materializations(instance, "dataset", market, 200)
    if not made:
        return News()
    version = _version(made[0])
    begun = _materializations(instance, TRAINED, market, 1)
    trained = str(_facts(begun[0]).get("dataset", "")) if begun else ""
    before = next((_rows(record) for record in made if _version(record) == trained), 0)
    moment = time.time() if now is None else now
    return News(
        version,
        trained,
        _rows(made[0]) - before,
        _failed_check(instance, made[0].run_id),
        (moment - begun[0].timestamp) / 86_400 if begun else None,
        _drift(instance, made[0].run_id),
    )


def decide(news: News, rules: TrainingRules, asked: str) -> str:
    """Why no training is due; empty where one is, for which :func:`due` says why.

    ``asked`` is the data version that the sensor asked a training for last.
    """
    if not news.version:
        return "no dataset yet"
    if news.version == news.trained:
        return "trained on this data already"
    if news.version == asked:
        return "a training on this data was asked for already"
    if news.held:
        return f"held by the failed check {news.held}"
    return (
        ""
        if due(news, rules)
        else f"{news.listings:,} new listings of {rules.min_new_listings:,} needed"
    )


def due(news: News, rules: TrainingRules) -> str:
    """What asks for a training: new listings, drift or age; empty where nothing does."""
    if news.listings >= rules.min_new_listings:
        return f"{news.listings:,} new listings"
    if news.drift > rules.max_drift:
        return f"drift {news.drift:.2f} above {rules.max_drift:g}"
    if news.age_days is not None and news.age_days > rules.max_age_days:
        return f"the last training is {news.age_days:.0f} days old"
    return ""


def training_under_way(instance: dg.DagsterInstance, market: str) -> bool:
    """Whether a run that trains ``market`` waits or works."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY, tags={PARTITION_TAG: market}))
    trains = dg.AssetKey(TRAINED)
    return any(run.job_name == TRAINING or trains in (run.asset_selection or ()) for run in runs)


def _materializations(
    instance: dg.DagsterInstance, asset: str, market: str, limit: int
) -> list[dg.EventLogRecord]:
    """The newest first."""
    chosen = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[market])
    return list(instance.fetch_materializations(chosen, limit=limit).records)


def _version(record: dg.EventLogRecord) -> str:
    made = record.asset_materialization
    return (made.tags or {}).get("dagster/data_version", "") if made else ""


def _facts(record: dg.EventLogRecord) -> Mapping[str, Any]:
    made = record.asset_materialization
    return {key: entry.value for key, entry in made.metadata.items()} if made else {}


def _rows(record: dg.EventLogRecord) -> int:
    return int(_facts(record).get("dagster/row_count", 0))


def _failed_check(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first blocking check that failed in a run, as ``asset:check``."""
    for evaluation in _evaluations(instance, run_id):
        if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            return f"{evaluation.asset_key.to_user_string()}:{evaluation.check_name}"
    return ""


def _drift(instance: dg.DagsterInstance, run_id: str) -> float:
    """What the check on drift found in a run; 0 where it did not run."""
    for evaluation in _evaluations(instance, run_id):
        if evaluation.check_name == FEATURE_DRIFT and DRIFT in evaluation.metadata:
            return float(str(evaluation.metadata[DRIFT].value))
    return 0.0


def _evaluations(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.AssetCheckEvaluation]:
    """The check evaluations of a run, in order."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        if entry.dagster_event is not None:
            yield entry.dagster_event.asset_check_evaluation_data
