"""The route that finds known listings like a car."""

from __future__ import annotations

from datetime import date
from functools import partial
from http import HTTPStatus
from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from carprice_assets.listings.contract import FEATURE_FIELDS
from carprice_assets.releases.nearest import nearest
from carprice_serving.bodies import MAX_COMPARABLES, read_day, single_values
from carprice_serving.details import suggestions_for
from carprice_serving.known_names import require_known
from carprice_serving.openapi import ComparablesOperation, problems_of
from carprice_serving.problems import RequestProblem, car_problem, field_problem
from carprice_serving.schemas import ComparablesAnswer
from carprice_serving.valuations import Valuations, provenance_of, today
from carprice_serving.valuers import Valuer

DEFAULT = 5
CAR_FIELDS = frozenset({each.name for each in FEATURE_FIELDS} - {"observed_at"})


def comparables_routes(valuations: Valuations) -> list[HTTPRouteHandler]:
    """Handlers that answer from the releases of ``valuations``."""

    @get(
        "/api/v1/{market:str}/comparables",
        operation_id="findComparables",
        operation_class=ComparablesOperation,
        summary="Known listings of a car's model, nearest first",
        description=(
            "The car's fields stand in the address. Listings come from what the release in "
            "service learned from, without vehicle, seller or offer. None for a model that it "
            "does not know; `suggestions` then tell what may have been meant."
        ),
        tags=["valuations"],
        responses=problems_of(400, 404, 422, 503),
    )
    async def find_comparables(
        request: Request[Any, Any, Any], market: FromPath[str]
    ) -> ComparablesAnswer:
        valuer = valuations.valuer(market)
        require_known(request.query_params, known_fields(valuer))
        car, count, day = read_query(request.query_params.dict())
        as_of = day or today(valuer)
        return await valuations.aside(partial(_found, valuer, car, count, as_of))

    return [find_comparables]


def known_fields(valuer: Valuer) -> set[str]:
    """What the address may name: the fields of a car, the market's own too, and two more."""
    return {*CAR_FIELDS, *(each.name for each in valuer.features), "count", "as_of"}


def read_query(query: dict[str, list[str]]) -> tuple[dict[str, str], int, date | None]:
    """The car in the address, and how many comparables are wanted as of which day, if named.

    Raises
    ------
    RequestProblem
        422 for a name that stands twice, a count or a day that is none.
    """
    car = single_values(query)
    count, day = car.pop("count", ""), car.pop("as_of", "")
    if count and not (
        count.isascii()
        and count.isdigit()
        and len(count) < 4
        and 1 <= int(count) <= MAX_COMPARABLES
    ):
        told = f"must be a whole number from 1 to {MAX_COMPARABLES}"
        raise field_problem("invalid-request", "count", told)
    as_of = read_day(day) if day else None
    if day and as_of is None:
        told = f"must be a date like 2026-01-31, got {day[:40]!r}"
        raise field_problem("invalid-request", "as_of", told)
    return car, int(count or DEFAULT), as_of


def _found(valuer: Valuer, car: dict[str, str], count: int, as_of: date) -> ComparablesAnswer:
    known = valuer.comparables
    if known is None:
        told = f"Release {valuer.release_id} carries no comparables: an older version made it."
        raise RequestProblem(HTTPStatus.NOT_FOUND, "no-comparables", told)
    intake, columns = valuer.read_cars([car], as_of)
    if intake.errors[0]:
        raise car_problem(intake.errors[0])
    near = nearest(known, columns, 0, unit=valuer.distance, count=count)
    return ComparablesAnswer(
        comparables=near,
        suggestions=() if near else suggestions_for(known, car, {}),
        currency=valuer.currency,
        distance_unit=valuer.distance,
        warnings=tuple(intake.warnings[0]),
        provenance=provenance_of(valuer, as_of),
    )
