"""What the event log says of the checks behind a release: facts for the promotion rules."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from carprice_assets.errors import UserError
from carprice_assets.releases.release import Release
from carprice_assets.releases.rules import REQUIRED_CHECKS

LOOKED_AT = 200
"""Materializations of an asset that are looked through, the newest first."""


def checks_behind(
    instance: dg.DagsterInstance, market: str, release: Release
) -> dict[str, bool | None]:
    """Each required check, ``asset:check``, where the parts of ``release`` were made.

    True or False as it ended in the run that made the dataset and the feature set of the release,
    and of the raw listings the data version behind them; None where there is no record. Data that
    came in whole once stays so: of the raw listings one passed check is enough.
    """
    try:
        data, facts = release.head().data, release.provenance().facts
    except UserError:
        return dict.fromkeys(REQUIRED_CHECKS)  # a damaged release has no record either
    versions = {
        "raw_listings": data.get("data_version"),
        "dataset": data.get("address"),
        "feature_set": facts.get("feature_set"),
    }
    found: dict[str, bool | None] = {}
    for name in REQUIRED_CHECKS:
        asset, _, check = name.partition(":")
        version = versions.get(asset)
        ends = list(_ends(instance, market, asset, check, str(version))) if version else []
        if asset == "raw_listings":
            found[name] = any(ends) if ends else None
        else:
            found[name] = ends[0] if ends else None
    return found


def _ends(
    instance: dg.DagsterInstance, market: str, asset: str, check: str, version: str
) -> Iterator[bool]:
    """How the check ended with each materialization of that data version, the newest first."""
    key = dg.AssetKey(asset)
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[market])
    for record in instance.fetch_materializations(wanted, limit=LOOKED_AT).records:
        made = record.asset_materialization
        if made is None or (made.tags or {}).get("dagster/data_version") != version:
            continue
        logs = instance.all_logs(record.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        for entry in logs:
            if entry.dagster_event is None:
                continue
            evaluation = entry.dagster_event.asset_check_evaluation_data
            if evaluation.asset_key == key and evaluation.check_name == check:
                yield evaluation.passed
