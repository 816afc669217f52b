"""Cars as the platform's own intake reads them, asked over HTTP: no 5xx, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from serving_releases import CAR, PARTS, PROMOTED, stage

from carprice_assets.home import Home
from carprice_assets.listings.contract import FEATURE_FIELDS
from carprice_assets.listings.intake import read_cars
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.champions import HomeReleases
from carprice_serving.settings import Settings


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("cars")
    home = Home(folder / "home")
    store = ReleaseStore(home.releases)
    store.promote("us", stage(home, folder, 10.0), None, PROMOTED)
    source = HomeReleases(home, replace(PARTS, read_cars=read_cars))
    with TestClient(create_app(Settings(home=home), source), raise_server_exceptions=False) as it:
        yield it


def ask(client: Any, body: Any) -> Any:
    headers = {"content-type": "application/json"}
    return client.post("/api/v1/predict", content=json.dumps(body), headers=headers)


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in CAR.items() if name != field}


@pytest.mark.parametrize(
    ("car", "field", "code"),
    [
        (without("make"), "make", "missing"),
        (without("model"), "model", "missing"),
        (without("year"), "year", "missing"),
        (CAR | {"year": None}, "year", "missing"),
        (CAR | {"make": ""}, "make", "missing"),
        (CAR | {"year": [2021]}, "year", "wrong_type"),
        (CAR | {"year": "soon"}, "year", "wrong_type"),
        (CAR | {"year": True}, "year", "wrong_type"),
        (CAR | {"make": {}}, "make", "wrong_type"),
        (CAR | {"year": 3000}, "year", "out_of_range"),
        (CAR | {"mileage": -50_000}, "mileage", "out_of_range"),
        (CAR | {"mileage": 10**300}, "mileage", "out_of_range"),
        ("Ford", "car", "wrong_type"),
        (None, "car", "wrong_type"),
    ],
)
def test_a_car_in_error_names_its_field_beside_good_cars(
    client: Any, car: Any, field: str, code: str
) -> None:
    answer = ask(client, {"cars_data": [CAR, car, CAR]})
    assert answer.status_code == 200
    body = answer.json()
    assert body["result"] == [20_210.0, None, 20_210.0]
    errors = body["valuations"][1]["errors"]
    assert [(error["field"], error["code"]) for error in errors] == [(field, code)]
    assert body["valuations"][0]["errors"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"make": "Zorblatt"},
        {"exterior_color": "Unheard-of Sheen"},
        {"stock_type": "Ford Certified"},
        {"msrp": 0, "mileage": None},
    ],
)
def test_what_gets_a_price_all_the_same(client: Any, more: dict[str, Any]) -> None:
    answer = ask(client, {"cars_data": [CAR | more]})
    assert answer.status_code == 200
    assert answer.json()["result"] == [20_210.0]


def test_an_unknown_drivetrain_is_a_warning(client: Any) -> None:
    body = ask(client, {"cars_data": [CAR | {"drivetrain": "Quantum drive"}]}).json()
    warnings = body["valuations"][0]["warnings"]
    assert ("drivetrain", "unknown_word") in [(w["field"], w["code"]) for w in warnings]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(["2021", "1e400", "-1", "$24,000", "99 km", "F-150", "nan"]),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3),
    max_leaves=5,
)  # fmt: skip
names = st.sampled_from([f.name for f in FEATURE_FIELDS] + ["vin", "colour"])
cars = st.dictionaries(names, anything, max_size=8).map(lambda more: CAR | more) | anything


@hypothesis_settings(max_examples=300, deadline=None)
@given(cars=st.lists(cars, max_size=4), as_of=st.none() | st.dates().map(str))
def test_fuzzed_cars(client: Any, cars: list[Any], as_of: str | None) -> None:
    answer = ask(client, {"cars_data": [*cars, CAR], "as_of": as_of})
    if answer.status_code == 400:  # a number beyond JSON readers' range
        assert answer.json()["errors"][0]["field"] == "body"
        return
    assert answer.status_code == 200
    body = answer.json()
    assert len(body["result"]) == len(body["valuations"]) == len(cars) + 1
    for price, valuation in zip(body["result"], body["valuations"], strict=True):
        assert price == valuation["price"]
        assert (price is None) == bool(valuation["errors"])
