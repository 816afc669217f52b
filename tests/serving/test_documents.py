"""The OpenAPI document is valid and true, and so is what is made from it."""

from __future__ import annotations

import inspect
import json
import re
import socket
from collections.abc import Iterator
from threading import Thread
from typing import Any, get_type_hints

import jsonschema
import pytest
import uvicorn
from litestar import Litestar
from litestar.testing import TestClient
from openapi_spec_validator import validate
from serving_fakes import FakeSource, FakeValuer, stock
from serving_lists import bargain_list

from carprice_serving.app import create_app
from carprice_serving.client import Client, Connection, Refused, Unreachable
from carprice_serving.examples import CAR
from carprice_serving.settings import Settings

OPEN = [{"year": 2020 + n, "price": 30_000.0 + n} for n in range(4)]


@pytest.fixture
def valuer() -> FakeValuer:
    return FakeValuer(comparables=stock(*OPEN))


@pytest.fixture
def source(valuer: FakeValuer) -> FakeSource:
    found = FakeSource(us=valuer)
    found.lists["us"] = bargain_list()
    return found


@pytest.fixture
def document(client: Any) -> dict[str, Any]:
    return client.get("/schema/openapi.json").json()


def operations(document: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def test_the_document_is_openapi(client: Any, document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)
    validate(client.get("/api/v1/us/openapi.json").json())
    broken = json.loads(json.dumps(document))
    broken["paths"]["/health"]["get"]["responses"] = []
    with pytest.raises(Exception, match=r"not valid|is not of type"):
        validate(broken)


def test_each_operation_says_what_it_is(document: Any) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for _, path, operation in operations(document):
        assert operation["summary"], path
        for parameter in operation.get("parameters", []):
            assert parameter["name"] == "market" or parameter["description"], parameter
        for status, answer in operation["responses"].items():
            kinds = list(answer.get("content", {}))
            assert answer["description"]
            if int(status) >= 400 and path != "/ready":
                assert kinds == ["application/problem+json"], (path, status)


def check(document: Any, method: str, path: str, answer: Any) -> None:
    """An answer is of a status and shape that the document states."""
    told = document["paths"][path][method]["responses"][str(answer.status_code)]
    kind = answer.headers["content-type"].partition(";")[0]
    schema = told["content"][kind]["schema"]
    value = answer.text if kind.startswith("text/") else answer.json()
    whole = {**schema, "components": document["components"]}
    jsonschema.validate(value, strict(whole), jsonschema.Draft202012Validator)


def strict(schema: Any) -> Any:
    """The schema with no other properties than those told, so that a new one must be told."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(each) for key, each in schema.items()}
    if "properties" in found and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def ask(client: Any, method: str, path: str, **more: Any) -> Any:
    return client.request(method.upper(), path.replace("{market}", "us"), **more)


def test_each_example_is_answered_as_the_document_says(client: Any, document: Any) -> None:
    for method, path, operation in operations(document):
        media = operation.get("requestBody", {}).get("content", {})
        query = {
            each["name"]: each["example"]
            for each in operation.get("parameters", [])
            if each["in"] == "query" and "example" in each
        }
        bodies = [(kind, each["value"]) for kind, content in media.items()
                  for each in content["examples"].values()]  # fmt: skip
        for kind, value in bodies or [("", "")]:
            content = value if isinstance(value, str) else json.dumps(value)
            headers = {"content-type": kind} if kind else {}
            answer = ask(client, method, path, params=query, content=content, headers=headers)
            assert answer.status_code == 200, (path, answer.text)
            check(document, method, path, answer)


def test_refusals_are_as_the_document_says(client: Any, document: Any) -> None:
    route, cars = "/api/v1/{market}/valuations", [{}, 7, CAR | {"make": "Nobody"}]
    check(document, "post", route, ask(client, "post", route, json={"cars": cars}))
    check(document, "post", route, ask(client, "post", route, json={"cars": 7}))
    check(document, "post", route, ask(client, "post", route, content="{"))
    check(document, "post", route, client.post("/api/v1/mars/valuations", json={"cars": []}))
    real = {"cars": [CAR], "cars_real_price": ["x"]}
    check(document, "post", route, ask(client, "post", route, json=real))
    for path in (
        "/api/v1/{market}/comparables",
        "/api/v1/{market}/releases",
        "/api/v1/{market}/bargains",
    ):
        check(document, "get", path, ask(client, "get", path, params={"limit": "x"}))
    for path in ("/api/v1/{market}/live-error", "/api/v1/{market}/openapi.json"):
        check(document, "get", path, client.get(path.replace("{market}", "practice")))


def test_the_guards_refusals_are_as_the_document_says(
    settings: Settings, valuer: FakeValuer, document: Any
) -> None:
    assert document["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
    with TestClient(create_app(settings, FakeSource(us=valuer), keys_required=True)) as client:
        for method, path, operation in operations(document):
            answer = ask(client, method, path)
            assert (answer.status_code == 401) == ("401" in operation["responses"]), path
            if answer.status_code == 401:
                check(document, method, path, answer)
            else:
                assert path in ("/health", "/ready")


def test_the_postman_collection_asks_for_everything(client: Any, document: Any) -> None:
    collection = client.get("/schema/postman.json").json()
    assert collection["info"]["schema"].endswith("v2.1.0/collection.json")
    values = {each["key"]: each["value"] for each in collection["variable"]}
    assert values == {"base": "http://testserver.local", "market": "us", "key": ""}
    requests = [each for folder in collection["item"] for each in folder["item"]]
    ids = {each["id"].partition(" ")[0] for each in requests}
    assert ids == {operation["operationId"] for _, _, operation in operations(document)}
    assert "four cars" in "".join(each["name"] for each in requests)
    for each in requests:
        request = each["request"]
        address = request["url"]["raw"]
        for name, value in values.items():
            address = address.replace(f"{{{{{name}}}}}", value)
        assert "{{" not in address
        headers = {h["key"]: h["value"] for h in request["header"] if not h.get("disabled")}
        body = request.get("body", {}).get("raw")
        answer = client.request(request["method"], address, content=body, headers=headers)
        assert answer.status_code == 200, (each["id"], answer.text)


@pytest.fixture
def typed(client: Any) -> Client:
    """The typed client over the test's own connection, which keeps what was asked."""

    def send(method: str, path: str, headers: Any, body: bytes | None) -> tuple[int, bytes]:
        answer = client.request(method, path, headers=dict(headers), content=body)
        asked.append((method.lower(), re.sub("/us(?=/|$)", "/{market}", path.partition("?")[0])))
        return answer.status_code, answer.content

    asked: list[tuple[str, str]] = []
    made = Client("http://unused", transport=send, key="cp_test")
    made.asked = asked  # type: ignore[attr-defined]
    return made


def calls(typed: Client) -> dict[str, Any]:
    """Each method with arguments that it may have."""
    file = b"make,model,year\nFord,F-150,2021\n"
    return {
        "predict": lambda: typed.predict([CAR], comparables=1, explain=True, real_prices=[1.0]),
        "value_cars": lambda: typed.value_cars("us", [CAR, {}], regressor="random_forest"),
        "value_csv": lambda: typed.value_csv("us", file, regressor="catboost"),
        "find_comparables": lambda: typed.find_comparables("us", CAR, count=2),
        "list_releases": lambda: typed.list_releases("us", limit=3),
        "get_live_error": lambda: typed.get_live_error("us"),
        "list_bargains": lambda: typed.list_bargains("us", make="Honda", apart=True),
        "list_markets": typed.list_markets,
        "describe_market": lambda: typed.describe_market("us"),
        "get_health": typed.get_health,
        "get_metrics": typed.get_metrics,
        "get_readiness": typed.get_readiness,
    }


def test_the_client_has_a_method_for_each_operation(typed: Client, document: Any) -> None:
    by_name = {
        re.sub("(?<!^)(?=[A-Z])", "_", operation["operationId"]).lower(): (method, path, operation)
        for method, path, operation in operations(document)
    }
    public = {name for name, _ in inspect.getmembers(Client, callable) if name[0] != "_"}
    assert public == set(by_name) == set(calls(typed))
    for name, call in calls(typed).items():
        method, path, operation = by_name[name]
        found = call()
        assert typed.asked.pop() == (method, path)  # type: ignore[attr-defined]
        [content] = operation["responses"]["200"]["content"].values()
        expected = content["schema"].get("$ref", "").rpartition("/")[2]
        kind = get_type_hints(getattr(Client, name))["return"]
        assert expected in ("", kind.__name__)
        assert isinstance(found, getattr(kind, "__origin__", kind))


def test_what_the_client_gives(typed: Client) -> None:
    answer = typed.predict([CAR | {"asking_price": 30_000}], comparables=1, explain=True)
    [valuation] = answer.valuations
    assert (valuation.price, valuation.deal_rating) == (45_500.0, "great")
    assert valuation.comparables is not None
    assert valuation.comparables[0].model == "F-150"
    assert valuation.explanation is not None
    assert valuation.provenance.release == "r1"
    [bad] = typed.value_cars("us", [{}]).valuations
    assert bad.errors[0].field == "year"
    assert typed.value_csv("us", b"make,model,year\n").startswith(b"make,model,year,predicted")
    with pytest.raises(Refused, match="mars") as refused:
        typed.value_cars("mars", [CAR])
    assert (refused.value.status, refused.value.problem.errors[0].field) == (404, "market")


def test_the_client_over_a_socket(app: Litestar) -> None:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        with Client(f"http://127.0.0.1:{port}") as client:
            assert client.predict([CAR]).result == [45_500.0]
            connection = client._send
            assert isinstance(connection, Connection)
            kept = connection._connection.sock
            assert client.get_health().status == "ok"
            assert connection._connection.sock is kept
            kept.shutdown(socket.SHUT_RDWR)  # as a service does that was idle for long
            assert client.get_health().status == "ok"
    finally:
        server.should_exit = True
        thread.join()
    with pytest.raises(Unreachable, match="refused"):
        Client(f"http://127.0.0.1:{port}").get_health()
