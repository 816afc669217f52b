"""The OpenAPI document of one market: its own route alone, and its own features of a car."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from carprice_serving.openapi import car_schema
from carprice_serving.problems import MEDIA_TYPE
from carprice_serving.schemas import Problem
from carprice_serving.valuations import Valuations
from carprice_serving.valuers import Valuer

ROUTE = "/api/v1/{market}/valuations"


def market_openapi_route(valuations: Valuations) -> HTTPRouteHandler:
    """The handler that gives a market's document, from the release in service."""

    @get(
        "/api/v1/{market:str}/openapi.json",
        operation_id="describeMarket",
        summary="This document for one market, with the features that it declares",
        description="From the release in service: a car may carry what that release learned.",
        tags=["markets"],
        media_type=MediaType.JSON,
        sync_to_thread=False,
        responses={
            status: ResponseSpec(
                Problem,  # pyright: ignore[reportArgumentType]
                description=told,
                media_type=MEDIA_TYPE,
                generate_examples=False,
            )
            for status, told in (
                (HTTPStatus.NOT_FOUND.value, "Unknown market"),
                (HTTPStatus.SERVICE_UNAVAILABLE.value, "No release of the market is in service"),
            )
        },
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
    asked = document["paths"][ROUTE]
    asked["post"]["parameters"] = [
        each for each in asked["post"].get("parameters", []) if each["name"] != "market"
    ]
    media = asked["post"]["requestBody"]["content"]["application/json"]
    media["schema"]["properties"]["cars"]["items"] = car_schema(valuer.features).to_schema()
    document["paths"] = {ROUTE.replace("{market}", name): asked}
    return document
