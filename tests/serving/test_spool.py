"""What was asked is kept, bounded, without client data, and taken in exactly once."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_fakes import FakeSource, FakeValuer

from carprice_assets.listings.served import PART, READY, figures, served_folder, take_in
from carprice_assets.listings.warehouse import Warehouse
from carprice_serving import spool as spool_module
from carprice_serving.answered import Answered
from carprice_serving.app import create_app
from carprice_serving.metrics import Metrics
from carprice_serving.settings import Settings
from carprice_serving.spool import Spool
from carprice_serving.valuations import value

DAY = date(2024, 6, 30)
CAR = {"make": "Ford", "model": "F-150", "year": 2021, "mileage": 12_000.5}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(folder: Path, metrics: Metrics, clock: Clock) -> Iterator[Spool]:
    spool = Spool(folder, 100_000, metrics, clock)
    yield spool
    spool.rotate(every=True)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Any]:
    with Warehouse(tmp_path / "w.duckdb").connect() as con:
        yield con


def answered(*cars: Any, market: str = "us") -> Answered:
    valuer = FakeValuer(market=market)
    return Answered(valuer, None, DAY, cars, value(valuer, DAY, None, cars))  # type: ignore[arg-type]


def files(folder: Path, market: str = "us", ending: str = READY) -> list[Path]:
    return sorted(served_folder(folder, market).glob(f"*{ending}"))


def lines(folder: Path, market: str = "us") -> list[dict[str, Any]]:
    return [
        json.loads(line) for path in files(folder, market) for line in path.read_text().splitlines()
    ]


def counted(metrics: Metrics) -> dict[str, float]:
    return {labels[0]: values[0] for labels, values in metrics.spooled.values.items()}


def test_one_line_a_car_without_client_data(spool: Spool, folder: Path) -> None:
    private = {"vin": "1HGCM82633A004352", "dealer": "Somebody", "phone": "555", "trim": "x" * 999}
    spool(answered(CAR | private, {"year": 3000}, 5))
    spool.write()
    spool.rotate(every=True)
    first, second, third = lines(folder)
    assert first["car"] == CAR | {"trim": "x" * 120}
    assert (first["market"], first["release"], first["regressor"]) == ("us", "r1", "catboost")
    assert (first["price"], first["low"], first["supported"]) == (10_000.0, 9_000.0, True)
    assert second["errors"] == ["out_of_range:year"]
    assert third["car"] == {}
    assert len({line["id"] for line in lines(folder)}) == 3
    whole = files(folder)[0].read_text()
    assert not any(text in whole for text in ("1HGCM82633A004352", "Somebody", "555"))


def test_files_rotate_by_size_and_age(
    spool: Spool, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool(answered(CAR))
    spool.write()
    assert (len(files(folder)), len(files(folder, ending=PART))) == (0, 1)
    clock.now = spool_module.ROTATE_SECONDS
    spool.write()
    assert (len(files(folder)), len(files(folder, ending=PART))) == (1, 0)
    monkeypatch.setattr(spool_module, "ROTATE_BYTES", 1)
    for market in ("us", "practice"):
        spool(answered(CAR, market=market))
        spool.write()
    assert [len(files(folder, market)) for market in ("us", "practice")] == [2, 1]


def test_the_spool_is_bounded(
    spool: Spool, folder: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "ROTATE_BYTES", 5_000)
    for _ in range(1_000):
        spool(answered(CAR))
        spool.write()
    held = sum(path.stat().st_size for path in served_folder(folder, "us").iterdir())
    assert held <= 105_500
    told = counted(metrics)
    rows = [path.read_text().count("\n") for path in served_folder(folder, "us").iterdir()]
    assert told["kept"] == sum(rows)
    assert told["kept"] + told["dropped"] == 1_000
    assert told["dropped"] > 100


def test_a_full_queue_drops_at_once(
    spool: Spool, metrics: Metrics, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "QUEUED_CARS", 3)
    for _ in range(3):
        spool(answered(CAR, CAR))
    assert counted(metrics) == {"dropped": 4}
    spool.write()
    spool(answered(CAR, CAR, CAR))
    spool.write()
    spool.rotate(every=True)
    assert len(lines(folder)) == 5


def test_a_full_disk_drops_and_leaves_whole_lines(
    spool: Spool, metrics: Metrics, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool(answered(CAR))
    spool.write()
    file = spool._files["us"]._file

    class Full:
        """Takes ten bytes, then nothing."""

        taken = False

        def write(self, data: Any) -> int:
            if self.taken:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.taken = True
            return file.write(bytes(data)[:10])

        def __getattr__(self, name: str) -> Any:
            return getattr(file, name)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            file.close()

    monkeypatch.setattr(spool._files["us"], "_file", Full())
    spool(answered(CAR))
    spool.write()
    spool(answered(CAR | {"trim": "later"}))
    spool.write()
    spool.rotate(every=True)
    assert counted(metrics) == {"kept": 2, "dropped": 1}
    assert [line["car"].get("trim") for line in lines(folder)] == [None, "later"]


def test_a_folder_that_cannot_be_made_costs_no_answer(settings: Settings) -> None:
    settings.home.root.mkdir(exist_ok=True)
    settings.home.spool.write_text("a file where the folder should be")
    with TestClient(create_app(settings, FakeSource(us=FakeValuer()))) as client:
        answer = client.post("/api/v1/predict", json={"cars_data": [CAR]})
        assert answer.json()["result"] == [10_000.0]
        deadline = time.monotonic() + 30
        while 'spooled_total{outcome="dropped"} 1' not in client.get("/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_what_the_app_was_asked_is_there_after_its_end(settings: Settings) -> None:
    with TestClient(create_app(settings, FakeSource(us=FakeValuer()))) as client:
        client.post("/api/v1/predict", json={"cars_data": [CAR, CAR], "cars_real_price": [1, 2]})
        client.post("/api/v1/us/valuations", json={"cars": [CAR] * 20})
    assert len(lines(settings.home.spool)) == 22


def test_none_is_kept_where_none_may(settings: Settings) -> None:
    chosen = replace(settings, spool_megabytes=0)
    with TestClient(create_app(chosen, FakeSource(us=FakeValuer()))) as client:
        client.post("/api/v1/predict", json={"cars_data": [CAR]})
    assert not settings.home.spool.exists()


def test_taken_in_exactly_once(spool: Spool, folder: Path, warehouse: Any) -> None:
    spool(answered(CAR | {"make": "Škoda"}, {"make": "Nobody", "model": "x", "year": 2020}))
    spool(answered(CAR, market="practice"))
    spool.write()
    spool.rotate(every=True)
    (path,) = files(folder)
    kept = path.read_bytes()
    assert (take_in(warehouse, folder, "us").files, files(folder)) == (1, [])
    path.write_bytes(kept)  # as after a kill between the end of the transaction and the deletion
    assert take_in(warehouse, folder, "us").cars == 0
    assert files(folder) == []
    found = figures(warehouse, "us")
    assert (found["cars"], found["priced"], found["unsupported"], found["imputed"]) == (2, 1, 1, 2)
    rows = warehouse.execute(
        "SELECT make, price, as_of, supported, errors FROM served_valuations WHERE market = 'us' "
        "ORDER BY make"
    ).fetchall()
    assert rows == [
        ("Nobody", None, DAY, False, ["unsupported:make"]),
        ("Škoda", 10_000.0, DAY, True, []),
    ]
    assert len(files(folder, "practice")) == 1
    assert take_in(warehouse, folder, "practice").cars == 1


def test_a_kill_before_the_end_of_the_transaction_doubles_nothing(
    spool: Spool, folder: Path, warehouse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool(answered(CAR))
    spool.write()
    spool.rotate(every=True)

    class Killed:
        def execute(self, query: str, *more: Any) -> Any:
            if query == "COMMIT":
                raise KeyboardInterrupt
            return warehouse.execute(query, *more)

    with pytest.raises(KeyboardInterrupt):
        take_in(Killed(), folder, "us")  # type: ignore[arg-type]
    assert len(files(folder)) == 1
    assert take_in(warehouse, folder, "us").cars == 1
    assert figures(warehouse, "us")["cars"] == 1


def test_a_file_that_is_written_waits_and_a_dead_processs_is_taken(
    spool: Spool, folder: Path, warehouse: Any
) -> None:
    spool(answered(CAR))
    spool.write()
    assert take_in(warehouse, folder, "us").files == 0
    assert len(files(folder, ending=PART)) == 1
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[2]);"
        "from pathlib import Path; from test_spool import *;"
        "spool = Spool(Path(sys.argv[1]), 100_000, Metrics());"
        "spool(answered(CAR, CAR)); spool.write();"
        "spool._files['us']._file.write(b'{\"id\": \"to'); os._exit(0)"
    )
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", code, str(folder), here], check=True, timeout=60)
    assert len(files(folder, ending=PART)) == 2
    assert take_in(warehouse, folder, "us").cars == 2
    assert len(files(folder, ending=PART)) == 1


def test_an_empty_and_a_broken_file_stop_no_other(
    spool: Spool, folder: Path, warehouse: Any
) -> None:
    below = served_folder(folder, "us")
    below.mkdir(parents=True)
    (below / f"a{READY}").write_text("")
    (below / f"b{READY}").write_text("no json\n")
    spool(answered(CAR))
    spool.write()
    spool.rotate(every=True)
    told: list[str] = []
    assert take_in(warehouse, folder, "us", told.append).cars == 1
    assert any("set aside" in line for line in told)
    assert [path.name for path in below.iterdir()] == [f"b{READY}.unreadable"]


def test_a_listener_that_fails_hurts_no_answer(settings: Settings) -> None:
    from carprice_serving.answered import Listeners

    told: list[Answered] = []
    listeners = Listeners()

    def fails(_answered: Answered) -> None:
        raise ZeroDivisionError

    listeners.add(fails)
    listeners.add(told.append)
    listeners.tell(answered(CAR))
    assert len(told) == 1
