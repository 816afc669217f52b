"""The OpenAPI document: request bodies from the Listing contract, and a page that works offline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from litestar import Request
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
    Tag,
)
from litestar.router import Router
from litestar.static_files import create_static_files_router

from carprice_assets.listings.contract import BY_NAME, FEATURE_FIELDS, Field
from carprice_assets.listings.declared import fields_of
from carprice_assets.markets.features import DeclaredFeature
from carprice_assets.releases.rating import FIELD as ASKING_PRICE
from carprice_serving.bodies import AS_CSV, MAX_COMPARABLES, MAX_DETAILED, MAX_EXPLAINED
from carprice_serving.examples import CAR, REFERENCE_CARS, REFERENCE_PRICES
from carprice_serving.problems import MEDIA_TYPE
from carprice_serving.schemas import Problem

KEY = "key"
STATIC = Path(__file__).parent / "static"
REFUSED = {
    400: "The request cannot be read",
    401: "A key is needed, or it is not known",
    404: "Unknown market",
    413: "Body too large",
    415: "Another content type than the route takes",
    422: "A field of the request is missing or wrong; `errors` names it",
    429: "Too many requests of this client; `Retry-After` says when to come again",
    503: "No release of the market is in service, or the service is busy",
    507: "No room for the file",
}


GUARDED = (401, 429, 503)
"""What the guard may answer in a route's place."""


def problems_of(*statuses: int) -> dict[int, ResponseSpec]:
    """What a route may answer instead, by status; what the guard may is always among it."""
    return {
        status: ResponseSpec(
            Problem,  # pyright: ignore[reportArgumentType]
            description=REFUSED[status],
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in sorted({*statuses, *GUARDED})
    }


REFUSALS = problems_of(400, 404, 413, 415, 422, 503)
"""What both valuation routes may answer instead of valuations."""


def csv_answer() -> ResponseSpec:
    """A file of lines."""
    return ResponseSpec(
        str,  # pyright: ignore[reportArgumentType]
        description="The file with the columns added",
        media_type="text/csv",
        generate_examples=False,
    )


@dataclass
class PredictOperation(Operation):
    """Documents the reference's form, whose body the handler reads by itself."""

    def __post_init__(self) -> None:
        self.request_body = _body(
            "cars_data",
            {
                "one car": {"model_type": "catboost", "cars_data": [CAR]},
                "four cars with their real prices": {
                    "cars_data": REFERENCE_CARS,
                    "cars_real_price": REFERENCE_PRICES,
                },
            },
        )


@dataclass
class ValuationsOperation(Operation):
    """Documents the list of cars, whose body the handler reads by itself."""

    def __post_init__(self) -> None:
        offered = [CAR | {ASKING_PRICE: 32_500}]
        self.request_body = _body(
            "cars",
            {
                "one car with its asking price": {"cars": offered},
                "all that can be told": {"cars": offered, "comparables": 5, "explain": True},
            },
        )


@dataclass
class CsvOperation(Operation):
    """Documents the CSV body, which the handler reads by itself."""

    def __post_init__(self) -> None:
        media = OpenAPIMediaType(
            schema=Schema(type=OpenAPIType.STRING, description="UTF-8, a car a line"),
            examples={"one car": Example(value=csv_example())},
        )
        self.request_body = RequestBody(content={AS_CSV[0]: media}, required=True)


@dataclass
class ComparablesOperation(Operation):
    """Documents the car in the address, which the handler reads by itself."""

    def __post_init__(self) -> None:
        self.parameters = [*(self.parameters or []), *query_parameters(car_schema())]


def query_parameters(car: Schema) -> list[Parameter | Reference]:
    """A car's fields as parameters of the address, then ``count`` and ``as_of``."""
    fields = {name: each for name, each in (car.properties or {}).items() if name != ASKING_PRICE}
    required = set(car.required or ())
    found: list[Parameter | Reference] = [
        Parameter(
            name=name,
            param_in="query",
            schema=Schema(type=OpenAPIType.STRING),
            description=field.description if isinstance(field, Schema) else None,
            required=name in required,
            example=str(CAR[name]) if name in CAR else None,
        )
        for name, field in fields.items()
    ]
    count = Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MAX_COMPARABLES, default=5)
    day = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE)
    return [
        *found,
        Parameter("count", "query", count, "How many", required=False),
        Parameter("as_of", "query", day, "Day; today by default", required=False),
    ]


def csv_example() -> str:
    """A file of one car."""
    return ",".join(CAR) + "\r\n" + ",".join(map(str, CAR.values())) + "\r\n"


