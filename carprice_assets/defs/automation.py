"""Jobs, sensors and the schedule: what runs by itself."""

import json
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import dagster as dg

from carprice_assets.bargains.autoencoders import KINDS
from carprice_assets.defs.evaluation import report_name
from carprice_assets.defs.launch import clear_dead_runs
from carprice_assets.defs.markets import synchronise
from carprice_assets.defs.pools import ensure_pools
from carprice_assets.defs.retraining import (
    TRAINING,
    UNDER_WAY,
    decide,
    due,
    news_of,
    training_under_way,
)
from carprice_assets.errors import UserError
from carprice_assets.features.registry import TRANSFORMERS
from carprice_assets.home import Home
from carprice_assets.markets import Market, Site, load_markets
from carprice_assets.regressors.registry import ALL
from carprice_assets.releases.approvals import expire, waits
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.supervise import listens

LISTINGS = ("raw_listings", "listings", "rejected_listings", "price_history", "dataset")
SCRAPE = (*LISTINGS, "bargains")
"""What a scrape or an import brings up to date; the list of bargains once there is a champion."""
PROMOTION = ("leaderboard", "challenger", "champion")


def training_assets(regressors: Sequence[str]) -> list[str]:
    """The assets of one training with these regressors, from the dataset's features on."""
    return [
        *(t.name for t in TRANSFORMERS),
        "feature_set",
        *regressors,
        *(report_name(name) for name in regressors),
        *KINDS,
        "bargain_detector",
        "bargains",
        *PROMOTION,
    ]


scrape_market = dg.define_asset_job(
    "scrape_market",
    selection=dg.AssetSelection.assets(*SCRAPE),
    description="Takes listings in, cleans them, splits them by vehicle and lists the bargains.",
)
train_market = dg.define_asset_job(
    TRAINING,
    selection=dg.AssetSelection.assets(*training_assets(list(ALL))),
    description="Fits, judges and promotes: from the market's dataset to a release.",
)
decide_release = dg.define_asset_job(
    "decide_release",
    selection=dg.AssetSelection.assets("champion"),
    description="A person's decision: state in the run config of `champion` a release to `approve`"
    " that waits, or one to `override` with a `reason`. Empty, the newest challenger is judged.",
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
    ensure_pools(context.instance)
    for line in broken.values():
        context.log.warning(line)
    told = f"markets: {', '.join(names)}"
    if broken:
        told += "; broken: " + "; ".join(broken.values())
    if cleared:
        told += f"; marked as failed, their process being gone: {', '.join(cleared)}"
    return dg.SkipReason(told)


VISIT_TAG = "carprice/visit"
"""Tag of a scheduled crawl: its market, and the number of its span of days."""

WELL = [*UNDER_WAY, dg.DagsterRunStatus.SUCCESS]


def answers(site: Site) -> bool:
    """False for a site of this machine that is not running, as a practice site may be."""
    return not site.loopback or listens(urlsplit(site.start).port or 80)


@dg.schedule(
    job=scrape_market,
    cron_schedule="17 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Crawls every market that names a site: once in every `every_days` days (two by"
    " default). It ticks daily, so that a crawl that failed is tried again the next day.",
)
def scrape_every_two_days(
    context: dg.ScheduleEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run a market and span of days, however often it ticks in it."""
    markets, _ = load_markets(Home.current())
    requested = False
    for name, market in sorted(markets.items()):
        sites = [site for site in market.sites().values() if answers(site)]
        if not sites:
            continue
        every = min(site.every_days for site in sites)
        visit = f"{name}:{every}d:{context.scheduled_execution_time.date().toordinal() // every}"
        if context.instance.get_runs(dg.RunsFilter(statuses=WELL, tags={VISIT_TAG: visit})):
            continue
        requested = True
        yield dg.RunRequest(partition_key=name, tags={VISIT_TAG: visit})
    if not requested:
        yield dg.SkipReason(
            "no market is due: each whose site answers was crawled in its span of days"
        )


@dg.sensor(
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends the waits for approval that are over, and tells who waits.",
)
def approvals(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """An overdue wait is in the ledger as expired within five minutes."""
    store, now = ReleaseStore(Home.current().releases), datetime.now(UTC)
    told: list[str] = []
    for name in sorted(load_markets(Home.current())[0]):
        try:
            over = expire(store, name, now)
            waiting = waits(store.ledger(name))
        except (UserError, OSError) as error:
            context.log.error(f"{name}: {error}")
            told.append(f"{name}: {error}")
            continue
        told += [f"{name}: the wait of {release} is over" for release in over]
        told += [f"{name}: {wait.release} waits until {wait.until:%Y-%m-%d}" for wait in waiting]
    return dg.SkipReason("; ".join(told) or "no release waits for approval")


@dg.sensor(
    job=train_market,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Trains a market again when its dataset has changed, every blocking check of the"
    " run that made it passed, and one of three asks for it: at least `training.min_new_listings`"
    " listings came since the last training, what came differs from the champion's data by more"
    " than `training.max_drift`, or the last training is more than `training.max_age_days` old. To"
    " train all the same, launch the job `train_market`.",
)
def retrain_on_new_listings(
    context: dg.SensorEvaluationContext,
) -> dg.SensorResult | dg.SkipReason:
    """At most one training a market and data version; the cursor keeps what was asked for."""
    asked: dict[str, str] = json.loads(context.cursor or "{}")
    markets, broken = load_markets(Home.current())
    requests: list[dg.RunRequest] = []
    told = [f"{name}: {line}" for name, line in sorted(broken.items())]
    for name, market in sorted(markets.items()):
        try:
            version, why = _asked_for(context.instance, market, asked.get(name, ""))
        except (
            Exception
        ):  # told in full, and of this market alone: the others are asked all the same
            context.log.error(f"{name}: {traceback.format_exc()}")
            told.append(f"{name}: could not be asked, see the log of this tick")
            continue
        told.append(f"{name}: {why}")
        if version:
            asked[name] = version
            tags = {WHY_TAG: why}
            run_key = f"{name}:{version}"
            requests.append(dg.RunRequest(run_key=run_key, partition_key=name, tags=tags))
    if not requests:
        return dg.SkipReason("; ".join(told) or "no markets")
    context.log.info("; ".join(told))
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(asked, sort_keys=True))


WHY_TAG = "carprice/why"
"""Tag of a training that the sensor asked for: new listings, drift or age."""


def _asked_for(instance: dg.DagsterInstance, market: Market, asked: str) -> tuple[str, str]:
    """The data version that a training of ``market`` is due on, empty for none; and why."""
    news = news_of(instance, market.name)
    why_not = decide(news, market.training, asked)
    if not why_not and training_under_way(instance, market.name):
        why_not = "a training is under way"
    return ("", why_not) if why_not else (news.version, due(news, market.training))
