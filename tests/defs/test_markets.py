"""Markets as partitions: dropped in, broken, removed; two trained at once."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack

import dagster as dg
import pytest
from tests_support import SMALL_MARKET, add_market

from carprice_assets.defs import launch
from carprice_assets.defs.automation import market_files
from carprice_assets.defs.markets import synchronise
from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore

TRAIN = """
import sys
from carprice_assets.defs import launch
from carprice_assets.defs.automation import LISTINGS, training_assets
from carprice_assets.home import Home
home = Home.current()
with launch.instance(home) as instance:
    assets = [*LISTINGS, *training_assets(["random_forest", "catboost"])]
    launch.require(launch.materialize(instance, sys.argv[1], assets))
"""


def partitions(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_dynamic_partitions("market"))


def test_a_market_dropped_in_becomes_a_partition_and_a_removed_one_is_retired(home: Home) -> None:
    with launch.instance(home) as instance:
        assert partitions(instance) == {"us", "practice", "practice_eu"}
        add_market(home, "mine")
        with dg.build_sensor_context(instance=instance) as context:
            market_files(context)
        assert partitions(instance) == {"us", "practice", "practice_eu", "mine"}
        (home.markets / "mine.toml").unlink()
        synchronise(instance, home)
        assert partitions(instance) == {"us", "practice", "practice_eu"}


def test_a_broken_file_concerns_its_own_market_alone(home: Home) -> None:
    with launch.instance(home) as instance:
        add_market(home, "mine")
        synchronise(instance, home)
        add_market(home, "mine", "currency = ")
        add_market(home, "other")
        names, broken = synchronise(instance, home)
        assert "other" in names
        assert list(broken) == ["mine"]
        assert partitions(instance) == {"us", "practice", "practice_eu", "mine", "other"}


@pytest.mark.long
def test_two_markets_train_at_once_without_a_lock_error(home: Home) -> None:
    for name in ("first", "second"):
        add_market(home, name)
    environment = {**os.environ, "CARPRICE_HOME": str(home.root)}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", TRAIN, name],
                    env=environment,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for name in ("first", "second")
        ]
        errors = [process.communicate(timeout=600)[1] for process in processes]
    for process, told in zip(processes, errors, strict=True):
        assert process.returncode == 0, told[-2000:]
    store = ReleaseStore(home.releases)
    champions = {name: store.champion(name) for name in ("first", "second")}
    assert all(champions.values())
    assert champions["first"] != champions["second"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (('currency = "USD"', 'currency = "JPY"'), "currency"),
        (('distance = "mi"', 'distance = "km"'), "distance"),
        (('distance = "mi"', 'distance = "mi"\n[split]\nsalt = "other"\n'), "salt"),
        (('distance = "mi"', 'distance = "mi"\n[listings]\nprice_low = 5000\n'), "price_low"),
    ],
)
def test_a_dataset_of_other_settings_is_refused(
    trained_home: Home, change: tuple[str, str], named: str
) -> None:
    champion = ReleaseStore(trained_home.releases).champion("small")
    add_market(trained_home, "small", SMALL_MARKET.replace(*change))
    with launch.instance(trained_home) as instance:
        for assets in (["make_encoder"], ["challenger", "champion"]):
            outcome = launch.materialize(instance, "small", assets)
            assert not outcome.success
            assert f"made with {named}" in outcome.error
    assert ReleaseStore(trained_home.releases).champion("small") == champion


def test_a_real_market_says_that_it_needs_a_file(home: Home) -> None:
    with launch.instance(home) as instance:
        outcome = launch.materialize(instance, "us", ["raw_listings"])
    assert not outcome.success
    assert "state 'path' and 'format'" in outcome.error


def test_a_scrape_of_a_day_to_come_is_refused(home: Home) -> None:
    config = {"path": "cards.csv", "format": "payload", "scraped_at": "2999-01-01"}
    with launch.instance(home) as instance:
        outcome = launch.materialize(instance, "us", ["raw_listings"], {"raw_listings": config})
    assert not outcome.success
    assert "lies in the future" in outcome.error
