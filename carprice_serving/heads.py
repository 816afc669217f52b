"""HEAD wherever GET answers: the same answer without its body (RFC 9110)."""

from __future__ import annotations

from typing import Any


async def answer_head(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Ask ``app`` by GET, and send its status and headers alone.

    The route that was taken is noted in ``scope``, as for any other request. A framework's own
    handlers of HEAD would stand in the OpenAPI document a second time.
    """

    async def headers_alone(message: Any) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    asked = {**scope, "method": "GET"}
    try:
        await app(asked, receive, headers_alone)
    finally:
        if (route := asked.get("path_template")) is not None:
            scope["path_template"] = route
