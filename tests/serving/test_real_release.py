"""The service over a trained market: the reference's cars, and every mistake of a request."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from trained_releases import (
    MARKET,
    PROMOTED,
    REAL_PRICES,
    champion,
    reference_cars,
    stage_both,
)

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

PREDICT = "/api/v1/predict"
CARS = reference_cars()
USED = CARS[3]


@pytest.fixture(scope="module")
def client(trained_template: Home) -> Iterator[Any]:
    with TestClient(create_app(Settings(home=trained_template))) as client:
        yield client


def ask(client: Any, *cars: Any, **more: Any) -> tuple[list[float | None], list[dict[str, Any]]]:
    """Prices and valuations of ``cars``."""
    answer = client.post(PREDICT, json={"cars_data": list(cars), **more})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [valuation["price"] for valuation in body["valuations"]] == body["result"]
    assert len(body["result"]) == len(cars)
    return body["result"], body["valuations"]


def without(car: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in car.items() if key != name}


def test_the_four_cars_together_and_each_alone(client: Any) -> None:
    together, valuations = ask(client, *CARS, model_type="catboost", cars_real_price=REAL_PRICES)
    assert all(price is not None and 1_500 < price < 1_000_000 for price in together)
    assert len(set(together)) == 4
    assert all(valuation["errors"] == [] for valuation in valuations)
    alone = [ask(client, car)[0][0] for car in CARS]
    assert alone == pytest.approx(together, rel=1e-6)


def test_provenance_is_filled(client: Any, trained_template: Home) -> None:
    release = champion(trained_template)
    facts, head = release.provenance().facts, release.head()
    _, [valuation] = ask(client, USED)
    assert valuation["currency"] == "USD"
    assert valuation["provenance"] == {
        "market": MARKET,
        "release": release.id,
        "regressor": head.champion,
        "data_version": facts["data_version"],
        "run": facts["run"],
        "as_of": head.last_observed.isoformat(),
    }
    assert facts["data_version"]
    assert facts["run"]


@pytest.mark.parametrize("regressor", ["lasso", "random forest", "../catboost"])
def test_a_regressor_that_is_not_carried(client: Any, regressor: str) -> None:
    answer = client.post(PREDICT, json={"cars_data": CARS, "model_type": regressor})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "model_type")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        *((name, None, "missing") for name in ("make", "model", "year")),
        *((name, "", "missing") for name in ("make", "model", "year")),
        ("make", 5, "wrong_type"),
        ("model", ["F-150"], "wrong_type"),
        ("year", "next", "wrong_type"),
        ("year", {"of": 2021}, "wrong_type"),
        ("mileage", [27_667], "wrong_type"),
        ("mileage", True, "wrong_type"),
        ("msrp", "cheap", "wrong_type"),
        ("fuel_type", 3, "wrong_type"),
        ("exterior_color", {"name": "white"}, "wrong_type"),
        ("mileage", -50_000, "out_of_range"),
        ("mileage", 1e12, "out_of_range"),
        ("msrp", -1, "out_of_range"),
        ("year", 3000, "out_of_range"),
        ("year", 10**400, "wrong_type"),
    ],
)
def test_a_bad_value_is_an_error_of_its_field(
    client: Any, field: str, value: Any, code: str
) -> None:
    [price], [valuation] = ask(client, USED | {field: value})
    assert price is None
    assert [(error["code"], error["field"]) for error in valuation["errors"]] == [(code, field)]
    assert field in valuation["errors"][0]["message"]


@pytest.mark.parametrize("field", ["make", "model", "year"])
def test_a_field_that_must_be_there(client: Any, field: str) -> None:
    [price], [valuation] = ask(client, without(USED, field))
    assert price is None
    [error] = valuation["errors"]
    assert (error["code"], error["field"]) == ("missing", field)


@pytest.mark.parametrize("field", sorted(set(USED) - {"make", "model", "year"}))
@pytest.mark.parametrize("how", ["missing", "null", "empty"])
def test_a_field_that_may_be_missing(client: Any, field: str, how: str) -> None:
    change: dict[str, Any] = {"missing": {}, "null": {field: None}, "empty": {field: ""}}[how]
    [price], [valuation] = ask(client, without(USED, field) | change)
    assert price is not None
    assert price > 0
    told = [note["field"] for note in valuation["warnings"] if note["code"] == "imputed"]
    assert told == (["mileage"] if field == "mileage" else [])


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("exterior_color", "zzyx qwv", "unknown_word"),
        ("interior_color", "zzyx qwv", "unknown_word"),
        ("drivetrain", "Quantum drive", "unknown_word"),
        ("fuel_type", "Plutonium", "unknown_word"),
        ("stock_type", "Borrowed", "unknown_word"),
        ("colour", "white", "unknown_field"),
    ],
)
def test_what_is_unknown_is_priced_with_a_warning(
    client: Any, field: str, value: str, code: str
) -> None:
    [price], [valuation] = ask(client, USED | {field: value})
    assert price is not None
    assert price > 0
    told = [(note["code"], note["field"]) for note in valuation["warnings"]]
    assert (code, field) in told


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"make": "Quux Motors"}, "unknown_make"),
        ({"model": "Zephyrus 99"}, "unknown_model"),
        ({"year": 1931}, "unseen_year"),
        ({"mileage": 900_000}, "unseen_mileage"),
        ({"stock_type": "New", "mileage": 80_000}, "unseen_mileage"),
    ],
)
def test_a_car_beyond_what_was_seen_is_not_supported(
    client: Any, change: dict[str, Any], code: str
) -> None:
    [price], [valuation] = ask(client, USED | change)
    assert price is None
    assert valuation["supported"] is False
    assert code in {reason["code"] for reason in valuation["reasons"]}
    assert {error["code"] for error in valuation["errors"]} == {"unsupported"}
    assert all(error["message"] for error in valuation["errors"])


def test_every_price_has_its_range(client: Any) -> None:
    prices, valuations = ask(client, *CARS)
    for price, valuation in zip(prices, valuations, strict=True):
        assert price is not None
        assert valuation["supported"] is True
        assert 0 < valuation["low"] < price < valuation["high"]
        assert valuation["coverage"] == 0.9


def test_one_bad_car_spoils_no_other(client: Any) -> None:
    good, _ = ask(client, *CARS)
    bad: list[Any] = [USED | {"year": 3000}, None, 7, "Ford", [], {}, USED | {"mileage": -1}]
    mixed = [car for pair in zip(bad[:4], CARS, strict=True) for car in pair] + bad[4:]
    prices, valuations = ask(client, *mixed)
    assert prices[1:8:2] == pytest.approx(good, rel=1e-6)
    assert [prices[i] for i in (0, 2, 4, 6, 8, 9, 10)] == [None] * len(bad)
    fields = [[error["field"] for error in v["errors"]] for v in valuations]
    assert fields[0:8:2] == [["year"], ["car"], ["car"], ["car"]]
    assert fields[8:] == [["car"], ["make", "model", "year"], ["mileage"]]
    assert all(fields[i] == [] for i in (1, 3, 5, 7))


def test_no_cars(client: Any) -> None:
    assert ask(client) == ([], [])


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (json.dumps({"cars_data": [USED] * 10_001}), 422, "cars_data"),
        ('{"cars_data": [', 400, "body"),
        (json.dumps({"cars_data": [USED | {"model": "x" * 10_000_000}]}), 413, "body"),
        ("{}", 422, "cars_data"),
        ('{"cars_data": null}', 422, "cars_data"),
        ('{"cars_data": {"make": "Ford"}}', 422, "cars_data"),
    ],
    ids=["10,001 cars", "malformed", "10 MB", "no list", "null", "an object"],
)
def test_a_request_that_is_refused_names_the_field(
    client: Any, body: str, status: int, field: str
) -> None:
    answer = client.post(PREDICT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_long_list_is_answered_in_order(client: Any) -> None:
    years = [1990 + i % 34 for i in range(1_203)]
    prices, _ = ask(client, *({"make": "Ford", "model": "F-150", "year": year} for year in years))
    by_year = {year: ask(client, {"make": "Ford", "model": "F-150", "year": year})[0][0]
               for year in (1990, 2007, 2023)}  # fmt: skip
    for year, price in by_year.items():
        assert {prices[i] for i, each in enumerate(years) if each == year} == {price}


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.sampled_from(
        ["$24,000", "30,384 mi.", "1e308", "-1e400", "€ 9", "&amp;", "2021.5", "\x00"]
    )
)
FIELDS = [*sorted(USED), "trim", "vin"]
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES)))
def test_whatever_a_car_holds_it_gets_a_price_or_a_reason(
    client: Any, changes: list[dict[str, Any]]
) -> None:
    body = json.dumps({"cars_data": [USED | change for change in changes] + [USED]})
    answer = client.post(PREDICT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    for valuation in answer.json()["valuations"]:
        assert (valuation["price"] is None) == bool(valuation["errors"])
        assert all(error["field"] and error["message"] for error in valuation["errors"])
    assert valuation["price"] == pytest.approx(ask(client, USED)[0][0], rel=1e-6)


def test_ready_and_schema(client: Any, trained_template: Home) -> None:
    ready = client.get("/ready")
    assert ready.status_code == 200
    told = ready.json()
    assert told["default_market"] == MARKET
    [market] = [each for each in told["markets"] if each["ready"]]
    assert (market["market"], market["error"]) == (MARKET, None)
    assert market["release"] == champion(trained_template).id
    assert market["regressor"] in market["regressors"]
    page = client.get("/schema")
    addresses = re.findall(r'(?:src|href|data-openapi)="([^"]+)"', page.text)
    assert not [each for each in addresses if not each.startswith(("/", "data:"))]
    assert all(client.get(each).status_code == 200 for each in addresses if each[0] == "/")
    document = client.get("/schema/openapi.json").json()
    for example in document["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].values():
        prices, _ = ask(client, *example["value"]["cars_data"])
        assert all(price is not None for price in prices)


def test_a_promotion_and_a_rollback_are_followed(trained_home: Home) -> None:
    store = ReleaseStore(trained_home.releases)
    first = champion(trained_home).id
    second = stage_both(trained_home, trained_home.releases).id
    settings = Settings(home=trained_home, poll_seconds=0.01)
    with TestClient(create_app(settings)) as client:
        before, [valuation] = ask(client, USED)
        assert valuation["provenance"]["release"] == first
        store.promote(MARKET, second, first, PROMOTED)
        wait_for(client, second)
        after, [valuation] = ask(client, USED)
        assert valuation["provenance"]["regressor"] == "random_forest"
        assert after != before
        assert ask(client, USED, model_type="catboost")[0] == pytest.approx(before, rel=1e-6)
        store.rollback(MARKET, None, "try")
        wait_for(client, first)
        assert ask(client, USED)[0] == before


def wait_for(client: Any, release: str) -> None:
    deadline = time.monotonic() + 60
    while client.get("/ready").json()["markets"][0]["release"] != release:
        assert time.monotonic() < deadline
        time.sleep(0.01)
