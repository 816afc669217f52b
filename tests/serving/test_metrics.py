"""Figures in Prometheus's text, of all workers together."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_fakes import FakeSource, FakeValuer

from carprice_serving.app import create_app
from carprice_serving.board import Board
from carprice_serving.metrics import Metrics
from carprice_serving.settings import Settings

LINE = re.compile(
    r'[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="(\\.|[^"\\])*")*\})? -?[0-9.e+-]+|# .+'
)
CARS = [
    {"make": "Ford", "model": "F-150", "year": 2021},
    {"make": "Ford", "model": "F-150", "year": 2021, "trim": "XLT"},
    {"make": "Nobody", "model": "x", "year": 2021},
    {"year": 3000},
]


def value(text: str, line: str) -> float:
    found = [each for each in text.splitlines() if each.startswith(line + " ")]
    assert len(found) == 1, (line, text)
    return float(found[0].rpartition(" ")[2])


def test_what_a_request_leaves(client: Any) -> None:
    assert client.post("/api/v1/predict", json={"cars_data": CARS}).status_code == 200
    assert client.post("/api/v1/us/valuations", json={"cars": CARS[:1]}).status_code == 200
    assert client.post("/api/v1/nowhere/valuations", json={"cars": []}).status_code == 404
    assert client.get("/wp-admin").status_code == 404
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = answer.text
    assert all(LINE.fullmatch(line) for line in text.splitlines()), text
    requests = "carprice_requests_total"
    assert value(text, requests + '{route="/api/v1/predict",status="200"}') == 1
    assert value(text, requests + '{route="/api/v1/{market}/valuations",status="200"}') == 1
    assert value(text, requests + '{route="/api/v1/{market}/valuations",status="404"}') == 1
    assert value(text, requests + '{route="other",status="404"}') == 1
    cars = 'carprice_cars_total{market="us",regressor="catboost",outcome='
    assert [value(text, f'{cars}"{each}"}}') for each in ("priced", "unsupported", "error")] == [
        3, 1, 1,
    ]  # fmt: skip
    assert value(text, 'carprice_cars_imputed_total{market="us"}') == 3
    assert value(text, 'carprice_request_seconds_count{route="/api/v1/predict"}') == 1
    assert value(text, 'carprice_stage_seconds_count{stage="value"}') == 2
    assert value(text, 'carprice_reloads_total{market="us",outcome="taken"}') == 1
    assert value(text, 'carprice_market_failing{market="us"}') == 0
    assert value(text, 'carprice_release_age_seconds{market="us",release="r1"}') >= 0
    assert value(text, "carprice_resident_bytes") > 1e7


def test_a_refused_reload_shows(settings: Settings) -> None:
    source = FakeSource(us=FakeValuer())
    with TestClient(create_app(settings, source)) as client:
        source.move("us", "r2")
        failing = 'carprice_market_failing{market="us"}'
        deadline = time.monotonic() + 30
        while value(client.get("/metrics").text, failing) != 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        text = client.get("/metrics").text
        assert value(text, 'carprice_reloads_total{market="us",outcome="refused"}') >= 1
        assert client.get("/ready").json()["markets"][0]["error"] == "release r2 is damaged"


def test_buckets_add_up_and_text_is_escaped() -> None:
    metrics = Metrics()
    for seconds in (0.0004, 0.0005, 0.003, 99.0):
        metrics.stages.observe(("a",), seconds)
    metrics.requests.add(('x"\\\n', "200"))
    text = metrics.told()
    buckets = re.findall(r'carprice_stage_seconds_bucket\{stage="a",le="([^"]+)"\} (\d+)', text)
    assert buckets[0] == ("0.0005", "2")
    assert buckets[-1] == ("+Inf", "4")
    assert [int(count) for _, count in buckets] == sorted(int(count) for _, count in buckets)
    assert '{route="x\\"\\\\\\n",status="200"} 1' in text


PREDICT = 'carprice_requests_total{route="/api/v1/predict",status="200"}'


def test_workers_are_told_together(
    settings: Settings, source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other workers' files, as other processes write them; the last one hangs."""
    monkeypatch.setattr("carprice_serving.running.BOARD_SECONDS", 0.01)
    other = Metrics()
    other.requests.add(("/api/v1/predict", "200"), 41)
    other.failing.set(("us",), 1.0)
    other.memory.set((), 0.0)
    told = {"pid": 1, "name": "a", "releases": {"us": "r1"}, "metrics": other.snapshot()}
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "1.json").write_text(json.dumps(told | {"at": time.monotonic() + 60}))
    (folder / "2.json").write_text("{")
    (folder / "3.json").write_text(json.dumps(told | {"pid": 3, "name": "c", "at": -60.0}))
    with TestClient(create_app(settings, source, board=Board(folder))) as client:
        client.post("/api/v1/predict", json={"cars_data": CARS})
        text = client.get("/metrics").text
        assert value(text, PREDICT) == 83
        assert value(text, 'carprice_market_failing{market="us"}') == 1
        workers = client.get("/ready").json()["workers"]
        assert [each["pid"] for each in workers] == [os.getpid(), 1]
        assert [each["releases"] for each in workers] == [{"us": "r1"}] * 2
        own = json.loads((folder / f"{os.getpid()}.json").read_bytes())
        assert own["releases"] == {"us": "r1"}
        predicted = [["/api/v1/predict", "200"], [1.0]]
        assert predicted in own["metrics"]["carprice_requests_total"], "what was told is kept"


def test_what_a_worker_counted_outlives_it(
    settings: Settings, source: FakeSource, tmp_path: Path
) -> None:
    folder = tmp_path / "board"
    folder.mkdir()
    board = Board(folder)
    for pid in (1, 3):
        dead = Metrics()
        dead.requests.add(("/api/v1/predict", "200"), 41)
        dead.seconds.observe(("/api/v1/predict",), 0.002)
        dead.failing.set(("us",), 1.0)
        told = {"pid": pid, "name": f"w{pid}", "at": 0.0, "metrics": dead.snapshot()}
        (folder / f"{pid}.json").write_text(json.dumps(told))
    with TestClient(create_app(settings, source, board=board)) as client:
        before = client.get("/metrics").text
        kept = (folder / "1.json").read_bytes()
        for pid in (1, 3, 4):
            board.retire(pid)
        for _ in range(2):
            after = client.get("/metrics").text
            assert value(after, PREDICT) == value(before, PREDICT) == 82
            count = 'carprice_request_seconds_count{route="/api/v1/predict"}'
            assert value(after, count) == value(before, count) == 2
            failing = 'carprice_market_failing{market="us"}'
            assert (value(before, failing), value(after, failing)) == (1, 0), "gauges go with it"
            assert not (folder / "3.json").exists()
            # As a reader finds it that looked between the sum and the file's end.
            (folder / "1.json").write_bytes(kept)
