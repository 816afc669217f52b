"""Everything that is refused is answered with problem details (RFC 9457) that name the field."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from carprice_assets.listings.notes import Note
from carprice_serving.schemas import FieldError, Problem

MEDIA_TYPE = "application/problem+json"
TYPES = "urn:carprice:problem:"

logger = logging.getLogger(__name__)


NOT_FOR_PEOPLE = ("/api/", "/schema", "/metrics", "/health", "/ready")


def for_person(method: str, path: str, accept: str) -> bool:
    """Whether a browser asks that shows a page, and not one of the API's clients."""
    return (
        method in ("GET", "HEAD") and "text/html" in accept and not path.startswith(NOT_FOR_PEOPLE)
    )


class RequestProblem(HTTPException):
    """A request that gets no valuations, with the reason.

    ``kind`` is the stable end of the problem's type, such as ``unknown-market``.
    """

    def __init__(
        self, status: HTTPStatus, kind: str, detail: str, errors: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(detail=detail, status_code=status.value)
        self.problem = Problem(
            type=TYPES + kind,
            title=status.phrase,
            status=status.value,
            detail=detail,
            errors=list(errors),
        )


def field_problem(
    kind: str, field: str, message: str, status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY
) -> RequestProblem:
    """A problem of one field."""
    return RequestProblem(status, kind, f"{field}: {message}", [FieldError(field, message)])


def fields_problem(errors: Sequence[FieldError]) -> RequestProblem:
    """A problem of several fields, each named (422)."""
    detail = "; ".join(f"{error.field}: {error.message}" for error in errors)
    return RequestProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors)


def car_problem(errors: Sequence[Note]) -> RequestProblem:
    """A problem of the one car that a request is about."""
    fields = [FieldError(note.field, note.message) for note in errors]
    detail = "; ".join(note.message for note in errors)
    return RequestProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-car", detail, fields)


def answer_request_problem(
    _request: Request[Any, Any, Any], problem: RequestProblem
) -> Response[bytes]:
    """Problem details of a refused request."""
    return _response(problem.problem)


def answer_validation(
    request: Request[Any, Any, Any], exception: ValidationException
) -> Response[bytes]:
    """Problem details of parameters that the framework has refused, each named."""
    extra: Any = exception.extra
    found: list[Any] = extra if isinstance(extra, list) else []
    errors = [
        FieldError(str(each.get("key", "request")), str(each.get("message", "is refused")))
        for each in found
    ]
    if not errors:
        return answer_http_exception(request, exception)
    return _response(fields_problem(errors).problem)


def answer_http_exception(
    _request: Request[Any, Any, Any], exception: HTTPException
) -> Response[bytes]:
    """Problem details of what the framework refuses: unknown address, method and the like."""
    status = HTTPStatus(exception.status_code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer_defect(_request, exception)
    problem = Problem("about:blank", status.phrase, status.value, exception.detail)
    return _response(problem, exception.headers)


def answer_defect(request: Request[Any, Any, Any], exception: Exception) -> Response[bytes]:
    """A defect of the service: the trace goes to the log, its id to the client."""
    incident = str(uuid.uuid4())
    logger.error(
        "%s %s failed, incident %s", request.method, request.url.path, incident, exc_info=exception
    )
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    detail = f"A defect of the service; its log tells more under {incident}."
    problem = Problem(
        f"{TYPES}defect", status.phrase, status.value, detail, instance=f"urn:uuid:{incident}"
    )
    return _response(problem)


def _response(problem: Problem, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        content=msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers or {},
    )


HANDLERS: Any = {
    RequestProblem: answer_request_problem,
    ValidationException: answer_validation,
    HTTPException: answer_http_exception,
    Exception: answer_defect,
}
"""Exception handlers of the app."""
