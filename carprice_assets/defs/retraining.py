"""When a market has enough news for another training, as the event log tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from carprice_assets.defs.launch import UNFINISHED
from carprice_assets.defs.markets import PARTITION_TAG

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
    """

    version: str = ""
    trained: str = ""
    listings: int = 0
    held: str = ""


def news_of(instance: dg.DagsterInstance, market: str) -> News:
    """Compare the newest dataset of ``market`` with the one trained on last."""
    made = _materializations(instance, "dataset", market, 200)
    if not made:
        return News()
    version = _version(made[0])
    begun = _materializations(instance, TRAINED, market, 1)
    trained = str(_facts(begun[0]).get("dataset", "")) if begun else ""
    before = next((_rows(record) for record in made if _version(record) == trained), 0)
    return News(version, trained, _rows(made[0]) - before, _failed_check(instance, made[0].run_id))


def decide(news: News, needed: int, asked: str) -> str:
    """Why no training is due; empty where one is.

    ``needed`` is the market's ``min_new_listings``, ``asked`` the data version that the sensor
    asked a training for last.
    """
    if not news.version:
        return "no dataset yet"
    if news.version == news.trained:
        return "trained on this data already"
    if news.version == asked:
        return "a training on this data was asked for already"
    if news.held:
        return f"held by the failed check {news.held}"
    if news.listings < needed:
        return f"{news.listings:,} new listings of {needed:,} needed"
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
    found = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    for entry in found:
        event = entry.dagster_event
        if event is None:
            continue
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            return f"{evaluation.asset_key.to_user_string()}:{evaluation.check_name}"
    return ""