def _body(cars: str, examples: dict[str, Any]) -> RequestBody:
    text_or_null = [OpenAPIType.STRING, OpenAPIType.NULL]
    properties = {
        cars: Schema(
            type=OpenAPIType.ARRAY,
            items=car_schema(),
            description="At most 10,000 by default; an empty list is allowed",
        ),
        "model_type": Schema(
            type=text_or_null, description="Regressor of the release; its champion by default"
        ),
        "as_of": Schema(
            type=text_or_null,
            format=OpenAPIFormat.DATE,
            description="Day that the valuation shall hold for; today by default",
        ),
        "comparables": Schema(
            type=[OpenAPIType.INTEGER, OpenAPIType.NULL],
            minimum=0,
            maximum=MAX_COMPARABLES,
            description=f"Known listings to show of each car; then at most {MAX_DETAILED} cars",
        ),
        "explain": Schema(
            type=[OpenAPIType.BOOLEAN, OpenAPIType.NULL],
            description=f"Say what each field adds to the price; at most {MAX_EXPLAINED} cars",
        ),
        "cars_real_price": Schema(
            type=[OpenAPIType.ARRAY, OpenAPIType.NULL],
            items=Schema(type=[OpenAPIType.NUMBER, OpenAPIType.STRING, OpenAPIType.NULL]),
            description="What each car was sold or offered for, null where it is not known; "
            "changes no price and feeds the live error",
        ),
    }
    schema = Schema(type=OpenAPIType.OBJECT, properties=dict(properties), required=[cars])
    named: dict[str, Example | Reference] = {
        name: Example(value=value) for name, value in examples.items()
    }
    media = OpenAPIMediaType(schema=schema, examples=named)
    return RequestBody(content={"application/json": media}, required=True)


def car_schema(features: Sequence[DeclaredFeature] = ()) -> Schema:
    """A car of a request, with the features of a market's own."""
    fields = {f.name: f for f in FEATURE_FIELDS if f.kind != "date"}
    fields |= {field.name: field for field in fields_of(features)}
    properties = {name: _field_schema(field) for name, field in fields.items()}
    asked = "What is asked for the car, in the market's currency: it is rated, and changes no price"
    kinds = [OpenAPIType.NUMBER, OpenAPIType.STRING, OpenAPIType.NULL]
    properties[ASKING_PRICE] = Schema(type=kinds, description=asked)
    return Schema(
        type=OpenAPIType.OBJECT,
        properties=dict(properties),
        required=[name for name, field in fields.items() if field.required],
        description="A car in business form, words as on the page",
    )


def _field_schema(field: Field) -> Schema:
    told = field.doc + (f"; unit: {field.unit}" if field.unit else "")
    if field.name not in BY_NAME:
        told += "".join(
            f"; at {word} {end:.10g}"
            for word, end in (("least", field.low), ("most", field.high))
            if math.isfinite(end)
        )
    if field.values:
        told += f"; one of {', '.join(field.values)}, or a common spelling"
    if field.kind == "number":
        kinds = [OpenAPIType.NUMBER, OpenAPIType.STRING, OpenAPIType.NULL]
    else:
        kinds = [OpenAPIType.STRING, OpenAPIType.NULL]
    return Schema(type=kinds, description=told)


class DocsPage(OpenAPIRenderPlugin):
    """Swagger UI from the package's own files; nothing is fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__(path="/")
        self._page = (STATIC / "docs.html").read_bytes()

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page; it reads the document by itself."""
        return self._page


def openapi_config() -> OpenAPIConfig:
    """``/schema`` for people, ``/schema/openapi.json`` for machines."""
    return OpenAPIConfig(
        title="carprice",
        version=_version(),
        description="Prices of cars, each with its warnings and where it comes from.",
        path="/schema",
        components=Components(
            security_schemes={
                KEY: SecurityScheme(
                    type="apiKey",
                    name="X-API-Key",
                    security_scheme_in="header",
                    description="Needed where the service asks for keys; see `carprice keys`",
                )
            }
        ),
        security=[{KEY: []}, {}],
        render_plugins=[DocsPage(), JsonRenderPlugin(media_type="application/json")],  # pyright: ignore[reportArgumentType]
        tags=[Tag("valuations"), Tag("releases"), Tag("bargains"), Tag("markets"), Tag("state")],
    )


def docs_assets() -> Router:
    """The page's script and style, under ``/schema/assets``."""
    return create_static_files_router(
        path="/schema/assets", directories=[STATIC], name="docs-assets", include_in_schema=False
    )


def _version() -> str:
    try:
        return version("carprice")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"
