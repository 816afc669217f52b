"""The check `feature_drift`: what came since the champion's data, against that data."""

from __future__ import annotations

import dagster as dg

from carprice_assets.artifacts import Artifact
from carprice_assets.defs.common import markdown_table
from carprice_assets.defs.resources import Platform
from carprice_assets.errors import UserError
from carprice_assets.listings.contract import days, take
from carprice_assets.listings.dataset import read_side
from carprice_assets.listings.feature_drift import LEAST_ROWS, FeatureDrift, feature_drift
from carprice_assets.markets import Market

CHECK = "feature_drift"
DRIFT = "drift"
"""Key of the greatest shift in the metadata of the check, which the sensor reads."""


def drift_since_champion(platform: Platform, market: Market, dataset: Artifact) -> FeatureDrift:
    """Training cars of ``dataset`` seen after the champion's data, against that data's.

    Raises
    ------
    UserError
        Where there is no champion, or its data can no longer be read.
    """
    store = platform.releases
    release = store.champion(market.name)
    if release is None:
        raise UserError("no champion to compare with")
    head = store.open(market.name, release).head()
    learned = read_side(platform.artifacts.get(str(head.data["address"])).path, "train")
    now = read_side(dataset.path, "train")
    return feature_drift(learned, take(now, now["observed_at"] > days(head.last_observed)))


def drift_result(platform: Platform, market: Market, dataset: Artifact) -> dg.AssetCheckResult:
    """The check's result: a warning above the limit, passed where nothing can be compared."""
    limit = market.training.max_drift
    try:
        found = drift_since_champion(platform, market, dataset)
    except UserError as error:
        found, why = FeatureDrift(), str(error)
    else:
        why = f"{found.rows} cars came since the champion's data, {LEAST_ROWS} are needed"
    name, most = found.greatest
    told = f"{name} moved most: {most:.2f}, the limit is {limit:g}" if found.shifts else why
    shifts = sorted(found.shifts.items(), key=lambda item: -item[1])
    return dg.AssetCheckResult(
        check_name=CHECK,
        asset_key="dataset",
        passed=most <= limit,
        severity=dg.AssetCheckSeverity.WARN,
        description=told,
        metadata={
            DRIFT: float(most),
            "feature": name or "none",
            "limit": float(limit),
            "cars": found.rows,
            "shifts": markdown_table([{"feature": k, "index": f"{v:.3f}"} for k, v in shifts]),
        },
    )
