"""Routes that value cars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec.structs import replace

from carprice_assets.listings.notes import Note
from carprice_serving.bodies import read_body, read_form
from carprice_serving.known_names import only
from carprice_serving.openapi import (
    REFUSALS,
    PredictOperation,
    ValuationsOperation,
)
from carprice_serving.schemas import FieldError, PredictAnswer, Valuation, ValuationsAnswer
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
            "`cars_real_price` is accepted and not used for pricing. A field of the body that "
            "means nothing here is a warning of every car."
        ),
        tags=["valuations"],
        responses=REFUSALS,
        status_code=200,
    )
    async def predict(request: Request[Any, Any, Any]) -> PredictAnswer:
        body = await read_body(request, settings.max_body)
        form = await read_form(body, "cars_data", settings.max_cars, lenient=True)
        found = await valuations.of(None, form)
        if form.unknown:
            found = warned(found, form.unknown)
        return PredictAnswer([valuation.price for valuation in found], found)

    @post(
        "/api/v1/{market:str}/valuations",
        operation_id="valueCars",
        before_request=only(),
        operation_class=ValuationsOperation,
        summary="Value cars of a market",
        description=(
            "One valuation a car, in order: a price with its range. A car with errors has none, "
            "and neither has one that is not supported; `reasons` say why. A field of the body "
            "that means nothing is refused."
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


def warned(valuations: list[Valuation], unknown: Sequence[FieldError]) -> list[Valuation]:
    """Each valuation with a warning of every name that means nothing."""
    notes = [Note("unknown_field", error.field, error.message) for error in unknown]
    return [replace(each, warnings=(*each.warnings, *notes)) for each in valuations]
