"""The asset that takes in what the service was asked, and the sensor that asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest
from tests_support import add_market

from carprice_assets.defs import launch
from carprice_assets.defs.monitoring import served_spool
from carprice_assets.home import Home
from carprice_assets.listings.served import READY, served_folder

LINE = {
    "id": "a-1",
    "answered_at": "2026-01-05T10:00:00+00:00",
    "market": "small",
    "release": "r1",
    "regressor": "catboost",
    "as_of": "2026-01-05",
    "car": {"make": "Ford", "model": "F-150", "year": 2021},
    "price": 30_000.0,
    "low": 27_000.0,
    "high": 33_000.0,
    "coverage": 0.9,
    "supported": True,
    "warnings": ["imputed:mileage"],
    "errors": [],
}


@pytest.fixture
def waiting(home: Home) -> Path:
    """A spooled file of two answers."""
    add_market(home, "small")
    folder = served_folder(home.spool, "small")
    folder.mkdir(parents=True)
    path = folder / f"20260105T100000-abcd-1{READY}"
    rows = (LINE, {**LINE, "id": "a-2", "price": None, "supported": False, "warnings": []})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_answers_are_taken_in_once_and_told(home: Home, waiting: Path) -> None:
    kept = waiting.read_bytes()
    with launch.instance(home) as instance:
        for new in (2, 0):
            launch.require(launch.materialize(instance, "small", ["served_valuations"]))
            event = instance.get_latest_materialization_event(dg.AssetKey("served_valuations"))
            assert event is not None
            materialization = event.asset_materialization
            assert materialization is not None
            told = {name: value.value for name, value in materialization.metadata.items()}
            assert (told["new_cars"], told["cars"], told["priced"]) == (new, 2, 1)
            assert (told["imputed_share"], told["unsupported_share"]) == (0.5, 0.5)
            assert not waiting.exists()
            waiting.write_bytes(kept)


def test_the_sensor_asks_where_something_waits(home: Home, waiting: Path) -> None:
    with dg.build_sensor_context() as context:
        asked = list(served_spool(context))  # type: ignore[call-overload]
        assert [request.partition_key for request in asked] == ["small"]
        waiting.unlink()
        (skipped,) = list(served_spool(context))  # type: ignore[call-overload]
        assert isinstance(skipped, dg.SkipReason)
