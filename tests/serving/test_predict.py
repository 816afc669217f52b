"""The reference's form and the list of cars: answers, refusals, order, and slices."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Event
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from serving_fakes import FakeSource, FakeValuer

from carprice_serving.app import create_app
from carprice_serving.settings import Settings

PREDICT = "/api/v1/predict"
CAR = {"make": "Ford", "model": "F-150", "year": 2021, "msrp": 45_500, "trim": "XLT"}


def post(client: Any, body: Any, path: str = PREDICT) -> Any:
    headers = {"content-type": "application/json"}
    return client.post(path, content=json.dumps(body), headers=headers)


def refused(response: Any, status: int, *fields: str) -> dict[str, Any]:
    """Problem details of ``status`` that name exactly ``fields``."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["title"]
    assert body["type"]
    assert body["detail"]
    assert tuple(error["field"] for error in body.get("errors", [])) == fields
    assert all(error["message"] for error in body.get("errors", []))
    return body


def test_answer_of_the_references_form(client: Any) -> None:
    response = post(
        client, {"model_type": "catboost", "cars_data": [CAR], "cars_real_price": [44_000]}
    )
    assert response.status_code == 200
    assert response.json() == {
        "result": [45_500.0],
        "valuations": [
            {
                "price": 45_500.0,
                "low": 40_950.0,
                "high": 50_050.0,
                "coverage": 0.9,
                "supported": True,
                "reasons": [],
                "currency": "USD",
                "warnings": [],
                "errors": [],
                "provenance": {
                    "market": "us",
                    "release": "r1",
                    "regressor": "catboost",
                    "data_version": "d1",
                    "run": "run-1",
                    "as_of": "2024-06-30",
                },
            }
        ],
    }


def test_answer_of_a_market(client: Any, valuer: FakeValuer) -> None:
    body = {"cars": [{"year": 2020}], "model_type": "random_forest", "as_of": "2024-01-31"}
    answer = post(client, body, "/api/v1/us/valuations")
    assert answer.status_code == 200
    [valuation] = answer.json()["valuations"]
    assert valuation["price"] == 10_000.0
    assert valuation["warnings"] == [{"code": "imputed", "field": "trim", "message": "not given"}]
    assert valuation["provenance"]["regressor"] == "random_forest"
    assert valuation["provenance"]["as_of"] == "2024-01-31"
    assert valuer.asked == [(1, date(2024, 1, 31), "random_forest")]


def test_today_by_default(client: Any, valuer: FakeValuer) -> None:
    before = datetime.now(UTC).date()
    assert post(client, {"cars_data": [CAR], "model_type": None, "as_of": None}).status_code == 200
    assert before <= valuer.asked[0][1] <= datetime.now(UTC).date()


def test_one_bad_car_among_good_ones(client: Any) -> None:
    cars = [CAR, {"year": 3000}, 7, CAR | {"msrp": 20_000}]
    answer = post(client, {"cars_data": cars}).json()
    assert answer["result"] == [45_500.0, None, None, 20_000.0]
    fields = [[error["field"] for error in v["errors"]] for v in answer["valuations"]]
    assert fields == [[], ["year"], ["car"], []]


@pytest.mark.parametrize("path", [PREDICT, "/api/v1/us/valuations"])
def test_a_car_that_is_not_supported_has_reasons_and_no_price(client: Any, path: str) -> None:
    cars = [CAR, CAR | {"make": "Nobody"}, {"year": 3000}]
    answer = post(client, {"cars_data" if path == PREDICT else "cars": cars}, path).json()
    good, unseen, bad = answer["valuations"]
    assert [good["supported"], unseen["supported"], bad["supported"]] == [True, False, None]
    assert (good["reasons"], bad["reasons"]) == ([], [])
    message = "no listing of make 'Nobody' was learned"
    assert unseen["reasons"] == [{"code": "unknown_make", "field": "make", "message": message}]
    assert unseen["errors"] == [{"code": "unsupported", "field": "make", "message": message}]
    for valuation in (unseen, bad):
        ends = ("price", "low", "high", "coverage")
        assert [valuation[name] for name in ends] == [None] * 4
    if path == PREDICT:
        assert answer["result"] == [45_500.0, None, None]


