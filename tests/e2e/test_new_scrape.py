"""`carprice run` crawls a site, and a new scrape leads to a new challenger by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import dagster as dg
import pytest
from e2e_run import PROGRAM, Run, wait
from practice_sites import RunningSite

from carprice_assets.home import Home
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.releases.store import ReleaseStore

pytestmark = [pytest.mark.browser, pytest.mark.long]

CARS = 2_100
MORE = """
[training]
min_new_listings = 60

[regressors.catboost]
iterations = 300
learning_rate = 0.1
depth = 6

[regressors.random_forest]
n_estimators = 30

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


def carprice(home: Home, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "CARPRICE_HOME": str(home.root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def trainings(home: Home) -> list[dg.DagsterRun]:
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        return list(instance.get_runs(dg.RunsFilter(job_name="train_market")))


def test_a_second_day_is_counted_exactly_and_trains_a_challenger_by_itself(
    home: Home, start_run: Callable[..., Run]
) -> None:
    # Only writes the market file and knows the truth: `carprice run` starts the site itself.
    site = RunningSite(home, "mine", size=CARS, per_page=50, more=MORE)
    run = start_run(home, "mine").wait_ready()
    assert f"rows        {CARS:>10,}  read: {CARS:,} new" in run.text()
    first = ReleaseStore(home.releases).champion("mine")
    assert first is not None
    asked = [line["path"] for line in site.log()]
    assert len({path for path in asked if path.startswith("/vehicledetail/")}) == CARS
    assert trainings(home) == []

    carprice(home, "practice", "advance", "--market", "mine", "--days", "4")
    told = carprice(home, "crawl", "--market", "mine")
    truth = site.truth(0, 4)
    assert (
        f"{len(truth.new):,} new, {len(truth.changed):,} changed, 0 aged,"
        f" {len(truth.unchanged):,} unchanged"
    ) in told
    assert f"delisted    {len(truth.gone):>10,}  of {len(truth.gone):,} known" in told
    more = [line["path"] for line in site.log()][len(asked) :]
    details = [path.split("/")[2] for path in more if path.startswith("/vehicledetail/")]
    assert sorted(details) == sorted(truth.new | truth.changed | truth.gone)

    wait(lambda: any(run.is_finished for run in trainings(home)), 600.0, 2.0)
    (trained,) = trainings(home)
    assert trained.status == dg.DagsterRunStatus.SUCCESS
    assert trained.tags["dagster/sensor_name"] == "retrain_on_new_listings"
    assert trained.tags["dagster/partition"] == "mine"
    events = [line["event"] for line in ReleaseStore(home.releases).ledger("mine")]
    assert len(events) == 2
    with Warehouse.of(home).connect() as con:
        days = con.execute(
            "SELECT count(DISTINCT observed_at) FROM price_history WHERE market = 'mine'"
        ).fetchall()
    assert days == [(2,)]
