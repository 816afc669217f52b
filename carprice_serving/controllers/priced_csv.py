"""The route that prices a CSV file: taken in whole, answered row by row as it is priced."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from datetime import date
from functools import partial
from http import HTTPStatus
from typing import IO, Annotated, Any

from anyio import to_thread
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, Parameter
from litestar.response import Stream

from carprice_serving.answered import Answered
from carprice_serving.bodies import AS_CSV, body_pieces, drain, read_day, require_type
from carprice_serving.csv_cars import CsvCars, Row, head_line, priced_lines
from carprice_serving.known_names import require_known
from carprice_serving.openapi import CsvOperation, csv_answer, problems_of
from carprice_serving.problems import RequestProblem, field_problem
from carprice_serving.valuations import Valuations, today, value
from carprice_serving.valuers import Valuer

IN_MEMORY = 1_000_000
"""Bytes of a file that stay in memory; a longer one lies in a temporary file."""
CSV = AS_CSV[0]


def priced_csv_routes(valuations: Valuations) -> list[HTTPRouteHandler]:
    """Handlers that price files by ``valuations``."""
    settings = valuations.settings

    @post(
        "/api/v1/{market:str}/valuations.csv",
        operation_id="valueCsv",
        operation_class=CsvOperation,
        summary="Price a CSV file",
        description=(
            "A car a row; the first line names the columns by a car's fields, in any case. The "
            "answer is the file with `predicted_price`, `low`, `high`, `currency`, `deal_rating`, "
            "`supported`, `warnings` and `error` behind its own columns, in its order; what is no "
            "field of a car is handed through. It may be called application/vnd.ms-excel. It is "
            "sent as it is priced, all from one release, which the "
            "header `Carprice-Release` names. A bad row gets an error and spoils no other."
        ),
        tags=["valuations"],
        responses={200: csv_answer(), **problems_of(400, 404, 413, 415, 422, 503, 507)},
        status_code=200,
    )
    async def value_csv(
        request: Request[Any, Any, Any],
        market: FromPath[str],
        model_type: Annotated[
            str | None, Parameter(description="Regressor of the release; its champion by default")
        ] = None,
        as_of: Annotated[
            str | None, Parameter(description="Day that the prices shall hold for, as 2026-01-31")
        ] = None,
    ) -> Stream:
        try:
            require_known(request.query_params, ("model_type", "as_of"))
            valuer = valuations.valuer(market)
            require_type(request, AS_CSV)
            valuations.require_regressor(valuer, model_type)
            day = _day(valuer, as_of)
        except RequestProblem:
            await drain(request)
            raise
        file = await _taken_in(request, settings.max_csv)
        try:
            own = [feature.name for feature in valuer.features]
            cars = await to_thread.run_sync(CsvCars, file, own)
        except BaseException:
            file.close()
            raise
        answer = _priced(valuations, valuer, file, cars, model_type or None, day)
        headers = {
            "Carprice-Release": valuer.release_id,
            "Carprice-Regressor": model_type or valuer.champion,
        }
        return Stream(answer, media_type=CSV, status_code=HTTPStatus.OK, headers=headers)

    return [value_csv]


def _day(valuer: Valuer, text: str | None) -> date:
    day = read_day(text) if text else today(valuer)
    if day is None:
        told = f"must be a date like 2026-01-31, got {(text or '')[:40]!r}"
        raise field_problem("invalid-request", "as_of", told)
    return day


async def _taken_in(request: Request[Any, Any, Any], limit: int) -> IO[bytes]:
    """The body in a file at its start: what is sent while one sends could wait for ever."""
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # closed by who reads
    try:
        async for piece in body_pieces(request, limit):
            await to_thread.run_sync(file.write, piece)
        file.seek(0)
    except OSError as error:
        file.close()
        told = f"body: the service has no room for the file: {error.strerror}"
        raise RequestProblem(HTTPStatus.INSUFFICIENT_STORAGE, "no-room", told) from error
    except BaseException:
        file.close()
        raise
    return file


async def _priced(
    valuations: Valuations,
    valuer: Valuer,
    file: IO[bytes],
    cars: CsvCars,
    regressor: str | None,
    as_of: date,
) -> AsyncGenerator[bytes]:
    """The answer's lines, a slice at a time; the file is closed with it."""
    with file:
        yield head_line(cars.names)
        pieces = cars.pieces(valuations.settings.slice_cars)
        while rows := await valuations.in_turn(partial(next, pieces, list[Row]())):
            work = partial(_valued, valuer, cars, rows, regressor, as_of)
            lines, answered = await valuations.in_turn(work)
            valuations.listeners.tell(answered)
            yield lines


def _valued(
    valuer: Valuer, cars: CsvCars, rows: list[Row], regressor: str | None, as_of: date
) -> tuple[bytes, Answered]:
    given = [cars.car(row) for row in rows]
    found = value(valuer, as_of, regressor, given)
    return priced_lines(rows, found), Answered(valuer, regressor, as_of, given, found)