def test_order_holds_over_slices(client: Any, valuer: FakeValuer) -> None:
    cars = [{"year": 2020, "msrp": n, "trim": "S"} for n in range(1_203)]
    answer = post(client, {"cars_data": cars}).json()
    assert answer["result"] == [float(n) for n in range(1_203)]
    assert [count for count, _, _ in valuer.asked] == [500, 500, 203]


def test_a_long_request_stalls_no_other(settings: Settings) -> None:
    started, go_on = Event(), Event()

    class Waiting(FakeValuer):
        def value_cars(self, cars: Any, *, as_of: date, regressor: str | None = None) -> Any:
            started.set()
            assert go_on.wait(60)
            return super().value_cars(cars, as_of=as_of, regressor=regressor)

    app = create_app(settings, FakeSource(us=Waiting()))
    with TestClient(app) as client, ThreadPoolExecutor(1) as pool:
        long = pool.submit(post, client, {"cars_data": [CAR] * 9})
        assert started.wait(60)
        assert client.get("/health").status_code == 200
        assert not long.done()
        go_on.set()
        assert long.result(60).status_code == 200


def test_empty_list(client: Any) -> None:
    answer = post(client, {"cars_data": []})
    assert answer.status_code == 200
    assert answer.json() == {"result": [], "valuations": []}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nul", b'{"cars_data": [NaN]}', b"[" * 100_000, b"\xff"]
)
def test_malformed_json(client: Any, body: bytes) -> None:
    answer = client.post(PREDICT, content=body, headers={"content-type": "application/json"})
    refused(answer, 400, "body")


@pytest.mark.parametrize("body", [[], [CAR], 1, "x", None, True])
def test_no_object(client: Any, body: Any) -> None:
    refused(post(client, body), 422, "body")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["cars_data"]),
        ({"cars": []}, ["cars_data"]),
        ({"cars_data": None}, ["cars_data"]),
        ({"cars_data": CAR}, ["cars_data"]),
        ({"cars_data": "x"}, ["cars_data"]),
        ({"cars_data": [], "model_type": 3}, ["model_type"]),
        ({"cars_data": [], "model_type": "lasso"}, ["model_type"]),
        ({"cars_data": [], "as_of": "yesterday"}, ["as_of"]),
        ({"cars_data": [], "as_of": "2024-02-30"}, ["as_of"]),
        ({"cars_data": [], "as_of": "20240203"}, ["as_of"]),
        ({"cars_data": [], "as_of": 20240203}, ["as_of"]),
        ({"cars_data": [], "cars_real_price": 3}, ["cars_real_price"]),
        ({"cars_data": 1, "as_of": 1, "model_type": []}, ["cars_data", "model_type", "as_of"]),
    ],
)
def test_request_level_mistakes(client: Any, body: Any, fields: list[str]) -> None:
    refused(post(client, body), 422, *fields)


def test_unknown_regressor_names_those_carried(client: Any) -> None:
    body = refused(post(client, {"cars_data": [CAR], "model_type": "lasso"}), 422, "model_type")
    assert "catboost, random_forest" in body["errors"][0]["message"]


def test_too_many_cars(client: Any, valuer: FakeValuer) -> None:
    body = refused(post(client, {"cars_data": [{}] * 10_001}), 422, "cars_data")
    assert "10001" in body["detail"]
    assert post(client, {"cars_data": [{}] * 10_000}).status_code == 200
    assert sum(count for count, _, _ in valuer.asked) == 10_000


def test_body_over_the_limit(client: Any) -> None:
    body = json.dumps({"cars_data": ["x" * 10_000_000]}).encode()
    answer = client.post(PREDICT, content=body, headers={"content-type": "application/json"})
    refused(answer, 413, "body")


def test_body_over_the_limit_without_a_length(client: Any) -> None:
    pieces = (b" " * 100_000 for _ in range(50))
    answer = client.post(PREDICT, content=pieces, headers={"content-type": "application/json"})
    refused(answer, 413, "body")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "json"])
