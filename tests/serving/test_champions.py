"""The service over a real release store: load, follow, refuse what is damaged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_releases import CAR, PARTS, PROMOTED, stage

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.champions import HomeReleases
from carprice_serving.settings import Settings
from carprice_serving.valuers import ValuerRegistry


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def store(home: Home) -> ReleaseStore:
    return ReleaseStore(home.releases)


def test_promotion_and_rollback_are_followed(
    home: Home, store: ReleaseStore, tmp_path: Path
) -> None:
    first, second = stage(home, tmp_path, 10.0), stage(home, tmp_path, 20.0)
    store.promote("us", first, None, PROMOTED)
    settings = Settings(home=home, poll_seconds=0.01)
    with TestClient(create_app(settings, HomeReleases(home, PARTS))) as client:
        answer = client.post("/api/v1/predict", json={"cars_data": [CAR, {}]}).json()
        assert answer["result"] == [20_210.0, None]
        provenance = answer["valuations"][0]["provenance"]
        assert (provenance["release"], provenance["data_version"]) == (first, "d1")
        assert (provenance["run"], provenance["as_of"]) == ("run-1", "2024-06-30")
        store.promote("us", second, first, PROMOTED)
        wait_for(client, second)
        assert client.post("/api/v1/predict", json={"cars_data": [CAR]}).json()["result"] == [
            40_420
        ]
        store.rollback("us", None, "try")
        wait_for(client, first)


def wait_for(client: Any, release: str) -> None:
    deadline = time.monotonic() + 60
    while client.get("/ready").json()["markets"][0]["release"] != release:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_damaged_release_is_told_and_the_old_one_answers(
    home: Home, store: ReleaseStore, tmp_path: Path
) -> None:
    first, second = stage(home, tmp_path, 10.0), stage(home, tmp_path, 20.0)
    store.promote("us", first, None, PROMOTED)
    registry = ValuerRegistry(HomeReleases(home, PARTS))
    registry.refresh()
    store.promote("us", second, first, PROMOTED)
    form = home.releases / "us" / second / "content" / "regressors" / "catboost" / "form.json"
    form.write_text('{"factor": 9.0}')
    registry.refresh()
    state = registry.states["us"]
    assert state.valuer is not None
    assert state.valuer.release_id == first
    assert "form.json" in str(state.error)


def test_a_broken_pointer_file_is_told(home: Home, store: ReleaseStore, tmp_path: Path) -> None:
    first = stage(home, tmp_path, 10.0)
    store.promote("us", first, None, PROMOTED)
    (home.releases / "us" / "champion.json").write_text("{")
    registry = ValuerRegistry(HomeReleases(home, PARTS))
    registry.refresh()
    assert registry.states["us"].valuer is None
    assert "champion.json" in str(registry.states["us"].error)
    assert str(home.root) not in str(registry.states["us"].error), "/ready tells it to anybody"
    assert registry.default_market == "us"


def test_a_fresh_home_knows_its_markets(home: Home) -> None:
    registry = ValuerRegistry(HomeReleases(home))
    registry.refresh()
    assert {"practice", "us"} <= set(registry.states)
    assert registry.default_market is None


def test_the_title_of_a_market_is_that_of_its_file(tmp_path: Path) -> None:
    home = Home(tmp_path)
    found = HomeReleases(home)
    assert (found.title("us"), found.title("nowhere")) == ("United States", "nowhere")
    home.markets.mkdir(parents=True)
    (home.markets / "us.toml").write_text('title = "Texas"\ncurrency = "USD"\ndistance = "mi"\n')
    assert found.title("us") == "Texas"
    (home.markets / "us.toml").write_text("title = 3")
    assert found.title("us") == "us"
