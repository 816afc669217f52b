"""A shadow is scored on served traffic, and nobody's answer is the worse for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_fakes import FakeCar, FakeSource, FakeValuer
from serving_releases import PARTS, PROMOTED, stage

from carprice_assets.home import Home
from carprice_assets.releases.shadow import set_shadow
from carprice_assets.releases.shadow_pairs import Pair, summarise
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.answered import Answered
from carprice_serving.app import create_app
from carprice_serving.champions import HomeReleases
from carprice_serving.settings import Settings
from carprice_serving.shadows import HomeShadows, Shadows
from carprice_serving.valuers import ValuerRegistry

CAR = {"make": "Ford", "model": "F-150", "year": 2021, "msrp": 20_000, "vin": "1FTFW1E50MFA00001"}
FORM = {"cars_data": [CAR, {"make": "Ford"}]}


class FakeShadows:
    """Shadows by market; ``fault`` is what every step of it does."""

    def __init__(self, **shadows: FakeValuer) -> None:
        self.shadows = shadows
        self.kept: list[tuple[str, str, Sequence[Pair]]] = []
        self.fault: Callable[[str], None] = lambda step: None

    def shadow(self, market: str) -> str | None:
        self.fault("shadow")
        found = self.shadows.get(market)
        return found.release_id if found else None

    def load(self, market: str, release_id: str) -> FakeValuer:
        self.fault("load")
        return self.shadows[market]

    def keep(self, market: str, release_id: str, pairs: Sequence[Pair]) -> None:
        self.fault("keep")
        self.kept.append((market, release_id, pairs))

    @property
    def pairs(self) -> list[Pair]:
        return [pair for _, _, pairs in self.kept for pair in pairs]


class Dearer(FakeValuer):
    """Prices a tenth higher."""

    def value_cars(
        self, cars: Sequence[Any], *, as_of: date, regressor: str | None = None
    ) -> list[FakeCar]:
        found = super().value_cars(cars, as_of=as_of, regressor=regressor)
        return [replace(c, price=c.price * 1.1) if c.price else c for c in found]


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


def test_what_both_say_is_kept(settings: Settings, source: FakeSource) -> None:
    shadows = FakeShadows(us=Dearer(release_id="r2"))
    with TestClient(create_app(settings, source, shadows)) as client:
        until(lambda: client.post("/api/v1/predict", json=FORM).json() and shadows.kept)
        answer = client.post("/api/v1/predict", json=FORM).json()
        assert answer["result"] == [20_000.0, None]
        assert answer["valuations"][0]["provenance"]["release"] == "r1"
        market, release, pairs = shadows.kept[0]
        assert (market, release) == ("us", "r2")
        assert [(p.champion, p.price, p.shadow) for p in pairs] == [("r1", 20_000.0, 22_000.0)]
        assert pairs[0].car == {"make": "Ford", "model": "F-150", "year": 2021}, "and no VIN"
        asked = {regressor for _, _, regressor in shadows.shadows["us"].asked}
        assert asked == {None}
        before = len(shadows.pairs)
        form = {**FORM, "model_type": "random_forest"}
        assert client.post("/api/v1/predict", json=form).status_code == 200
        long = {"cars_data": [CAR] * 45}
        assert client.post("/api/v1/predict", json=long).status_code == 200
        until(lambda: len(shadows.pairs) >= before + 45)
        sizes = [len(pairs) for _, _, pairs in shadows.kept]
        assert max(sizes) == 20, "a few at a time"


def test_without_a_shadow_and_for_the_champion_nothing_is_scored(
    settings: Settings, source: FakeSource
) -> None:
    shadows = FakeShadows(us=FakeValuer(release_id="r1"))
    with TestClient(create_app(settings, source, shadows)) as client:
        for _ in range(3):
            assert client.post("/api/v1/predict", json=FORM).status_code == 200
            time.sleep(0.03)
    assert shadows.kept == []
    assert shadows.shadows["us"].asked == []


@pytest.mark.parametrize("step", ["shadow", "load", "keep", "value"])
def test_a_fault_is_told_once_and_fails_no_answer(
    settings: Settings, source: FakeSource, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    shadows = FakeShadows(us=Dearer(release_id="r2"))
    faults = 0

    def fault(now: str) -> None:
        nonlocal faults
        if now == step:
            faults += 1
            raise OSError(28, "No space left on device")

    shadows.fault = fault
    if step == "value":
        shadows.shadows["us"].value_cars = lambda *_, **__: fault("value") or []  # type: ignore
    with (
        caplog.at_level(logging.WARNING),
        TestClient(create_app(settings, source, shadows)) as client,
    ):
        end = time.monotonic() + 30
        while not faults or len(caplog.records) < 1:
            assert time.monotonic() < end
            assert client.post("/api/v1/predict", json=FORM).json()["result"][0] == 20_000.0
        for _ in range(5):
            assert client.post("/api/v1/predict", json=FORM).json()["result"][0] == 20_000.0
        assert client.get("/ready").status_code == 200
    told = [r.getMessage() for r in caplog.records if "market us" in r.getMessage()]
    assert len(told) == 1, told
    assert "market us: its shadow is not scored: OSError" in told[0]


def test_a_shadow_that_hangs_blocks_nobody(settings: Settings, source: FakeSource) -> None:
    shadows = FakeShadows(us=Dearer(release_id="r2"))
    hanging, release = threading.Event(), threading.Event()

    def fault(step: str) -> None:
        if step == "keep":
            hanging.set()
            release.wait(60)

    shadows.fault = fault
    registry = ValuerRegistry(source)
    registry.refresh()
    scoring = Shadows(shadows, room=4)
    scoring.refresh(registry)
    scoring.start()
    try:
        answers: Any = [FakeCar(20_000.0)]
        valuer = registry.states["us"].valuer
        assert valuer is not None
        for _ in range(50):
            scoring.offer(Answered(valuer, None, date(2024, 1, 1), [CAR], answers))
        assert hanging.wait(30)
        begin = time.thread_time()
        for _ in range(1_000):
            scoring.offer(Answered(valuer, None, date(2024, 1, 1), [CAR], answers))
        assert time.thread_time() - begin < 1.0, "an offer costs next to nothing"
        assert scoring.dropped >= 1_000
    finally:
        release.set()
        scoring.stop()
    assert len(shadows.kept) <= 6


def test_it_works_a_tenth_of_the_time(source: FakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    shadows = FakeShadows(us=Dearer(release_id="r2"))
    registry = ValuerRegistry(source)
    registry.refresh()
    scoring = Shadows(shadows)
    scoring.refresh(registry)
    shadows.fault = lambda step: time.sleep(0.02)
    ending = scoring._ending
    monkeypatch.setattr(ending, "wait", lambda seconds=None: rests.append(seconds or 0.0) and False)
    scoring.start()
    valuer = registry.states["us"].valuer
    assert valuer is not None
    answers: Any = [FakeCar(20_000.0)]
    scoring.offer(Answered(valuer, None, date(2024, 1, 1), [CAR], answers))
    until(lambda: rests)
    scoring.stop()
    assert rests[0] >= 9 * 0.02


def test_a_damaged_shadow_is_tried_again_later(source: FakeSource) -> None:
    now = 0.0
    shadows = FakeShadows(us=Dearer(release_id="r2"))
    loads = 0

    def fault(step: str) -> None:
        nonlocal loads
        if step == "load":
            loads += 1
            if loads == 1:
                raise OSError(5, "Input/output error")

    shadows.fault = fault
    registry = ValuerRegistry(source)
    registry.refresh()
    scoring = Shadows(shadows, clock=lambda: now)
    for _ in range(5):
        scoring.refresh(registry)
    assert loads == 1
    now = 61.0
    for _ in range(5):
        scoring.refresh(registry)
    assert loads == 2, "and a loaded one is not loaded again"


def test_a_real_release_in_a_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    store = ReleaseStore(home.releases)
    first, second = stage(home, tmp_path, 10.0), stage(home, tmp_path, 11.0)
    store.promote("us", first, None, PROMOTED)

    class Own(HomeShadows):
        def load(self, market: str, release_id: str) -> Any:
            return HomeReleases(home, PARTS).load(market, release_id)

    settings = Settings(home=home, poll_seconds=0.01)
    app = create_app(settings, HomeReleases(home, PARTS), Own(home))
    car = {"make": "Ford", "model": "F-150", "year": 2021}
    with TestClient(app) as client:

        def ask() -> None:
            assert client.post("/api/v1/predict", json={"cars_data": [car]}).json()["result"] == [
                20_210.0
            ]

        ask()
        assert summarise(home.releases, "us", second) is None
        set_shadow(store, "us", second)
        until(lambda: ask() or summarise(home.releases, "us", second))
        found = summarise(home.releases, "us", second)
        assert found is not None
        assert found.median == pytest.approx(0.1)
        assert found.champions == (first,)
