"""Releases change under load: no answer fails, none is mixed, and a bad release changes nothing."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_releases import CAR, PARTS, PROMOTED, PerYear, stage

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.champions import HomeReleases
from carprice_serving.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def store(home: Home) -> ReleaseStore:
    return ReleaseStore(home.releases)


def ready(client: Any) -> Any:
    return client.get("/ready").json()["markets"][0]


def wait_for(true: Any) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def prices(client: Any, cars: int = 1) -> tuple[str, set[float]]:
    """The one release that answered, and the prices."""
    answer = client.post("/api/v1/us/valuations", json={"cars": [CAR] * cars})
    assert answer.status_code == 200, answer.text
    found = answer.json()["valuations"]
    assert len(found) == cars
    (release,) = {each["provenance"]["release"] for each in found}
    return release, {each["price"] for each in found}


def test_promotions_under_load_fail_and_mix_nothing(
    home: Home, store: ReleaseStore, tmp_path: Path
) -> None:
    ids = [stage(home, tmp_path, factor) for factor in (10.0, 20.0)]
    expected = dict(zip(ids, ({20_210.0}, {40_420.0}), strict=True))
    store.promote("us", ids[0], None, PROMOTED)
    settings = Settings(home=home, poll_seconds=0.005, slice_cars=5)
    ended = threading.Event()

    def promote() -> None:
        for number in range(12):
            now, then = ids[number % 2], ids[(number + 1) % 2]
            store.promote("us", then, now, PROMOTED)
            time.sleep(0.05)
        ended.set()

    with TestClient(create_app(settings, HomeReleases(home, PARTS))) as client:
        promoting = threading.Thread(target=promote)
        promoting.start()
        seen: set[str] = set()
        while not ended.is_set():
            for cars in (1, 40):
                release, found = prices(client, cars)
                assert found == expected[release]
                seen.add(release)
        promoting.join()
        assert seen == set(ids)


class Gated(HomeReleases):
    """Sees no new pointer before it may, so that a test can break what it points to."""

    def pointer(self, market: str) -> Any:
        found = super().pointer(market)
        return found if (self.home.root / "open").exists() else found and 0


@pytest.mark.parametrize("fault", ["corrupt", "vanished", "unwarmed"])
def test_a_bad_release_leaves_the_old_one_and_says_why(
    home: Home, store: ReleaseStore, tmp_path: Path, fault: str
) -> None:
    first, second = stage(home, tmp_path, 10.0), stage(home, tmp_path, 20.0)
    store.promote("us", first, None, PROMOTED)
    parts = replace(PARTS, serving_form=_breaking) if fault == "unwarmed" else PARTS
    settings = Settings(home=home, poll_seconds=0.01, retry_seconds=0.05)
    with TestClient(create_app(settings, Gated(home, parts))) as client:
        assert prices(client)[0] == first
        store.promote("us", second, first, PROMOTED)
        folder, away = home.releases / "us" / second, tmp_path / "away"
        shutil.copytree(folder, away)
        if fault == "corrupt":
            form = folder / "content" / "regressors" / "catboost" / "form.json"
            form.write_text('{"factor": 9.0}')
        if fault == "vanished":
            shutil.rmtree(folder)
        (home.root / "open").touch()
        wait_for(lambda: ready(client)["error"])
        told = {"corrupt": "form.json", "vanished": second, "unwarmed": "broke when"}[fault]
        assert told in ready(client)["error"]
        assert prices(client) == (first, {20_210.0})
        assert 'market_failing{market="us"} 1' in client.get("/metrics").text
        if fault != "unwarmed":  # mended, it is tried again
            shutil.copytree(away, folder, dirs_exist_ok=True)
            wait_for(lambda: ready(client)["release"] == second)
            assert ready(client)["error"] is None
            assert prices(client) == (second, {40_420.0})


def _breaking(folder: Path, names: Any) -> Any:
    """Answers the golden cases, and breaks where it is warmed: after its first two calls."""
    factor = json.loads((folder / "form.json").read_bytes())["factor"]
    calls = {"left": 1}

    class Breaks(PerYear):
        def predict(self, features: Any) -> Any:
            calls["left"] -= 1
            if factor == 20.0 and calls["left"] < 0:
                raise UserError("broke when it was warmed")
            return super().predict(features)

    assert names
    return Breaks(factor)


def test_a_release_whose_folder_is_gone_goes_on_answering(
    home: Home, store: ReleaseStore, tmp_path: Path
) -> None:
    first = stage(home, tmp_path, 10.0)
    store.promote("us", first, None, PROMOTED)
    settings = Settings(home=home, poll_seconds=0.01)
    with TestClient(create_app(settings, HomeReleases(home, PARTS))) as client:
        shutil.rmtree(home.releases)
        wait_for(lambda: ready(client)["error"])
        assert prices(client) == (first, {20_210.0})
        assert ready(client)["ready"]


def test_a_clock_that_is_years_behind_changes_no_price(
    home: Home, store: ReleaseStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import UTC, date, datetime

    from carprice_serving import valuations

    first = stage(home, tmp_path, 10.0)
    store.promote("us", first, None, PROMOTED)

    class Behind(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(1970, 1, 1, tzinfo=tz or UTC)

    monkeypatch.setattr(valuations, "datetime", Behind)
    with TestClient(create_app(Settings(home=home), HomeReleases(home, PARTS))) as client:
        answer = client.post("/api/v1/us/valuations", json={"cars": [CAR]}).json()
        (valuation,) = answer["valuations"]
        assert valuation["price"] == 20_210.0
        assert date.fromisoformat(valuation["provenance"]["as_of"]) == date(2024, 6, 30)
