"""Routes that value cars."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from carprice_serving.bodies import read_body, read_form
from carprice_serving.openapi import (
    REFUSALS,
    PredictOperation,
    ValuationsOperation,
)
from carprice_serving.schemas import PredictAnswer, ValuationsAnswer
from carprice_serving.valuations import Valuations


def valuation_routes(valuations: Valuations) -> list[HTTPRouteHandler]:
    """Handlers that answer from ``valuations``."""
    settings = valuations.settings

    @post(
        "/api/v1/predict",
        operation_id="predict",
        operation_class=PredictOperation,
        summary="Value cars of the default market",
        description=(
            "`result[i]` is the price of `cars_data[i]`, null where that car has an error or "
            "nothing like it was learned from; `valuations[i]` tells its range, currency, "
            "warnings, errors and provenance. "
            "`cars_real_price` is accepted and not used for pricing."
        ),
        tags=["valuations"],
        responses=REFUSALS,
        status_code=200,
    )
    async def predict(request: Request[Any, Any, Any]) -> PredictAnswer:
        body = await read_body(request, settings.max_body)
        form = await read_form(body, "cars_data", settings.max_cars)
        found = await valuations.of(None, form)
        return PredictAnswer([valuation.price for valuation in found], found)

    @post(
        "/api/v1/{market:str}/valuations",
        operation_id="valueCars",
        operation_class=ValuationsOperation,
        summary="Value cars of a market",
        description=(
            "One valuation a car, in order: a price with its range. A car with errors has none, "
            "and neither has one that is not supported; `reasons` say why."
        ),
        tags=["valuations"],
        responses=REFUSALS,
        status_code=200,
    )
    async def value_cars(
        request: Request[Any, Any, Any], market: FromPath[str]
    ) -> ValuationsAnswer:
        body = await read_body(request, settings.max_body)
        form = await read_form(body, "cars", settings.max_cars)
        return ValuationsAnswer(await valuations.of(market, form))

    return [predict, value_cars]
