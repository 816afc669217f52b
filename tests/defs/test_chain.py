"""From a new scrape to a served release without a hand: scrape, sensor, training, gate, service."""

from __future__ import annotations

import time
from typing import Any

import dagster as dg
from litestar.testing import TestClient
from tests_support import SMALL_MARKET, add_market, checks

from carprice_assets.definitions import defs
from carprice_assets.defs import launch
from carprice_assets.defs.automation import (
    LISTINGS,
    WHY_TAG,
    retrain_on_new_listings,
    training_assets,
)
from carprice_assets.home import Home
from carprice_assets.regressors.registry import ALL
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

MORE = "\n[training]\nmin_new_listings = 60\n"
LENIENT = SMALL_MARKET.replace("min_r2 = 0.8", "min_r2 = 0.5").replace("ratio = 1.2", "ratio = 9.0")
DAY_9 = LENIENT.replace("iterations = 250", "iterations = 25") + MORE
DAY_21 = LENIENT.replace("days = 9", "days = 21") + MORE
"""The first training is a bad one, so that the second is better beyond chance."""
CAR = {"make": "Toyota", "model": "RAV4", "year": 2022, "mileage": 30_000, "stock_type": "Used"}


def _asked(instance: dg.DagsterInstance, cursor: str | None) -> tuple[dg.RunRequest, str]:
    """The one training that a tick of the sensor asks for, and its cursor."""
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        found: Any = retrain_on_new_listings(context)
    assert not isinstance(found, dg.SkipReason), found.skip_message
    (request,) = found.run_requests
    return request, found.cursor


def _train(instance: dg.DagsterInstance, request: dg.RunRequest) -> launch.Outcome:
    """What the request asks for, with one regressor."""
    return launch.materialize(instance, str(request.partition_key), training_assets(["catboost"]))


def test_the_job_of_the_sensor_is_the_training_of_all_regressors() -> None:
    job = defs().resolve_job_def("train_market")  # type: ignore[call-arg]
    chosen = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert chosen == set(training_assets(list(ALL)))


def test_a_new_scrape_becomes_a_served_release(home: Home) -> None:
    """Two scrapes, two trainings, and a service that lives through the second."""
    store = ReleaseStore(home.releases)
    add_market(home, "mine", DAY_9)
    with launch.instance(home) as instance:
        launch.require(launch.materialize(instance, "mine", LISTINGS))
        request, cursor = _asked(instance, None)
        assert request.partition_key == "mine"
        assert _train(instance, request).success
        first = store.champion("mine")
        assert first is not None
        settings = Settings(home=home, default_market="mine", poll_seconds=0.05)
        with TestClient(create_app(settings)) as client:
            assert _served(client) == first
            add_market(home, "mine", DAY_21)
            launch.require(launch.materialize(instance, "mine", LISTINGS))
            request, _ = _asked(instance, cursor)
            assert request.tags[WHY_TAG].endswith(" new listings")
            outcome = _train(instance, request)
            assert outcome.success, store.ledger("mine")[-1]
            second = store.champion("mine")
            assert second not in (None, first), store.ledger("mine")[-1]
            assert checks(instance, outcome)["challenger:promotion_rules"].passed
            until = time.monotonic() + 60
            while _served(client) != second:
                assert time.monotonic() < until
                time.sleep(0.05)
    (moved,) = [line for line in store.ledger("mine") if line["release"] == second]
    reasons = {reason["rule"]: reason for reason in moved["decision"]["reasons"]}
    assert reasons["improvement"]["figure"] > 0
    assert reasons["significance"]["figure"] <= 0.05
    assert moved["decision"]["against"] == first
    assert moved["decision"]["run"] == outcome.run_id


def _served(client: Any) -> str:
    """The release that prices a car now."""
    answer = client.post("/api/v1/predict", json={"cars_data": [CAR]})
    assert answer.status_code == 200, answer.text
    return answer.json()["valuations"][0]["provenance"]["release"]
