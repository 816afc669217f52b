"""What a person acts on beside the price: rating, suggestions, comparables, explanation."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from threading import Event
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_fakes import FakeSource, FakeValuer, stock

from carprice_serving import details
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

CAR = {"make": "Ford", "model": "F-150", "year": 2021, "msrp": 30_000, "mileage": 10_000}
PLAIN = {
    "price", "low", "high", "coverage", "supported", "reasons", "currency", "warnings", "errors",
    "provenance",
}  # fmt: skip
ROUTE = "/api/v1/us/valuations"


@pytest.fixture
def valuer() -> FakeValuer:
    known = stock(
        {"year": 2021.0, "mileage": 16_000.0, "price": 31_000.0},
        {"year": 2019.0, "mileage": 22_000.0, "price": 27_000.0},
        {"year": 2022.0, "mileage": 10_000.0, "price": 33_000.0},
        {"model": "F-250", "price": 44_000.0},
        {"make": "Toyota", "model": "RAV4", "price": 25_000.0},
    )
    return FakeValuer(comparables=known)


def value(client: Any, *cars: Any, **more: Any) -> list[dict[str, Any]]:
    answer = client.post(ROUTE, json={"cars": list(cars), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["valuations"]


def refusal(answer: Any, status: int = 422) -> list[dict[str, Any]]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["errors"]


def test_an_ordinary_answer_has_nothing_more(client: Any) -> None:
    [found] = value(client, CAR, comparables=0, explain=False)
    assert set(found) == PLAIN


@pytest.mark.parametrize(
    ("asking", "rating"),
    [(20_000, "great"), (28_500, "good"), (30_000, "fair"), ("$31,500", "high"),
     (40_000, "overpriced")],
)  # fmt: skip
@pytest.mark.parametrize("cars", [1, 9], ids=["inline", "sliced"])
def test_an_asking_price_is_rated(client: Any, asking: Any, rating: str, cars: int) -> None:
    found = value(client, *([CAR | {"asking_price": asking}, CAR] * cars))[:2]
    assert found[0]["deal_rating"] == rating
    assert found[0]["asking_price"] == float(str(asking).strip("$").replace(",", ""))
    rated = {name: found[0][name] for name in PLAIN}
    assert rated == found[1]  # what is asked changes no price and draws no warning


def test_an_asking_price_that_is_none_is_a_warning(client: Any) -> None:
    [found] = value(client, CAR | {"asking_price": "cheap"})
    assert [note["field"] for note in found["warnings"]] == ["trim", "asking_price"]
    assert "deal_rating" not in found
    assert found["price"] == 30_000.0


def test_without_a_price_there_is_no_rating(client: Any) -> None:
    [found] = value(client, CAR | {"make": "Nobody", "asking_price": 5})
    assert (found["asking_price"], found["price"]) == (5.0, None)
    assert "deal_rating" not in found


def test_the_nearest_listings_come_first(client: Any) -> None:
    [found] = value(client, CAR, comparables=2, as_of="2024-06-01")
    assert [(each["price"], each["distance"]) for each in found["comparables"]] == [
        (31_000.0, 0.5),
        (33_000.0, 1.0),
    ]
    assert set(found["comparables"][0]) == {
        "make", "model", "trim", "year", "mileage", "stock_type", "drivetrain", "fuel_type",
        "bodystyle", "price", "observed_at", "distance",
    }  # fmt: skip


def test_each_car_gets_its_own(client: Any) -> None:
    cars = [CAR, 7, CAR | {"model": "F-250"}, CAR | {"year": 3000}, CAR | {"model": "Nova"}]
    found = value(client, *cars, comparables=20, as_of="2024-06-01")
    assert [len(each["comparables"]) if "comparables" in each else None for each in found] == [
        3, None, 1, None, 0,
    ]  # fmt: skip


def test_an_explanation_adds_up(client: Any) -> None:
    [found] = value(client, CAR | {"mileage": 0}, explain=True)
    told = found["explanation"]
    assert told["price"] == found["price"] == 30_000.0
    total = math.fsum([told["base"], *(each["amount"] for each in told["contributions"])])
    assert round(total, 2) == found["price"]
    amounts = {"+".join(each["fields"]): each["amount"] for each in told["contributions"]}
    assert amounts["mileage"] == 1_600.0
    assert amounts["msrp"] == 20_000.0
    assert told["exact"] is True
    assert "Shapley" in told["method"]


def test_an_explanation_stands_in_nobodys_way(settings: Settings, valuer: FakeValuer) -> None:
    started, go_on = Event(), Event()

    def waiting(_columns: Any, regressor: str | None = None) -> Any:
        started.set()
        assert go_on.wait(60)
        return FakeValuer().value(_columns, regressor)

    object.__setattr__(valuer, "value", waiting)
    app = create_app(settings, FakeSource(us=valuer))
    with TestClient(app) as client, ThreadPoolExecutor(1) as pool:
        long = pool.submit(value, client, CAR, explain=True)
        assert started.wait(60)
        assert value(client, CAR)[0]["price"] == 30_000.0
        assert len(value(client, CAR, comparables=1)[0]["comparables"]) == 1
        assert not long.done()
        go_on.set()
        assert "explanation" in long.result(60)[0]


def test_what_has_no_price_is_not_explained(client: Any) -> None:
    found = value(client, CAR | {"make": "Nobody"}, {"year": 3000}, explain=True)
    assert ["explanation" in each for each in found] == [False, False]


def test_no_typical_car_no_explanation(client: Any) -> None:
    [found] = value(client, CAR | {"model": "Nova"}, explain=True)
    assert [note["code"] for note in found["warnings"]] == ["imputed", "no_explanation"]


def test_suggestions_for_an_unknown_name(client: Any, valuer: FakeValuer) -> None:
    [found] = value(client, CAR | {"make": "Nobody", "model": "F-150"})
    assert "suggestions" not in found  # none is spelt alike
    object.__setattr__(valuer, "_value", unknown_model(valuer))
    [found] = value(client, CAR | {"model": "F155"})
    assert found["suggestions"] == [{"field": "model", "given": "F155", "values": ["F-150"]}]


def test_suggestions_are_looked_for_once_a_name_and_not_without_end(
    client: Any, valuer: FakeValuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(_known: Any, _make: str, model: str) -> tuple[()]:
        asked.append(model)
        return ()

    monkeypatch.setattr(details, "suggestions", counted)
    object.__setattr__(valuer, "_value", unknown_model(valuer))
    value(client, *[CAR | {"model": f"Q{n % 70}"} for n in range(700)])
    assert asked == [f"Q{n}" for n in range(50)]


def unknown_model(valuer: FakeValuer) -> Any:
    from serving_fakes import FakeCar

    from carprice_assets.listings.notes import Note

    reason = Note("unknown_model", "model", "not learned")
    return lambda _car: FakeCar(None, errors=(reason,), supported=False, reasons=(reason,))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"comparables": -1}, "comparables"),
        ({"comparables": 21}, "comparables"),
        ({"comparables": "5"}, "comparables"),
        ({"comparables": True}, "comparables"),
        ({"comparables": 1.5}, "comparables"),
        ({"explain": 1}, "explain"),
        ({"explain": "yes"}, "explain"),
    ],
)
def test_wrong_wishes(client: Any, more: dict[str, Any], field: str) -> None:
    answer = client.post(ROUTE, json={"cars": [CAR], **more})
    assert [error["field"] for error in refusal(answer)] == [field]


@pytest.mark.parametrize(
    ("cars", "more"), [(501, {"comparables": 1}), (21, {"explain": True})]
)  # fmt: skip
def test_wishes_for_too_many(client: Any, cars: int, more: dict[str, Any]) -> None:
    refusal(client.post(ROUTE, json={"cars": [CAR] * cars, **more}))
    assert len(value(client, *[CAR] * (cars - 1), **more)) == cars - 1


def test_a_release_of_an_older_version(client: Any, valuer: FakeValuer) -> None:
    valuer.comparables = None
    [found] = value(client, CAR, comparables=3, explain=True)
    assert {"no_comparables", "no_explanation"} <= {note["code"] for note in found["warnings"]}
    assert found["price"] == 30_000.0
    answer = client.get("/api/v1/us/comparables?make=Ford&model=F-150&year=2021")
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("no-comparables")


def find(client: Any, **query: Any) -> Any:
    plain = {"make": "Ford", "model": "F-150", "year": 2021}
    return client.get("/api/v1/us/comparables", params=plain | query)


def test_comparables_by_address(client: Any) -> None:
    answer = find(client, mileage="16,000 mi", stock_type="used", as_of="2024-06-01").json()
    assert [each["price"] for each in answer["comparables"]] == [31_000.0, 33_000.0, 27_000.0]
    assert answer["comparables"][0]["distance"] == 0.0
    assert (answer["currency"], answer["distance_unit"]) == ("USD", "mi")
    assert answer["provenance"]["release"] == "r1"
    assert len(find(client, count=1).json()["comparables"]) == 1


def test_comparables_of_an_unknown_name(client: Any) -> None:
    answer = find(client, model="RAV4", drivetrain="hover").json()
    assert answer["comparables"] == []
    assert answer["suggestions"] == [{"field": "make", "given": "Ford", "values": ["Toyota"]}]
    assert [note["code"] for note in answer["warnings"]] == ["unknown_word"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"year": "next"}, "year"),
        ({"year": 3000}, "year"),
        ({"make": ""}, "make"),
        ({"count": 0}, "count"),
        ({"count": 21}, "count"),
        ({"count": "9" * 5_000}, "count"),
        ({"count": "²"}, "count"),
        ({"as_of": "2024-02-30"}, "as_of"),
        ({"year": [2020, 2021]}, "year"),
    ],
)
def test_addresses_that_are_refused(client: Any, query: dict[str, Any], field: str) -> None:
    assert [error["field"] for error in refusal(find(client, **query))] == [field]


def test_comparables_of_an_unknown_market(client: Any) -> None:
    answer = client.get("/api/v1/mars/comparables?make=Ford&model=F-150&year=2021")
    assert [error["field"] for error in refusal(answer, 404)] == ["market"]


def test_the_days_are_those_of_the_request(client: Any) -> None:
    [found] = find(client, count=1, as_of="2024-06-11").json()["comparables"]
    assert date.fromisoformat(found["observed_at"]) == date(2024, 6, 1)
    assert found["distance"] == pytest.approx(10 / 365.25, abs=1e-3)


@pytest.mark.parametrize("year", [1946, 2090])
def test_comparables_of_today_are_those_of_the_data_whatever_the_clock(
    client: Any, valuer: FakeValuer, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    class Off(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(year, 1, 1, tzinfo=tz)

    for module in ("valuations", "controllers.comparables"):
        monkeypatch.setattr(f"carprice_serving.{module}.datetime", Off, raising=False)
    answer = client.get("/api/v1/us/comparables?make=Ford&model=F-150&year=2021").json()
    assert answer["provenance"]["as_of"] == valuer.last_observed.isoformat()
    assert [each["price"] for each in answer["comparables"]] == [31_000, 33_000, 27_000]
