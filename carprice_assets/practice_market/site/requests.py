"""What routes read of a request."""

from __future__ import annotations

from typing import Any

from litestar import Request


def origin_of(request: Request[Any, Any, Any]) -> str:
    """Scheme, host and port that the client asked."""
    return f"http://{request.headers.get('host', '127.0.0.1')}"


def page_number(request: Request[Any, Any, Any]) -> int:
    """The query's ``page``, from 1; 1 where it is none."""
    asked = word(request, "page")
    return max(1, int(asked)) if asked.isascii() and asked.isdecimal() else 1


def word(request: Request[Any, Any, Any], key: str, default: str = "") -> str:
    """One parameter of the query; of several of that name, the last."""
    values: list[str] = request.query_params.getall(key, [default])
    return values[-1]
