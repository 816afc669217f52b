"""Request bodies: read within a limit, decoded, and checked but for the cars themselves."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import date
from http import HTTPStatus
from typing import Any, cast

import anyio
import msgspec
from litestar import Request

from carprice_assets.releases.rating import read_asking_price
from carprice_serving.known_names import unknown_names
from carprice_serving.problems import RequestProblem, field_problem, fields_problem
from carprice_serving.schemas import FieldError, Form

JSON = "application/json"
AS_CSV = ("text/csv", "application/vnd.ms-excel")
"""The second is what a browser on Windows beside Excel calls a CSV file."""
DRAIN_BYTES = 64_000_000
DRAIN_SECONDS = 5.0
LONG_BODY = 100_000
"""Bytes from which on a body is decoded piece by piece: a megabyte takes 10 ms and more."""
PIECE_CARS = 200
MAX_COMPARABLES = 20
"""Comparables of one car."""
MAX_DETAILED = 500
"""Cars of a request that asks for comparables."""
MAX_EXPLAINED = 20
"""Cars of a request that asks for explanations: each costs up to 250 prices."""
BESIDE = ("model_type", "as_of", "comparables", "explain", "cars_real_price")
"""What a body may hold beside its cars."""
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
    require_type(request, (JSON,))
    return b"".join([piece async for piece in body_pieces(request, limit)])


def require_type(request: Request[Any, Any, Any], wanted: Sequence[str]) -> None:
    """Refuse another content type than those ``wanted`` (415), and a compressed body.

    A request that names none is taken at its word.
    """
    packed = request.headers.get("content-encoding", "").strip().lower()
    if packed not in ("", "identity"):
        raise field_problem(
            "content-encoding",
            "Content-Encoding",
            f"a body must come as it is, got {packed[:100]!r}",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in wanted and not (JSON in wanted and kind.endswith("+json")):
        raise field_problem(
            "content-type",
            "Content-Type",
            f"must be {wanted[0]}, got {kind[:100]!r}",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )


async def body_pieces(request: Request[Any, Any, Any], limit: int) -> AsyncGenerator[bytes]:
    """The body as it comes in.

    Raises
    ------
    RequestProblem
        413 where it is longer than ``limit`` bytes, 400 where the client went away.
    """
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
        yield piece


async def _piece(request: Request[Any, Any, Any]) -> tuple[bytes, bool]:
    message: Any = await request.receive()
    if message["type"] == "http.disconnect":
        raise field_problem("body", "body", "ended early", HTTPStatus.BAD_REQUEST)
    return message.get("body", b""), message.get("more_body", False)


async def drain(request: Request[Any, Any, Any]) -> None:
    """Take in a body of which nothing was read, before it is refused; see :func:`_drain`."""
    with suppress(RequestProblem):  # the client went away
        await _drain(request, True)


async def _drain(request: Request[Any, Any, Any], more: bool) -> None:
    """Take in the rest unread: a client that is still sending would never see the answer."""
    left = DRAIN_BYTES
    with anyio.move_on_after(DRAIN_SECONDS):
        while more and left > 0:
            piece, more = await _piece(request)
            left -= len(piece)


def single_values(query: dict[str, list[str]]) -> dict[str, str]:
    """The parameters of an address.

    Raises
    ------
    RequestProblem
        422 for a name that stands twice.
    """
    if twice := [name for name, values in query.items() if len(values) > 1]:
        raise field_problem("invalid-request", twice[0], "stands in the address more than once")
    return {name: values[0] for name, values in query.items()}


async def read_form(body: bytes, cars_field: str, max_cars: int, *, lenient: bool = False) -> Form:
    """The request in ``body``: cars in ``cars_field``, and beside it what is to be told of them.

    ``model_type``, ``as_of``, ``comparables``, ``explain`` and ``cars_real_price`` are read. Cars
    stay as they were sent. Unknown fields are refused; where ``lenient``, as the reference was,
    they are told in the form's ``unknown``.

    Raises
    ------
    RequestProblem
        400 for malformed JSON; 422 for the fields that are missing or wrong, all of them named.
    """
    fields = await _in_pieces(body, cars_field) if len(body) > LONG_BODY else None
    if fields is None:
        fields = _object(body)
    unknown = unknown_names(fields, {cars_field, *BESIDE}, "the body")
    errors = [] if lenient else list(unknown)
    cars = _cars(fields, cars_field, max_cars, errors)
    regressor = _regressor(fields, errors)
    as_of = _as_of(fields, errors)
    comparables = _comparables(fields, len(cars), errors)
    explain = _explain(fields, len(cars), errors)
    real = _real_prices(fields, len(cars), errors)
    if errors:
        raise fields_problem(errors)
    return Form(cars, regressor, as_of, comparables, explain, real, tuple(unknown))


async def _in_pieces(body: bytes, cars_field: str) -> dict[str, Any] | None:
    """The object in a long body, some cars at a time, so that others are answered meanwhile.

    None where anything is wrong with it: :func:`_object` then tells what.
    """
    decode = msgspec.json.Decoder().decode
    try:
        raw = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        listed = msgspec.json.decode(raw.pop(cars_field), type=list[msgspec.Raw])
        fields: dict[str, Any] = {name: decode(value) for name, value in raw.items()}
        cars: list[Any] = []
        for start in range(0, len(listed), PIECE_CARS):
            cars += [decode(car) for car in listed[start : start + PIECE_CARS]]
            await anyio.sleep(0)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return None
    return fields | {cars_field: cars}


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
    found = read_day(value) if isinstance(value, str) else None
    if found is None:
        told = f"{value[:40]!r}" if isinstance(value, str) else _type(value)
        errors.append(FieldError("as_of", f"must be a date like 2026-01-31, got {told}"))
    return found


def read_day(text: str) -> date | None:
    """The day that an ISO date names, or None."""
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None


def _comparables(fields: dict[str, Any], cars: int, errors: list[FieldError]) -> int:
    value = fields.get("comparables")
    if value is None or value is False:
        return 0
    if type(value) is not int or not 0 <= value <= MAX_COMPARABLES:
        told = f"must be a whole number from 0 to {MAX_COMPARABLES}"
        errors.append(FieldError("comparables", told))
        return 0
    if value and cars > MAX_DETAILED:
        told = f"{cars} cars, at most {MAX_DETAILED} in one request that asks for comparables"
        errors.append(FieldError("comparables", told))
    return value


def _explain(fields: dict[str, Any], cars: int, errors: list[FieldError]) -> bool:
    value = fields.get("explain")
    if value is not None and not isinstance(value, bool):
        errors.append(FieldError("explain", f"must be true or false, got {_type(value)}"))
    if value is True and cars > MAX_EXPLAINED:
        told = f"{cars} cars, at most {MAX_EXPLAINED} in one request that asks for explanations"
        errors.append(FieldError("explain", told))
    return value is True


def _real_prices(
    fields: dict[str, Any], cars: int, errors: list[FieldError]
) -> list[float | None] | None:
    name = "cars_real_price"
    given = fields.get(name)
    if given is None:
        return None
    if not isinstance(given, list):
        errors.append(FieldError(name, f"must be a list, got {_type(given)}"))
        return None
    values = cast("list[Any]", given)
    if len(values) != cars:
        errors.append(FieldError(name, f"{len(values)} prices for {cars} cars"))
        return None
    found: list[float | None] = []
    for place, value in enumerate(values):
        amount, note = read_asking_price(value, "")
        found.append(amount)
        if note is not None:
            told = "must be an amount above 0, or null where it is not known"
            errors.append(FieldError(name, told, place))
            break
    return found


def _type(value: Any) -> str:
    return JSON_TYPES[type(value)]
