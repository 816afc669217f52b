"""The route of a market's list of bargains."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Operation, Parameter, Schema
from litestar.params import FromPath

from carprice_serving.bargain_choice import (
    FIELDS,
    LIMIT,
    LONGEST,
    MOST,
    OFFSETS,
    SORTS,
    YEARS,
    answer,
    read_wanted,
)
from carprice_serving.bargain_lists import BargainLists
from carprice_serving.bargain_schemas import BargainsAnswer
from carprice_serving.known_names import require_known
from carprice_serving.openapi import problems_of
from carprice_serving.problems import fields_problem
from carprice_serving.valuations import Valuations

KEPT = "private, no-cache"
"""A client may keep an answer and asks each time whether there is a new list."""


@dataclass
class BargainsOperation(Operation):
    """Documents the fields of the address, which the handler reads by itself."""

    def __post_init__(self) -> None:
        text, number, whole = OpenAPIType.STRING, OpenAPIType.NUMBER, OpenAPIType.INTEGER
        low, high = YEARS
        told: list[tuple[str, Schema, str]] = [
            ("make", Schema(type=text, max_length=LONGEST), "Cars of this make alone"),
            ("model", Schema(type=text, max_length=LONGEST), "Cars of this model alone"),
            ("max_price", Schema(type=number, minimum=0), "Asking price at most"),
            ("min_saving", Schema(type=number, minimum=0, exclusive_maximum=1, default=0),
             "Share of the expected price that is saved, at least; asks nothing of offers apart"),
            ("min_year", Schema(type=whole, minimum=low, maximum=high), "Model year at least"),
            ("sort", Schema(type=text, enum=[*SORTS], default="rank"),
             "Order: of the list, or by what is named, the best of it first"),
            ("limit", Schema(type=whole, minimum=1, maximum=MOST, default=LIMIT),
             "At most so many bargains, and as many of those set apart"),
            ("offset", Schema(type=whole, minimum=0, maximum=OFFSETS[1], default=0),
             "Passed over before them, among the bargains and among those set apart alike"),
            ("apart", Schema(type=OpenAPIType.BOOLEAN, default=False),
             "Also those set apart: more likely no bargains, as their doubts say"),
        ]  # fmt: skip
        fields = [Parameter(n, "query", schema, doc, required=False) for n, schema, doc in told]
        self.parameters = [*(self.parameters or []), *fields]


def bargain_routes(valuations: Valuations, lists: BargainLists) -> list[HTTPRouteHandler]:
    """Handlers that tell of bargains."""

    @get(
        "/api/v1/{market:str}/bargains",
        operation_id="listBargains",
        operation_class=BargainsOperation,
        summary="Current offers that cost less than they should, the best first",
        description=(
            "From the market's present list, made after its last scrape or promotion: expected "
            "price and range, saving, evidence, comparables, price drops and doubts of each. "
            "Empty, with the reason in `detail`, where the market has no list yet. The `ETag` "
            "names the list: with `If-None-Match` an unchanged one is answered by 304."
        ),
        tags=["bargains"],
        responses={
            304: ResponseSpec(None, description="The list is still that of `If-None-Match`"),
            **problems_of(400, 404, 422, 503),
        },
    )
    async def list_bargains(
        request: Request[Any, Any, Any], market: FromPath[str]
    ) -> Response[BargainsAnswer]:
        valuations.require_market(market)
        require_known(request.query_params, FIELDS)
        wanted, errors = read_wanted(request.query_params.dict())
        if errors:
            raise fields_problem(errors)
        found = await valuations.aside(partial(answer, lists, market, wanted))
        headers = {"cache-control": KEPT} | ({"etag": tag(found)} if found.list else {})
        if found.list and _has(request.headers.get("if-none-match", ""), tag(found)):
            unchanged: Any = Response(None, status_code=304, headers=headers)
            return unchanged
        return Response(found, headers=headers)

    return [list_bargains]


def tag(found: BargainsAnswer) -> str:
    """The weak entity tag of an answer: another version may tell the same list otherwise."""
    return f'W/"{found.list}"'


def _has(header: str, wanted: str) -> bool:
    """Whether an ``If-None-Match`` names a tag; strong and weak ones count alike (RFC 9110)."""
    given = [each.strip().removeprefix("W/") for each in header.split(",")]
    return "*" in given or wanted.removeprefix("W/") in given
