"""Following the champion pointers: swap, keep the old on failure, say why."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_fakes import FakeSource, FakeValuer

from carprice_serving.app import create_app
from carprice_serving.settings import Settings
from carprice_serving.valuers import ValuerRegistry


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def registry_of(source: FakeSource, **more: Any) -> ValuerRegistry:
    registry = ValuerRegistry(source, **more)
    registry.refresh()
    return registry


def release(registry: ValuerRegistry, market: str = "us") -> str | None:
    valuer = registry.states[market].valuer
    return valuer.release_id if valuer else None


def test_a_moved_pointer_swaps_the_valuer() -> None:
    source = FakeSource(us=FakeValuer())
    registry = registry_of(source)
    registry.refresh()
    assert (release(registry), source.loads) == ("r1", ["r1"])
    source.move("us", FakeValuer(release_id="r2"))
    assert release(registry) == "r1"
    registry.refresh()
    assert (release(registry), source.loads) == ("r2", ["r1", "r2"])


def test_a_damaged_release_leaves_the_old_one_in_service() -> None:
    clock = Clock()
    source = FakeSource(us=FakeValuer())
    registry = registry_of(source, clock=clock, retry_seconds=30)
    source.move("us", "r2")
    registry.refresh()
    assert release(registry) == "r1"
    assert registry.states["us"].error == "release r2 is damaged"
    registry.refresh()
    assert source.loads == ["r1", "r2"], "not tried again at once"
    source.champions["us"] = FakeValuer(release_id="r2")
    clock.now = 31
    registry.refresh()
    assert (release(registry), registry.states["us"].error) == ("r2", None)


def test_going_back_to_what_serves_loads_nothing() -> None:
    valuer = FakeValuer()
    source = FakeSource(us=valuer)
    registry = registry_of(source)
    source.move("us", "r2")
    registry.refresh()
    source.move("us", valuer)
    registry.refresh()
    assert registry.states["us"].error is None
    assert registry.states["us"].valuer is valuer
    assert source.loads == ["r1", "r2"]


def test_a_vanished_pointer_leaves_the_old_one_in_service() -> None:
    source = FakeSource(us=FakeValuer())
    registry = registry_of(source)
    del source.moves["us"]
    registry.refresh()
    assert release(registry) == "r1"
    assert "gone" in str(registry.states["us"].error)


def test_a_release_of_another_market_is_refused() -> None:
    registry = registry_of(FakeSource(us=FakeValuer(market="practice")))
    assert release(registry) is None
    assert registry.states["us"].error == "release r1 is of market practice"


def test_one_damaged_market_stops_no_other() -> None:
    registry = registry_of(FakeSource(us="r9", practice=FakeValuer(market="practice")))
    assert (release(registry), release(registry, "practice")) == (None, "r1")


def test_an_unreadable_list_of_markets_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeSource(us=FakeValuer())
    registry = registry_of(source)

    def fail() -> set[str]:
        raise OSError("disk")

    monkeypatch.setattr(source, "markets", fail)
    source.move("us", FakeValuer(release_id="r2"))
    registry.refresh()
    assert release(registry) == "r2"


def test_a_market_that_never_had_a_release_can_go() -> None:
    source = FakeSource(us=FakeValuer())
    registry = registry_of(source)
    source.names = set()
    registry.refresh()
    assert list(registry.states) == ["us"]


@pytest.mark.parametrize(
    ("champions", "named", "expected"),
    [
        ([], None, None),
        (["uk"], None, "uk"),
        (["practice", "us"], None, "us"),
        (["practice", "de"], None, "de"),
        (["practice", "us"], "practice", "practice"),
    ],
)
def test_default_market(champions: list[str], named: str | None, expected: str | None) -> None:
    source = FakeSource(**{name: FakeValuer(market=name) for name in champions})
    assert registry_of(source, default_market=named).default_market == expected


def test_a_damaged_champion_does_not_hand_over_to_another_market(settings: Settings) -> None:
    source = FakeSource(us="r9", practice=FakeValuer(market="practice"))
    with TestClient(create_app(settings, source)) as client:
        answer = client.post("/api/v1/predict", json={"cars_data": []})
        assert answer.status_code == 503
        assert "/ready" in answer.json()["detail"]
        ready = client.get("/ready")
        assert ready.status_code == 200
        told = {market["market"]: market for market in ready.json()["markets"]}
        assert told["us"]["error"] == "release r9 is damaged"
        assert not told["us"]["ready"]
        assert told["practice"]["ready"]


def test_ready(client: Any) -> None:
    answer = client.get("/ready")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["ready"], body["default_market"]) == (True, "us")
    [market] = body["markets"]
    assert market.pop("since")
    assert market == {
        "market": "us",
        "ready": True,
        "release": "r1",
        "regressor": "catboost",
        "regressors": ["catboost", "random_forest"],
        "currency": "USD",
        "distance": "mi",
        "last_observed": "2024-06-30",
        "error": None,
    }
    assert [m["market"] for m in client.get("/api/v1/markets").json()["markets"]] == ["us"]


def test_not_ready_without_a_champion(settings: Settings) -> None:
    with TestClient(create_app(settings, FakeSource())) as client:
        answer = client.get("/ready")
        assert answer.status_code == 503
        assert "carprice train" in answer.json()["detail"]
        assert client.get("/health").json() == {"status": "ok"}


def test_the_running_app_follows_the_pointer(client: Any, source: FakeSource) -> None:
    source.move("us", FakeValuer(release_id="r2"))
    deadline = time.monotonic() + 30
    while client.get("/ready").json()["markets"][0]["release"] != "r2":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    answer = client.post("/api/v1/predict", json={"cars_data": [{"year": 2020}]}).json()
    assert answer["valuations"][0]["provenance"]["release"] == "r2"


def test_the_default_market_stays_when_another_is_promoted() -> None:
    source = FakeSource(germany=FakeValuer(market="germany"))
    registry = registry_of(source)
    assert registry.default_market == "germany"
    source.move("us", FakeValuer())
    registry.refresh()
    assert release(registry, "us") == "r1"
    assert registry.default_market == "germany"


def test_a_vanished_folder_is_told_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource(us=FakeValuer())
    registry = registry_of(source)
    source.lost.add("r1")
    for _ in range(3):
        registry.refresh()
        told = registry.states["us"].error
        assert told == "the folder of release r1 is gone; it still answers from memory"
        assert release(registry) == "r1"
    assert sum("is gone" in each.message for each in caplog.records) == 1
    source.lost.clear()
    registry.refresh()
    assert registry.states["us"].error is None
    source.lost.add("r1")
    source.move("us", FakeValuer(release_id="r2"))
    registry.refresh()
    assert (release(registry), registry.states["us"].error) == ("r2", None)


def test_a_default_market_that_does_not_exist(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    source = FakeSource(us=FakeValuer())
    app = create_app(replace(settings, default_market="nope"), source)
    told = (
        "CARPRICE_DEFAULT_MARKET names 'nope', but no market is called so; there are: practice, us"
    )
    with TestClient(app) as client:
        assert [each.message for each in caplog.records].count(told) == 1
        answer = client.post("/api/v1/predict", json={"cars_data": []})
        assert answer.status_code == 503
        assert answer.json()["detail"] == told
        ready = client.get("/ready")
        assert ready.status_code == 200
        assert ready.json()["detail"] == f"{told}; requests that name a market: answering for us"
        assert client.post("/api/v1/us/valuations", json={"cars": []}).status_code == 200
