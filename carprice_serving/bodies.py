"""Request bodies: read within a limit, decoded, and checked but for the cars themselves."""

from __future__ import annotations

import re
from datetime import date
from http import HTTPStatus
from typing import Any

import anyio
import msgspec
from litestar import Request

from carprice_serving.problems import RequestProblem, field_problem
from carprice_serving.schemas import FieldError, Form

DRAIN_BYTES = 64_000_000
DRAIN_SECONDS = 5.0
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
JSON_TYPES = {
    dict: "an object", list: "a list", str: "text", bool: "true or false",
    int: "a number", float: "a number", type(None): "null",
}  # fmt: skip


async def read_body(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The body of a JSON request of at most ``limit`` bytes.

    Raises
    ------
    RequestProblem
        415 for another content type, 413 for a longer body, 400 where the client went away.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise field_problem(
            "content-type",
            "Content-Type",
            f"must be application/json, got {kind[:100]!r}",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    pieces: list[bytes] = []
    size = 0
    more = True
    while more:
        piece, more = await _piece(request)
        size += len(piece)
        if size > limit:
            await _drain(request, more)
            raise field_problem(
                "body-too-large",
                "body",
                f"longer than {limit} bytes",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
        pieces.append(piece)
    return b"".join(pieces)


async def _piece(request: Request[Any, Any, Any]) -> tuple[bytes, bool]:
    message: Any = await request.receive()
    if message["type"] == "http.disconnect":
        raise field_problem("body", "body", "ended early", HTTPStatus.BAD_REQUEST)
    return message.get("body", b""), message.get("more_body", False)


async def _drain(request: Request[Any, Any, Any], more: bool) -> None:
    """Take in the rest unread: a client that is still sending would never see the answer."""
    left = DRAIN_BYTES
    with anyio.move_on_after(DRAIN_SECONDS):
        while more and left > 0:
            piece, more = await _piece(request)
            left -= len(piece)


def read_form(body: bytes, cars_field: str, max_cars: int) -> Form:
    """The request in ``body``: cars in ``cars_field``, ``model_type`` and ``as_of`` beside it.

    Cars stay as they were sent. Unknown fields are ignored, as the reference did.

    Raises
    ------
    RequestProblem
        400 for malformed JSON; 422 for the fields that are missing or wrong, all of them named.
    """
    fields = _object(body)
    errors: list[FieldError] = []
    cars = _cars(fields, cars_field, max_cars, errors)
    regressor = _regressor(fields, errors)
    as_of = _as_of(fields, errors)
    real = fields.get("cars_real_price")
    if real is not None and not isinstance(real, list):
        errors.append(FieldError("cars_real_price", f"must be a list, got {_type(real)}"))
    if errors:
        detail = "; ".join(f"{error.field}: {error.message}" for error in errors)
        raise RequestProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors)
    return Form(cars, regressor, as_of)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"no JSON: {error}" if body else "empty: a JSON object is required"
    except RecursionError:
        message = "no JSON that can be read: nested too deeply"
    else:
        if isinstance(value, dict):
            return value
        raise field_problem("invalid-request", "body", f"must be an object, got {_type(value)}")
    raise field_problem("malformed-json", "body", message, HTTPStatus.BAD_REQUEST)


def _cars(fields: dict[str, Any], name: str, max_cars: int, errors: list[FieldError]) -> list[Any]:
    cars = fields.get(name)
    if name not in fields:
        errors.append(FieldError(name, "missing: a list of cars is required"))
    elif not isinstance(cars, list):
        errors.append(FieldError(name, f"must be a list of cars, got {_type(cars)}"))
    elif len(cars) > max_cars:
        errors.append(FieldError(name, f"{len(cars)} cars, at most {max_cars} in one request"))
    else:
        return cars
    return []


def _regressor(fields: dict[str, Any], errors: list[FieldError]) -> str | None:
    value = fields.get("model_type")
    if value is None or isinstance(value, str):
        return value or None
    errors.append(FieldError("model_type", f"must be a regressor's name, got {_type(value)}"))
    return None


def _as_of(fields: dict[str, Any], errors: list[FieldError]) -> date | None:
    value = fields.get("as_of")
    if value is None:
        return None
    if not isinstance(value, str):
        errors.append(FieldError("as_of", f"must be a date like 2026-01-31, got {_type(value)}"))
        return None
    try:
        if DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # told below, like any other text
    errors.append(FieldError("as_of", f"must be a date like 2026-01-31, got {value[:40]!r}"))
    return None


def _type(value: Any) -> str:
    return JSON_TYPES[type(value)]
