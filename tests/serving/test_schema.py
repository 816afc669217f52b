"""The OpenAPI document and its page, which need nothing from elsewhere."""

from __future__ import annotations

import re
from typing import Any

from carprice_serving.openapi import STATIC


def test_operations_are_pinned(client: Any) -> None:
    document = client.get("/schema/openapi.json").json()
    operations = {
        (method, path): (operation["operationId"], operation["tags"], bool(operation["summary"]))
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert operations == {
        ("post", "/api/v1/predict"): ("predict", ["valuations"], True),
        ("post", "/api/v1/{market}/valuations"): ("valueCars", ["valuations"], True),
        ("post", "/api/v1/{market}/valuations.csv"): ("valueCsv", ["valuations"], True),
        ("get", "/api/v1/{market}/comparables"): ("findComparables", ["valuations"], True),
        ("get", "/api/v1/{market}/releases"): ("listReleases", ["releases"], True),
        ("get", "/api/v1/{market}/bargains"): ("listBargains", ["bargains"], True),
        ("get", "/api/v1/{market}/live-error"): ("getLiveError", ["releases"], True),
        ("get", "/api/v1/markets"): ("listMarkets", ["markets"], True),
        ("get", "/api/v1/{market}/openapi.json"): ("describeMarket", ["markets"], True),
        ("get", "/health"): ("getHealth", ["state"], True),
        ("get", "/ready"): ("getReadiness", ["state"], True),
        ("get", "/metrics"): ("getMetrics", ["state"], True),
    }


def test_a_markets_document_has_no_empty_tag(client: Any) -> None:
    document = client.get("/api/v1/us/openapi.json").json()
    used = {
        tag for item in document["paths"].values() for each in item.values() for tag in each["tags"]
    }
    assert {each["name"] for each in document["tags"]} == used


def test_the_car_is_that_of_the_listing_contract(client: Any) -> None:
    document = client.get("/schema/openapi.json").json()
    body = document["paths"]["/api/v1/predict"]["post"]["requestBody"]
    media = body["content"]["application/json"]
    assert media["schema"]["required"] == ["cars_data"]
    car = media["schema"]["properties"]["cars_data"]["items"]
    assert car["required"] == ["make", "model", "year"]
    assert set(car["properties"]) == {
        "make", "model", "trim", "vin", "year", "mileage", "msrp", "stock_type", "drivetrain",
        "fuel_type", "bodystyle", "cat", "exterior_color", "interior_color", "dealer",
        "asking_price",
    }  # fmt: skip
    for example in media["examples"].values():
        for given in example["value"]["cars_data"]:
            assert set(given) <= set(car["properties"])


def test_references_resolve_and_refusals_are_problems(client: Any) -> None:
    response = client.get("/schema/openapi.json")
    document = response.json()
    for name in re.findall(r'"#/components/schemas/([^"]+)"', response.text):
        assert name in document["components"]["schemas"]
    answers = document["paths"]["/api/v1/predict"]["post"]["responses"]
    assert set(answers) == {"200", "400", "401", "404", "413", "415", "422", "429", "503"}
    for status in set(answers) - {"200"}:
        assert list(answers[status]["content"]) == ["application/problem+json"]


def test_the_page_loads_its_own_files_only(client: Any) -> None:
    page = client.get("/schema")
    assert page.headers["content-type"].startswith("text/html")
    addresses = re.findall(r'(?:src|href|data-openapi)="([^"]+)"', page.text)
    assert len([a for a in addresses if a.startswith("/schema/")]) == len(addresses) - 1
    assert 'href="data:,"' in page.text
    for address in addresses:
        if address.startswith("/"):
            answer = client.get(address)
            assert answer.status_code == 200
            assert answer.content
    assert "<script>" not in page.text


def test_what_is_vendored_carries_its_licence() -> None:
    for name in ("LICENSE.txt", "NOTICE.txt", "VERSION.txt", "swagger-ui-bundle.js.LICENSE.txt"):
        assert (STATIC / "swagger-ui" / name).stat().st_size > 0


def test_assets_give_nothing_but_their_folder(client: Any) -> None:
    for path in ("..%2fapp.py", "../app.py", "%2e%2e/settings.py", "swagger-ui"):
        assert client.get(f"/schema/assets/{path}").status_code == 404
