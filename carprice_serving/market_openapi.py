"""The OpenAPI document of one market: its own routes alone, and its own features of a car."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from carprice_serving.known_names import only
from carprice_serving.openapi import car_schema, problems_of, query_parameters
from carprice_serving.valuations import Valuations
from carprice_serving.valuers import Valuer

PLACE = "{market}"
ROUTE = "/api/v1/{market}/valuations"
COMPARABLES = "/api/v1/{market}/comparables"


def market_openapi_route(valuations: Valuations) -> HTTPRouteHandler:
    """The handler that gives a market's document, from the release in service."""

    @get(
        "/api/v1/{market:str}/openapi.json",
        operation_id="describeMarket",
        before_request=only(),
        summary="This document for one market, with the features that it declares",
        description="From the release in service: a car may carry what that release learned.",
        tags=["markets"],
        media_type=MediaType.JSON,
        sync_to_thread=False,
        responses=problems_of(400, 404, 422, 503),
    )
    def describe_market(
        request: Request[Any, Any, Any], market: FromPath[str]
    ) -> Response[dict[str, Any]]:
        valuer = valuations.valuer(market)
        return Response(market_document(request.app.openapi_schema.to_schema(), valuer))

    return describe_market


def market_document(whole: Mapping[str, Any], valuer: Valuer) -> dict[str, Any]:
    """``whole``, the document of all markets, cut down to the market of ``valuer``."""
    document = copy.deepcopy(dict(whole))
    name = valuer.market
    document["info"]["title"] = f"carprice, market {name}"
    document["info"]["description"] += (
        f" Prices in {valuer.currency}, mileage in {valuer.distance}."
    )
    paths = {path: item for path, item in document["paths"].items() if PLACE in path}
    for item in paths.values():
        for operation in item.values():
            operation["parameters"] = [
                each for each in operation.get("parameters", []) if each["name"] != "market"
            ]
    car = car_schema(valuer.features)
    media = paths[ROUTE]["post"]["requestBody"]["content"]["application/json"]
    media["schema"]["properties"]["cars"]["items"] = car.to_schema()
    paths[COMPARABLES]["get"]["parameters"] = [each.to_schema() for each in query_parameters(car)]
    used = {tag for item in paths.values() for each in item.values() for tag in each["tags"]}
    document["tags"] = [each for each in document["tags"] if each["name"] in used]
    document["paths"] = {path.replace(PLACE, name): item for path, item in paths.items()}
    return document
