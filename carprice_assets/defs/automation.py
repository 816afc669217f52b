"""Jobs and sensors: what runs by itself."""

from collections.abc import Sequence

import dagster as dg

from carprice_assets.defs.evaluation import report_name
from carprice_assets.defs.launch import clear_dead_runs
from carprice_assets.defs.markets import synchronise
from carprice_assets.features.registry import TRANSFORMERS
from carprice_assets.home import Home
from carprice_assets.regressors.registry import REGRESSORS

LISTINGS = ("raw_listings", "listings", "rejected_listings", "price_history", "dataset")
PROMOTION = ("leaderboard", "challenger", "champion")


def training_assets(regressors: Sequence[str]) -> list[str]:
    """The assets of one training with these regressors, from the dataset's features on."""
    return [
        *(t.name for t in TRANSFORMERS),
        "feature_set",
        *regressors,
        *(report_name(name) for name in regressors),
        *PROMOTION,
    ]


scrape_market = dg.define_asset_job(
    "scrape_market",
    selection=dg.AssetSelection.assets(*LISTINGS),
    description="Takes listings in, cleans them and splits them by vehicle.",
)
train_market = dg.define_asset_job(
    "train_market",
    selection=dg.AssetSelection.assets(*training_assets(list(REGRESSORS))),
    description="Fits, judges and promotes: from the market's dataset to a release.",
)


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the markets in step with the market files, and clears dead runs.",
)
def market_files(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """A market dropped into the markets folder is there within half a minute."""
    names, broken = synchronise(context.instance, Home.current())
    cleared = clear_dead_runs(context.instance)
    for line in broken.values():
        context.log.warning(line)
    told = f"markets: {', '.join(names)}"
    if broken:
        told += "; broken: " + "; ".join(broken.values())
    if cleared:
        told += f"; marked as failed, their process being gone: {', '.join(cleared)}"
    return dg.SkipReason(told)