def test_wrong_content_type(client: Any, kind: str) -> None:
    answer = client.post(PREDICT, content=b"{}", headers={"content-type": kind})
    refused(answer, 415, "Content-Type")


def test_a_compressed_body_is_told_so(client: Any) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = client.post(PREDICT, content=gzip.compress(b'{"cars_data": []}'), headers=headers)
    refused(answer, 415, "Content-Encoding")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/ld+json", ""])
def test_content_types_that_will_do(client: Any, kind: str) -> None:
    body = b'{"cars_data": []}'
    assert client.post(PREDICT, content=body, headers={"content-type": kind}).status_code == 200


def test_unknown_market(client: Any) -> None:
    body = refused(post(client, {"cars": [CAR]}, "/api/v1/mars/valuations"), 404, "market")
    assert "practice, us" in body["detail"]


def test_market_without_a_champion(client: Any) -> None:
    body = refused(post(client, {"cars": [CAR]}, "/api/v1/practice/valuations"), 503)
    assert "carprice train --market practice" in body["detail"]


def test_no_champion_at_all(settings: Settings) -> None:
    with TestClient(create_app(settings, FakeSource())) as client:
        body = refused(post(client, {"cars_data": [CAR]}), 503)
        assert "carprice train" in body["detail"]


def test_framework_refusals_are_problems(client: Any) -> None:
    refused(client.get(PREDICT), 405)
    refused(client.get("/nowhere"), 404)


def test_a_defect_shows_no_trace(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    answer = post(client, {"cars_data": [CAR | {"model": "boom"}]})
    body = refused(answer, 500)
    assert "secret" not in answer.text
    incident = body["instance"].removeprefix("urn:uuid:")
    [record] = [r for r in caplog.records if incident in r.getMessage()]
    assert record.exc_info is not None
    assert post(client, {"cars_data": [CAR]}).status_code == 200


def test_no_price_is_never_without_a_reason(client: Any) -> None:
    answer = client.post(
        PREDICT, json={"cars_data": [{"year": 2020, "msrp": "inf"}, {"year": 2020, "msrp": "nan"}]}
    ).json()
    assert answer["result"] == [None, None]
    assert [v["errors"][0]["code"] for v in answer["valuations"]] == ["no_price", "no_price"]


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(), v, max_size=4)
)
cars = st.dictionaries(
    st.sampled_from(["make", "model", "year", "mileage", "trim", "vin"]), values
) | values.filter(lambda value: not isinstance(value, str) or value != "boom")
forms = st.fixed_dictionaries(
    {},
    optional={
        "cars_data": st.lists(cars, max_size=12) | values,
        "model_type": st.sampled_from(["catboost", "random_forest"]) | values,
        "as_of": st.dates().map(str) | values,
        "cars_real_price": values,
    },
)
fuzz = hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@fuzz
@given(form=forms | values)
def test_fuzzed_forms(client: Any, form: Any) -> None:
    answered(post(client, form))


@fuzz
@given(body=st.binary(max_size=200), at=st.integers(0, 60))
def test_fuzzed_bytes(client: Any, body: bytes, at: int) -> None:
    good = json.dumps({"cars_data": [CAR], "as_of": "2024-01-01"}).encode()
    for content in (body, good[:at] + body + good[at:], good[:at]):
        answer = client.post(PREDICT, content=content, headers={"content-type": "application/json"})
        answered(answer)


def answered(response: Any) -> None:
    """2xx with one entry a car, each with a price or a reason; or 4xx that names the field."""
    body = response.json()
    if response.status_code == 200:
        assert len(body["result"]) == len(body["valuations"])
        for price, valuation in zip(body["result"], body["valuations"], strict=True):
            assert price == valuation["price"]
            assert (price is None) == bool(valuation["errors"])
    else:
        assert 400 <= response.status_code < 500
        assert body["errors"]
        assert all(error["field"] and error["message"] for error in body["errors"])
