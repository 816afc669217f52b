"""What tests of several areas share: a small market, trainings, questions to an instance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from carprice_assets.defs import launch
from carprice_assets.home import Home
from carprice_assets.practice_market import PracticePayload, Settings, scrape, simulate
from carprice_assets.sources.payload import write_lines

SMALL_MARKET = """
title = "Small market"
currency = "USD"
distance = "mi"

[sources.practice]
seed = 11
size = 900
days = 9

[regressors.catboost]
iterations = 250
learning_rate = 0.1
depth = 5

[regressors.random_forest]
n_estimators = 20

[regressors.automl]
rounds = 1
learners = "lgbm"

[regressors.tensorflow_network]
members = 2
width = 16
epochs = 2
least_steps = 1

[regressors.pytorch_network]
members = 2
width = 16
epochs = 2
least_steps = 1

[bargains]
epochs = 3
max_reconstruction = 5.0
max_price_error = 5.0

[promotion]
min_r2 = 0.8
max_naive_ratio = 1.2
min_stock_type = 20
max_mileage_violations = 1.0
max_year_violations = 1.0
max_new_violations = 1.0
max_coverage_error = 0.2
max_stock_type_coverage_error = 0.3
"""
"""Trains in seconds. Its limits are its own: the platform's are tested on scorecards."""


def add_market(home: Home, name: str, text: str = SMALL_MARKET) -> None:
    """Drop a market file into a home, as a user would."""
    home.markets.mkdir(parents=True, exist_ok=True)
    (home.markets / f"{name}.toml").write_text(text, encoding="utf-8")


def train_in_process(
    home: Home, market: str, names: Sequence[str] = ("random_forest", "catboost")
) -> None:
    """Scrape the simulated stock, train, judge and promote, as `carprice run` does."""
    from carprice_assets.defs.automation import LISTINGS, training_assets

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARPRICE_HOME", str(home.root))
        patch.setenv("DAGSTER_HOME", str(home.dagster))
        with launch.instance(home) as instance:
            assets = [*LISTINGS, *training_assets(names)]
            launch.require(launch.materialize(instance, market, assets))


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


def offers_of(seed: int, size: int, days: int = 1) -> list[PracticePayload]:
    """What visits of the practice market on every second day find, priced cars alone."""
    simulated = simulate(Settings(seed=seed, size=size))
    found = [offer for day in range(0, days, 2) for offer in scrape(simulated, day)]
    return [offer for offer in found if str(offer.payload["price"] or "").isdigit()]


def with_fields(
    offers: Iterable[PracticePayload], fields: Callable[[dict[str, Any]], dict[str, Any]]
) -> list[PracticePayload]:
    """The offers with fields set that are worked out from each payload."""
    return [replace(each, payload=each.payload | fields(each.payload)) for each in offers]


def write_payloads(path: Path, offers: Iterable[PracticePayload]) -> Path:
    """A file of the format ``payload``."""
    write_lines(path, offers)
    return path
