"""The outermost layer of a site: access log, Date header, session cookie and faults."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from datetime import time as clock
from email.utils import format_datetime

import anyio
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from carprice_assets.practice_market.site.access_log import AccessLog, Visit
from carprice_assets.practice_market.site.draws import pick, token
from carprice_assets.practice_market.site.state import SiteState

HOUR = 12
"""Hour (UTC) of the simulated day that the Date header tells."""
COOKIE = "practice_session"
DATA_SCRIPT = re.compile(
    rb'(<script[^>]*type="application/(?:ld\+)?json"[^>]*>)(.*?)(</script>)', re.DOTALL
)
INTERSTITIAL = (
    "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Just a moment…</title>"
    "</head><body><h1>Checking that you are not a robot</h1><p>This takes a few seconds.</p>"
    "</body></html>"
).encode()
HTML = b"text/html; charset=utf-8"


class Gateway:
    """Passes requests to the site and puts on the way what every answer needs."""

    def __init__(self, inner: ASGIApp, state: SiteState, log: AccessLog) -> None:
        self.inner, self.state, self.log = inner, state, log
        self._sessions = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        headers = dict(scope["headers"])
        query = scope["query_string"].decode("latin-1")
        path = scope["path"]
        target = f"{path}?{query}" if query else path
        visit = Visit(time.time(), target, headers.get(b"user-agent", b"").decode("latin-1"))
        began = time.perf_counter()
        extra = [(b"date", date_header(self.state))]
        if COOKIE.encode() not in headers.get(b"cookie", b""):
            extra.append((b"set-cookie", self._session()))

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                message["headers"] = [*message["headers"], *extra]
            elif message["type"] == "http.response.body":
                visit.bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._answer(visit, path, scope, receive, tell)
        finally:
            visit.seconds = round(time.perf_counter() - began, 6)
            self.log.write(visit)

    async def _answer(
        self, visit: Visit, path: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        visit.fault = fault = self.state.meet(path, visit.path)
        key = (self.state.faults.seed, visit.path)
        if fault == "too_many":
            wait = str(self.state.faults.retry_after).encode()
            await _send(send, 429, b"Too many requests", b"text/plain", (b"retry-after", wait))
        elif fault == "server_error":
            status = pick((500, 502, 503), *key)
            await _send(send, status, b"Something went wrong", b"text/plain")
        elif fault == "interstitial":
            await _send(send, pick((403, 503), *key), INTERSTITIAL, HTML)
        elif fault in ("cut", "truncated"):
            await self._spoil(visit, scope, receive, send)
        elif fault == "slow" and await _left(receive, self.state.faults.slow_seconds):
            return
        else:
            await self.inner(scope, receive, send)

    async def _spoil(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with half of the body, or with half of the JSON in it."""
        answer = _Kept()
        await self.inner(scope, receive, answer.keep)
        body = bytes(answer.body)
        if visit.fault == "truncated":
            halved = truncated(body, answer.content_type) if answer.status == 200 else None
            visit.fault, body = ("truncated", halved) if halved is not None else ("", body)
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [
                    *(pair for pair in answer.headers if pair[0] != b"content-length"),
                    (b"content-length", str(len(body)).encode()),
                ],
            }
        )
        if visit.fault != "cut":
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        # Returning with more to come makes the server close the connection.
        await send(
            {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        )

    def _session(self) -> bytes:
        self._sessions += 1
        value = token(self.state.settings.market, time.time_ns(), self._sessions)
        return f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax".encode()


class _Kept:
    """An answer that is kept instead of sent."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    async def keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.lower(), value) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    @property
    def content_type(self) -> bytes:
        return dict(self.headers).get(b"content-type", b"")


def truncated(body: bytes, content_type: bytes) -> bytes | None:
    """Cut the JSON of an answer in its middle, the HTML around it staying whole; None without."""
    if content_type.startswith(b"application/json"):
        return body[: len(body) // 2]
    if not DATA_SCRIPT.search(body):
        return None
    return DATA_SCRIPT.sub(lambda found: found[1] + found[2][: len(found[2]) // 2] + found[3], body)


def date_header(state: SiteState) -> bytes:
    """The simulated day as an HTTP date (RFC 9110, 5.6.7)."""
    moment = datetime.combine(state.stock.date, clock(HOUR), UTC)
    return format_datetime(moment, usegmt=True).encode()


async def _left(receive: Receive, seconds: float) -> bool:
    """Wait; True once the client has gone away meanwhile."""
    with anyio.move_on_after(seconds):
        while (await receive())["type"] != "http.disconnect":
            continue
        return True
    return False


async def _send(
    send: Send, status: int, body: bytes, content_type: bytes, *headers: tuple[bytes, bytes]
) -> None:
    length = str(len(body)).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", content_type), (b"content-length", length), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
