"""Problems as pages: a person gets words and a way on instead of problem details."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response

from carprice_serving.pages.engine import PAGES, Pages
from carprice_serving.problems import HANDLERS
from carprice_serving.schemas import Problem

NOT_FOR_PEOPLE = ("/api/", "/schema", "/metrics", "/health", "/ready")


def for_person(method: str, path: str, accept: str) -> bool:
    """Whether whoever asks is a browser that shows a page, and not one of the API's clients."""
    asked = path.strip("/") in {page for page, _ in PAGES} or "text/html" in accept
    return method in ("GET", "HEAD") and asked and not path.startswith(NOT_FOR_PEOPLE)


def problem_handlers(pages: Pages) -> dict[Any, Any]:
    """The app's exception handlers, which show people a page with the same problem."""
    return {kind: _shown(pages, handler) for kind, handler in HANDLERS.items()}


def _shown(pages: Pages, handler: Callable[..., Response[bytes]]) -> Any:
    def answer(request: Request[Any, Any, Any], exception: Exception) -> Response[Any]:
        answered = handler(request, exception)
        if not for_person(request.method, request.url.path, request.headers.get("accept", "")):
            return answered
        problem = msgspec.json.decode(answered.content, type=Problem)
        page = request.url.path.strip("/")
        return pages.render(
            "problem.html", page=page, status=HTTPStatus(problem.status), problem=problem
        )

    return answer
