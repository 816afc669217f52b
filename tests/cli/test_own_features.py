"""A market that declares two features, from its file of cars to an answer that uses them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from litestar.testing import TestClient
from tests_support import add_market

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

Carprice = Callable[..., Result]

MARKET = """
title = "Cars with an engine"
currency = "EUR"
distance = "km"

[features.power]
kind = "number"
doc = "engine power"
unit = "kW"
low = 20
high = 800

[features.gearbox]
kind = "category"
values = ["Automatic", "Manual"]

[sources.columns]
listing_id = "Nr"
make = "Marke"
model = "Modell"
year = "Jahr"
price = "Preis"
mileage = "Stand"
stock_type = "Zustand"
scraped_at = "Tag"
power = { column = "PS", factor = 0.7355, unit = "PS" }
gearbox = "Getriebe"

[regressors.catboost]
iterations = 250
learning_rate = 0.1
depth = 5

[promotion]
min_r2 = 0.5
max_naive_ratio = 1.2
min_stock_type = 1000
min_holdout = 50
max_mileage_violations = 1.0
max_year_violations = 1.0
max_new_violations = 1.0
"""
CAR = {"make": "Opel", "model": "Astra", "year": 2019, "mileage": 60000, "stock_type": "Used"}


def write_cars(path: Path, rows: int = 900) -> Path:
    """Cars whose price hangs on power and gearbox as much as on anything else."""
    rng = np.random.default_rng(4)
    models = [("Opel", "Astra", 20e3), ("Opel", "Corsa", 15e3), ("Skoda", "Octavia", 24e3)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["Nr", "Marke", "Modell", "Jahr", "Preis", "Stand", "Zustand", "Tag", "PS", "Getriebe"]
        )
        for number in range(rows):
            make, model, worth = models[rng.integers(len(models))]
            year, km = 2010 + int(rng.integers(13)), int(rng.integers(5, 200)) * 1000
            horses, gearbox = int(rng.integers(70, 280)), ["AUTOMATIC ", "manual"][rng.integers(2)]
            worth *= 0.93 ** (2023 - year) * 0.998 ** (km / 1000) * (0.6 + horses / 250)
            worth *= (1.3 if gearbox == "manual" else 1.6) * rng.uniform(0.97, 1.03)
            told = (
                ["", "?"][number % 2] if number % 20 == 0 else f"{horses} PS"[: 3 + number % 2 * 3]
            )
            own = [told, "" if number % 25 == 1 else gearbox]
            day = f"2024-05-{1 + number % 28:02d}"
            writer.writerow(
                [f"n{number}", make, model, year, f"{worth:.0f}", km, "used", day, *own]
            )
    return path


def ask(home: Home, path: str, *cars: dict[str, Any]) -> Any:
    with TestClient(create_app(Settings(home=home))) as client:
        if not cars:
            return client.get(path).json()
        return client.post(path, json={"cars": list(cars)}).json()["valuations"]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the market ``engines``, imported and trained by the commands alone."""
    from click.testing import CliRunner

    from carprice_assets.cli import main

    home = Home(tmp_path_factory.mktemp("engines"))
    add_market(home, "engines", MARKET)
    cars = write_cars(home.root / "cars.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARPRICE_HOME", str(home.root))
        patch.setenv("DAGSTER_HOME", str(home.dagster))
        for words in (
            ["import", str(cars), "-m", "engines", "--format", "columns"],
            ["train", "-m", "engines", "--regressors", "catboost"],
        ):
            result = CliRunner().invoke(main, words)
            assert result.exit_code == 0, result.output
            if words[0] == "import":
                told = " ".join(result.stdout.split())
                assert "855 with power" in told
                assert "864 with gearbox" in told
    return home


def test_the_answer_uses_the_declared_features(engines: Home) -> None:
    weak, strong, automatic = ask(
        engines,
        "/api/v1/engines/valuations",
        CAR | {"power": 60, "gearbox": "Manual"},
        CAR | {"power": "180 kW", "gearbox": " MANUAL"},
        CAR | {"power": 60, "gearbox": "automatic"},
    )
    assert [each["errors"] for each in (weak, strong, automatic)] == [[], [], []]
    assert "unknown_field" not in json.dumps([weak, strong, automatic])
    assert strong["price"] > weak["price"] * 1.25
    assert automatic["price"] > weak["price"] * 1.10


