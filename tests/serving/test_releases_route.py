"""The releases of a market and its ledger, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_releases import PARTS, PROMOTED, stage

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.champions import HomeReleases
from carprice_serving.settings import Settings

ROUTE = "/api/v1/us/releases"


@pytest.fixture
def staged(home: Home, tmp_path: Path) -> list[str]:
    """Three releases; the first was promoted, then the second, then rolled back."""
    ids = [stage(home, tmp_path, factor) for factor in (10.0, 11.0, 12.0)]
    store = ReleaseStore(home.releases)
    store.promote("us", ids[0], None, PROMOTED)
    store.promote("us", ids[1], ids[0], PROMOTED)
    store.rollback("us", None, "it was off")
    return ids


def ask(home: Home, path: str = ROUTE) -> Any:
    app = create_app(Settings(home=home), HomeReleases(home, PARTS))
    with TestClient(app) as client:
        return client.get(path)


def test_releases_and_events_latest_first(home: Home, staged: list[str]) -> None:
    told = ask(home).json()
    assert [each["release"] for each in told["releases"]] == staged[::-1]
    assert [each["champion"] for each in told["releases"]] == [False, False, True]
    assert [event["event"] for event in told["events"]] == ["rolled_back", "promoted", "promoted"]
    assert told["events"][0]["reasons"] == ["it was off"]
    assert (told["events"][0]["release"], told["events"][0]["replaced"]) == (staged[0], staged[1])
    latest = told["releases"][0]
    assert (latest["regressor"], latest["regressors"]) == ("catboost", ["catboost"])
    assert (latest["data_version"], latest["run"]) == ("d1", "run-1")
    assert (latest["last_observed"], latest["problem"]) == ("2024-06-30", None)


def test_at_most_so_many(home: Home, staged: list[str]) -> None:
    told = ask(home, f"{ROUTE}?limit=1").json()
    assert [each["release"] for each in told["releases"]] == [staged[2]]
    assert len(told["events"]) == 1


@pytest.mark.parametrize("limit", ["0", "101", "all", "-1"])
def test_a_limit_that_is_none(home: Home, staged: list[str], limit: str) -> None:
    answer = ask(home, f"{ROUTE}?limit={limit}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["limit"]


def test_a_damaged_release_is_told_without_its_place(home: Home, staged: list[str]) -> None:
    (home.releases / "us" / staged[2] / "content" / "release.json").write_text("{")
    first = ask(home).json()["releases"][0]
    assert first["release"] == staged[2]
    assert "release.json" in first["problem"]
    assert str(home.root) not in first["problem"]


def test_unknown_market(home: Home, staged: list[str]) -> None:
    for name in ("mars", "..", "%2e%2e"):
        assert ask(home, f"/api/v1/{name}/releases").status_code == 404


def test_a_market_without_releases(home: Home) -> None:
    told = ask(home, "/api/v1/practice/releases").json()
    assert told == {"market": "practice", "releases": [], "events": []}
