"""A Postman collection (format 2.1), made from the OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler

from carprice_serving.valuers import ValuerRegistry

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
BASE, MARKET, KEY = "base", "market", "key"
KEY_HEADER = "X-API-Key"
PLACE = re.compile(r"\{(\w+)\}")
CHECK = (
    'pm.test("is answered", () => pm.expect(pm.response.code).to.equal(200));',
    'pm.test("by one release", () => {',
    '  const found = (pm.response.headers.get("content-type") || "").includes("json")',
    "    ? (pm.response.json().valuations || []).map((each) => each.provenance.release) : [];",
    "  pm.expect(new Set(found).size).to.be.below(2);",
    "});",
)


def postman_route(registry: ValuerRegistry) -> HTTPRouteHandler:
    """The handler that gives the collection, for this address and the default market."""

    @get("/schema/postman.json", include_in_schema=False, sync_to_thread=False)
    def give_collection(request: Request[Any, Any, Any]) -> dict[str, Any]:
        document = request.app.openapi_schema.to_schema()
        base = str(request.base_url).rstrip("/")
        return collection(document, base, registry.default_market or "us")

    return give_collection


def collection(document: Mapping[str, Any], base: str, market: str) -> dict[str, Any]:
    """A folder for each tag, and in it a request for each example of an operation.

    Parameters
    ----------
    document
        OpenAPI 3.1.
    base, market
        First values of the collection's variables; ``key`` is empty.
    """
    folders: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for tag in operation["tags"][:1]:
                folders.setdefault(tag, []).extend(_requests(method, path, operation))
    values = {BASE: base, MARKET: market, KEY: ""}
    return {
        "info": {
            "name": document["info"]["title"],
            "description": document["info"].get("description", ""),
            "version": document["info"]["version"],
            "schema": SCHEMA,
        },
        "item": [{"name": tag, "item": requests} for tag, requests in folders.items()],
        "variable": [{"key": name, "value": value} for name, value in values.items()],
        "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": [*CHECK]}}],
    }


def _requests(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    media: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    bodies = [
        (kind, name, example["value"])
        for kind, content in media.items()
        for name, example in content["examples"].items()
    ]
    for kind, name, value in bodies or [("", "", None)]:
        text = value if isinstance(value, str) else json.dumps(value, indent=2)
        request: dict[str, Any] = {
            "method": method.upper(),
            "description": operation.get("description", ""),
            "header": [{"key": KEY_HEADER, "value": f"{{{{{KEY}}}}}", "disabled": True}],
            "url": _url(path, operation),
        }
        if kind:
            request["header"].append({"key": "Content-Type", "value": kind})
            options = {"raw": {"language": "json" if kind.endswith("json") else "text"}}
            request["body"] = {"mode": "raw", "raw": text, "options": options}
        told = f"{operation['summary']}: {name}" if name else operation["summary"]
        yield {"name": told, "id": f"{operation['operationId']} {name}".strip(), "request": request}


def _url(path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    """Examples and what is required stand in the address; the rest is listed, switched off."""
    segments = [PLACE.sub(r"{{\1}}", part) for part in path.strip("/").split("/")]
    query = [
        {
            "key": each["name"],
            "value": str(each.get("example", each["schema"].get("default", ""))),
            "description": each.get("description", ""),
            "disabled": "example" not in each and not each.get("required"),
        }
        for each in operation.get("parameters", [])
        if each["in"] == "query"
    ]
    sent = "&".join(f"{each['key']}={each['value']}" for each in query if not each["disabled"])
    raw = f"{{{{{BASE}}}}}/" + "/".join(segments) + (f"?{sent}" if sent else "")
    return {"raw": raw, "host": [f"{{{{{BASE}}}}}"], "path": segments, "query": query}