def test_wrong_values_are_told_car_by_car(engines: Home) -> None:
    good, beyond, unknown = ask(
        engines,
        "/api/v1/engines/valuations",
        CAR,
        CAR | {"power": 900},
        CAR | {"gearbox": "CVT", "seats": 5},
    )
    assert good["price"] > 0
    assert beyond["price"] is None
    assert [(e["code"], e["field"]) for e in beyond["errors"]] == [("out_of_range", "power")]
    told = {(w["code"], w["field"]) for w in unknown["warnings"]}
    assert {("unknown_word", "gearbox"), ("unknown_field", "seats")} <= told
    assert unknown["price"] > 0


def test_the_openapi_document_of_the_market_shows_them(engines: Home) -> None:
    document = ask(engines, "/api/v1/engines/openapi.json")
    assert all(path.startswith("/api/v1/engines/") for path in document["paths"])
    query = document["paths"]["/api/v1/engines/comparables"]["get"]["parameters"]
    assert {"make", "power", "gearbox", "count"} <= {each["name"] for each in query}
    post = document["paths"]["/api/v1/engines/valuations"]["post"]
    assert post["parameters"] == []
    car = post["requestBody"]["content"]["application/json"]["schema"]["properties"]["cars"][
        "items"
    ]
    power = car["properties"]["power"]
    assert power["description"] == "engine power; unit: kW; at least 20; at most 800"
    assert "number" in power["type"]
    assert "one of Automatic, Manual" in car["properties"]["gearbox"]["description"]
    whole = ask(engines, "/schema/openapi.json")
    assert "power" not in json.dumps(whole["paths"]["/api/v1/{market}/valuations"])
    assert ask(engines, "/api/v1/nowhere/openapi.json")["status"] == 404


def test_a_file_of_cars_may_carry_them(
    engines: Home, carprice: Carprice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPRICE_HOME", str(engines.root))
    file, out = tmp_path / "ask.csv", tmp_path / "out.csv"
    file.write_text(
        "make,model,year,mileage,power\nOpel,Astra,2019,60000,60\nOpel,Astra,2019,60000,180 kW\n"
    )
    result = carprice("predict", file, "-o", out, "-m", "engines")
    assert result.exit_code == 0, result.output
    with out.open(newline="") as opened:
        weak, strong = [float(row["predicted_price"]) for row in csv.DictReader(opened)]
    assert strong > weak * 1.25


def test_reports_tell_the_error_by_category(engines: Home) -> None:
    store = ReleaseStore(engines.releases)
    release = store.open("engines", str(store.champion("engines")))
    figures = json.loads((release.content / "figures.json").read_text())
    slices = figures["regressors"]["catboost"]["slices"]["features.gearbox"]
    assert {each["name"] for each in slices} <= {"Automatic", "Manual", "others", "unknown"}
    assert {"Automatic", "Manual"} <= {each["name"] for each in slices}


def test_golden_cases_ask_with_them(engines: Home) -> None:
    store = ReleaseStore(engines.releases)
    release = store.open("engines", str(store.champion("engines")))
    cars = json.loads((release.content / "golden.json").read_text())["cars"]
    assert {"Automatic", "Manual"} <= {car.get("gearbox") for car in cars}
    assert all(20 <= car["power"] <= 800 for car in cars if "power" in car)
    assert any("power" in car for car in cars)


def test_a_release_answers_by_its_own_declaration(
    engines: Home, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPRICE_HOME", str(engines.root))
    monkeypatch.setenv("DAGSTER_HOME", str(engines.dagster))
    store = ReleaseStore(engines.releases)
    champion = str(store.champion("engines"))
    path = "/api/v1/engines/valuations"
    car = CAR | {"power": 60, "gearbox": "Manual"}
    before = ask(engines, path, car)
    file = engines.markets / "engines.toml"
    try:
        file.write_text(MARKET.replace("high = 800", "high = 50"))
        after = ask(engines, path, car)
        assert after[0]["price"] == before[0]["price"]
        told = refused("train", "-m", "engines", "--regressors", "catboost")
        assert "another declaration of features.power: import again" in told
    finally:
        file.write_text(MARKET)
    assert store.champion("engines") == champion
    valuer = Valuer.load(store.open("engines", champion).path)
    assert [(f.name, f.high) for f in valuer.features] == [
        ("gearbox", float("inf")),
        ("power", 800),
    ]
