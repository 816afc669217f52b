"""Real prices that are sent along become figures; each car counts once."""

from __future__ import annotations

from typing import Any

import pytest

from carprice_serving import live_errors

CARS = [{"make": "Ford", "model": "F-150", "year": 2021, "msrp": price, "trim": "S"}
        for price in (10_000, 20_000, 40_000)]  # fmt: skip
REAL = [11_000, 20_000, 30_000]


def send(client: Any, cars: list[Any], real: Any, path: str = "/api/v1/predict") -> Any:
    name = "cars_data" if path.endswith("predict") else "cars"
    return client.post(path, json={name: cars, "cars_real_price": real})


def figures(client: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/us/live-error")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["market"], answer.json()["currency"]) == ("us", "USD")
    return answer.json()["errors"]


def test_none_before_a_real_price_came(client: Any) -> None:
    assert figures(client) == []
    assert send(client, CARS, None).status_code == 200
    assert send(client, CARS, [None, 0, ""]).status_code == 200
    assert figures(client) == []


@pytest.mark.parametrize("path", ["/api/v1/predict", "/api/v1/us/valuations"])
def test_figures(client: Any, path: str) -> None:
    assert send(client, CARS, REAL, path).status_code == 200
    [found] = figures(client)
    assert found == {
        "market": "us",
        "release": "r1",
        "regressor": "catboost",
        "rows": 3,
        "mae": round((1_000 + 0 + 10_000) / 3, 2),
        "median_error": 1_000.0,
        "bias": 3_000.0,
        "mape": round((1 / 11 + 0 + 1 / 3) / 3, 5),
        "coverage": round(2 / 3, 4),
    }


def test_the_same_request_counts_once(client: Any) -> None:
    for _ in range(3):
        send(client, CARS, REAL)
    reordered = [dict(reversed(car.items())) for car in CARS]
    send(client, reordered, REAL)
    assert figures(client)[0]["rows"] == 3
    send(client, CARS[:1], [12_000])
    assert figures(client)[0]["rows"] == 4


def test_each_regressor_has_its_own(client: Any) -> None:
    body = {"cars_data": CARS[:1], "cars_real_price": [1.0]}
    for name in ("catboost", "random_forest"):
        client.post("/api/v1/predict", json={**body, "model_type": name})
    assert [each["regressor"] for each in figures(client)] == ["catboost", "random_forest"]


def test_only_cars_with_a_price_count(client: Any) -> None:
    send(client, [CARS[0], {"year": 3000}, 7], [9_000, 9_000, 9_000])
    assert figures(client)[0]["rows"] == 1


def test_what_is_kept_is_bounded(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_errors, "KEPT", 2)
    send(client, CARS, REAL)
    [found] = figures(client)
    assert (found["rows"], found["mae"]) == (2, 5_000.0)


@pytest.mark.parametrize(
    ("real", "field", "car"),
    [
        (3, "cars_real_price", None),
        ([1.0], "cars_real_price", None),
        ([1.0, 2.0, "cheap"], "cars_real_price", 2),
        ([1.0, -5, 2.0], "cars_real_price", 1),
        ([True, 1, 2], "cars_real_price", 0),
    ],
)
def test_what_is_refused_names_field_and_car(
    client: Any, real: Any, field: str, car: int | None
) -> None:
    answer = send(client, CARS, real)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["field"], error.get("car")) == (field, car)
    assert figures(client) == []


def test_an_unknown_market(client: Any) -> None:
    assert client.get("/api/v1/mars/live-error").status_code == 404
    assert client.get("/api/v1/practice/live-error").status_code == 503
