"""Problems as pages: a person gets words and a way on instead of problem details."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response

from carprice_serving.pages.engine import Pages
from carprice_serving.problems import HANDLERS, for_person
from carprice_serving.schemas import Problem


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
