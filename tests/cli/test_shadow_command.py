"""``carprice releases shadow``: a staged release beside the champion, from traffic to decision."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from click.testing import Result
from litestar.testing import TestClient

from carprice_assets.defs import launch
from carprice_assets.files import write_atomic
from carprice_assets.home import Home
from carprice_assets.releases.shadow_pairs import summarise
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

CARS = [
    {"make": "Toyota", "model": "RAV4", "year": 2022, "mileage": 30_000, "stock_type": "Used"},
    {"make": "Ford", "model": "F-150", "year": 2023, "mileage": 5_000, "stock_type": "Used"},
]


def another(store: ReleaseStore, champion: str) -> str:
    """A release with the champion's answers and another id."""

    def build(folder: Path) -> None:
        shutil.copytree(store.open("small", champion).content, folder, dirs_exist_ok=True)
        head = json.loads((folder / "release.json").read_bytes())
        head["data"]["note"] = "another"
        (folder / "release.json").write_bytes(json.dumps(head).encode())

    return store.stage("small", build, {}).id


def test_from_traffic_to_the_decision(
    trained_home: Home, carprice: Callable[..., Result], refused: Callable[..., str]
) -> None:
    store = ReleaseStore(trained_home.releases)
    champion = store.champion("small") or ""
    other = another(store, champion)
    words = ("releases", "shadow", "-m", "small")
    assert carprice(*words).stdout == "market small: no shadow\n"
    assert "serves already" in refused(*words, champion)
    assert "has no shadow" in refused(*words, "--off")
    assert "name no release" in refused(*words, other, "--off")
    settings = Settings(home=trained_home, poll_seconds=0.02, default_market="small")
    with TestClient(create_app(settings)) as client:

        def ask() -> list[float | None]:
            return client.post("/api/v1/predict", json={"cars_data": CARS}).json()["result"]

        before = ask()
        assert before.count(None) < 2
        assert carprice(*words, other).stdout == f"market small: release {other} is the shadow\n"
        listed = carprice("releases", "list", "-m", "small").stdout.splitlines()
        assert [line[2:34] for line in listed if line.endswith(", the shadow")] == [other]
        end = time.monotonic() + 60
        while not summarise(store.root, "small", other):
            assert time.monotonic() < end
            assert ask() == before
        assert carprice(*words, "--off").stdout == "market small: no shadow\n"
    card = carprice("releases", "show", "-m", "small", other).stdout
    assert "## Shadow" in card
    assert "median difference +0.0%" in card
    assert f"Beside {champion}." in card
    assert "| shadowed |" in card
    assert "## Shadow" not in carprice("releases", "show", "-m", "small").stdout
    assert store.verify(store.open("small", other)) == []
    reference = trained_home.artifacts / "refs" / "challenger" / "small.json"
    write_atomic(reference, json.dumps({"release": other}).encode())
    with launch.instance(trained_home) as instance:
        launch.materialize(instance, "small", ["champion"])
        records = instance.fetch_observations(dg.AssetKey("champion"), limit=1).records
        seen = records[0].asset_observation
        assert seen is not None
        assert "median difference +0.0%" in str(seen.metadata["shadow"].value)
