"""A name that means nothing is told, in a body and in an address."""

from __future__ import annotations

from typing import Any

import pytest
from serving_fakes import FakeValuer, stock

CAR = {"make": "Ford", "model": "F-150", "year": 2021, "msrp": 30_000}


@pytest.fixture
def valuer() -> FakeValuer:
    return FakeValuer(comparables=stock({}, {}))


def refused(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:carprice:problem:invalid-request"
    return [(error["field"], error["message"]) for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"asof": "2024-01-01"}, "did you mean as_of?"),
        ({"comparable": 5}, "did you mean comparables?"),
        ({"cars_data": [CAR]}, "did you mean cars?"),
        ({"whatever": None}, "there are: as_of, cars, cars_real_price, comparables, explain"),
    ],
)
def test_a_body(client: Any, valuer: FakeValuer, given: dict[str, Any], meant: str) -> None:
    found = refused(client.post("/api/v1/us/valuations", json={"cars": [CAR]} | given))
    assert [field for field, _ in found] == list(given)
    assert meant in found[0][1]
    assert valuer.asked == []


def test_an_empty_name_is_told_as_one(client: Any) -> None:
    [(field, message)] = refused(
        client.post("/api/v1/us/valuations", json={"cars": [CAR], "": {"mileage": 1}})
    )
    assert field == '""'
    assert "the body has no such field" in message


def test_a_long_body(client: Any) -> None:
    [(field, _)] = refused(
        client.post("/api/v1/us/valuations", json={"cars": [CAR] * 3_000, "asof": 1})
    )
    assert field == "asof"


def test_many_names_at_once(client: Any) -> None:
    body = {"cars": [CAR], "a" * 5_000: 1} | {f"n{n}": n for n in range(500)}
    found = refused(client.post("/api/v1/us/valuations", json=body))
    assert len(found) == 10
    assert len(found[0][0]) == 40


def test_the_references_route_answers_and_warns(client: Any) -> None:
    body = {"cars_data": [CAR, CAR], "asof": "2024-01-01"}
    answer = client.post("/api/v1/predict", json=body).json()
    assert answer["result"] == [30_000.0, 30_000.0]
    for each in answer["valuations"]:
        told = each["warnings"][-1]
        assert (told["code"], told["field"]) == ("unknown_field", "asof")
        assert "did you mean as_of?" in told["message"]


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("us/releases", "limits"),
        ("us/live-error", "release"),
        ("us/openapi.json", "format"),
        ("markets", "market"),
        ("us/comparables?make=Ford&model=F-150&year=2021", "colour"),
        ("us/comparables?make=Ford&model=F-150&year=2021", "asof"),
        ("us/comparables?make=Ford&model=F-150&year=2021", "observed_at"),
    ],
)
def test_an_address(client: Any, path: str, given: str) -> None:
    path = f"/api/v1/{path}"
    assert client.get(path).status_code == 200
    [(field, _)] = refused(client.get(f"{path}{'&' if '?' in path else '?'}{given}=5"))
    assert field == given


@pytest.mark.parametrize("route", ["valuations", "valuations.csv"])
def test_the_address_of_a_posted_list(client: Any, route: str) -> None:
    csv = route.endswith("csv")
    body: Any = {"content": "make,model,year\nFord,F-150,2021\n"} if csv else {"json": {"cars": []}}
    kind = {"content-type": "text/csv" if csv else "application/json"}
    path = f"/api/v1/us/{route}"
    assert client.post(path, headers=kind, **body).status_code == 200
    [(field, _)] = refused(client.post(f"{path}?asof=2024-01-01", headers=kind, **body))
    assert field == "asof"
