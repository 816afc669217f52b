"""What the tests of the Dagster layer ask of an instance."""

from __future__ import annotations

from typing import Any

import dagster as dg

from carprice_assets.defs import launch


def latest_version(instance: dg.DagsterInstance, asset: str, market: str) -> str:
    """Data version of the newest materialization of one partition."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[market]), limit=1
    ).records
    materialization = records[0].asset_materialization
    assert materialization is not None
    return (materialization.tags or {})["dagster/data_version"]


def checks(instance: dg.DagsterInstance, outcome: launch.Outcome) -> dict[str, Any]:
    """Name of each check of a run to its evaluation."""
    found: dict[str, Any] = {}
    for entry in instance.all_logs(outcome.run_id):
        event = entry.dagster_event
        if event and event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.event_specific_data
            found[f"{evaluation.asset_key.to_user_string()}:{evaluation.check_name}"] = evaluation
    return found


def materialized(instance: dg.DagsterInstance, outcome: launch.Outcome) -> set[str]:
    """Names of the assets that a run materialized."""
    return {
        entry.dagster_event.asset_key.to_user_string()
        for entry in instance.all_logs(outcome.run_id)
        if entry.dagster_event
        and entry.dagster_event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
    }
