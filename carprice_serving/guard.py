"""The door of the service: who may come in, how often, how long, and what is said of it.

Plain ASGI around the whole app, so that it also stands before unknown addresses, and costs a
request some 20 microseconds.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from time import perf_counter
from typing import Any, cast

import msgspec

from carprice_serving.keys import Key, Keys, given_key
from carprice_serving.limits import Rates, beyond, client_of
from carprice_serving.logs import ACCESS, REQUEST
from carprice_serving.metrics import Metrics
from carprice_serving.problems import MEDIA_TYPE, TYPES, for_person
from carprice_serving.schemas import Problem
from carprice_serving.settings import Settings

OPEN = frozenset({"/health", "/ready"})
"""Asked by whoever watches the service; they need no key."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
)
"""Headers of every answer. Swagger UI draws with inline styles; scripts are the service's own."""

SLOWEST = 64_000
"""Bytes a second of a body that a client must send, beyond the time that every request has."""

access = logging.getLogger(ACCESS)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refused(Exception):  # noqa: N818
    """A request that is not let in."""

    status: HTTPStatus
    kind: str
    detail: str
    reason: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass
class Guard:
    """Stands before an ASGI app.

    Attributes
    ----------
    keys
        Those that open the service; replaced whole where their file changes.
    required
        Whether a key is asked for.
    """

    settings: Settings
    metrics: Metrics
    keys: Keys = field(default_factory=Keys)
    required: bool = False
    running: int = 0
    page: Callable[[Problem], bytes] | None = None
    """Draws a refusal for people; without it they get problem details as programs do."""
    _rates: Rates = field(default_factory=Rates)
    _boot: str = field(default_factory=lambda: secrets.token_hex(5))
    _numbers: count[int] = field(default_factory=lambda: count(1))

    async def __call__(self, app: Any, scope: Any, receive: Any, send: Any) -> None:
        """Let one request through to ``app``, or refuse it."""
        begin = perf_counter()
        if scope["method"] == "HEAD":  # as GET; the server that sends the answer keeps the body
            scope = scope | {"method": "GET"}
        headers = _headers(scope)
        request = self._request_id(headers)
        token = REQUEST.set(request)
        answer = _Answer(send, request)
        client = ""
        self.running += 1
        try:
            client = self._let_in(scope, headers)
            await self._within_time(app, scope, receive, answer)
        except Refused as refused:
            self.metrics.refused.add((refused.reason,))
            await answer.refuse(refused, self._page_for(scope, headers))
        finally:
            self.running -= 1
            self._tell(scope, answer, perf_counter() - begin, client)
            REQUEST.reset(token)

    async def _within_time(self, app: Any, scope: Any, receive: Any, answer: _Answer) -> None:
        """Give the app its time to begin an answer; a stream may then go on."""
        seconds = self.settings.time_limit
        limit = asyncio.timeout(seconds)
        taken = 0

        async def taking() -> Any:
            # A long body has time to come, one that trickles has not.
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > SLOWEST and not answer.status and (when := limit.when()) is not None:
                limit.reschedule(when + taken / SLOWEST)
                taken = 0
            return message

        try:
            async with limit:
                answer.begun = lambda: limit.reschedule(None)
                await app(scope, taking, answer)
        except TimeoutError:
            answer.begun = None
            if not limit.expired() or answer.status:
                raise
            detail = f"no answer within {seconds:g} s"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too-slow", detail, "time") from None

    def _let_in(self, scope: Any, headers: dict[str, str]) -> str:
        """Who asks: the id of the key, or the client's address."""
        settings, path = self.settings, scope["path"]
        peer = (scope.get("client") or ("", 0))[0]
        if path in OPEN:
            return ""
        if self.running > settings.max_running:
            detail = f"{settings.max_running} requests are being answered: try again"
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, "busy", ((b"retry-after", b"1"),)
            )
        key = self._key(headers) if self.required else None
        client, rate = key.id if key else "", key.rate if key else None
        if not client:
            client = peer
            if settings.trusted_proxies:
                client = client_of(peer, _forwarded(scope), settings.trusted_proxies)
            if not beyond(client):
                return client
        self._count(client, settings.rate if rate is None else rate)
        return client

    def _page_for(self, scope: Any, headers: dict[str, str]) -> Callable[[Problem], bytes] | None:
        asked = for_person(scope["method"], scope["path"], headers.get("accept", ""))
        return self.page if asked else None

    def _key(self, headers: dict[str, str]) -> Key:
        given = given_key(headers)
        found = self.keys.find(given)
        if found is None:
            told = "this key is not known" if given else "a key is needed"
            detail = f"{told}: send it as X-API-Key, or as Authorization: Bearer"
            asked = ((b"www-authenticate", b'Basic realm="carprice", charset="UTF-8"'),)
            raise Refused(HTTPStatus.UNAUTHORIZED, "key", detail, "key", asked)
        return found

    def _count(self, client: str, rate: float) -> None:
        if rate <= 0:
            return
        burst = max(1.0, rate * self.settings.burst_seconds)
        if wait := self._rates.wait(client, rate, burst):
            seconds = str(int(wait) + 1)
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                "rate",
                f"more than {rate:g} requests a second: try again in {seconds} s",
                "rate",
                ((b"retry-after", seconds.encode()),),
            )

    def _request_id(self, headers: dict[str, str]) -> str:
        given = headers.get("x-request-id", "")
        if given and REQUEST_ID.fullmatch(given):
            return given
        return f"{self._boot}-{next(self._numbers)}"

    def _tell(self, scope: Any, answer: _Answer, seconds: float, client: str) -> None:
        route = route_of(scope)
        status = str(answer.status or 499)  # nothing was sent: the client went away
        self.metrics.requests.add((route, status))
        self.metrics.seconds.observe((route,), seconds)
        if access.isEnabledFor(logging.INFO):
            facts = {
                "method": scope["method"],
                "route": route,
                "status": answer.status or 499,
                "milliseconds": round(1e3 * seconds, 3),
            }
            # Of the client no more than the id of its key: an address is nobody's business.
            if self.required:
                facts["key"] = client
            access.info("request", extra={"facts": facts})


class _Answer:
    """Adds the headers of every answer on its way out, and remembers the status."""

    __slots__ = ("_request", "_send", "begun", "status")

    def __init__(self, send: Any, request: str) -> None:
        self._send, self._request = send, request
        self.status = 0
        self.begun: Callable[[], None] | None = None

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.begun is not None:
                self.begun()
            headers = [*message.get("headers", ()), (b"x-request-id", self._request.encode())]
            message["headers"] = headers + list(SECURITY)
        await self._send(message)

    async def refuse(self, refused: Refused, page: Callable[[Problem], bytes] | None) -> None:
        """Send problem details, or a page with them, instead of the app's answer."""
        if self.status:
            return
        status = refused.status
        problem = Problem(TYPES + refused.kind, status.phrase, status.value, refused.detail)
        body = page(problem) if page else msgspec.json.encode(problem)
        kind = "text/html; charset=utf-8" if page else MEDIA_TYPE
        headers = [
            (b"content-type", kind.encode()),
            (b"cache-control", b"no-store"),
            (b"content-length", str(len(body)).encode()),
            *refused.headers,
        ]
        await self({"type": "http.response.start", "status": status.value, "headers": headers})
        await self({"type": "http.response.body", "body": body, "more_body": False})


def route_of(scope: Any) -> str:
    """The route that a request took, with its parameters' names; few different ones."""
    found = scope.get("path_template")
    return cast("str", found) if found else "other"


def _headers(scope: Any) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _forwarded(scope: Any) -> list[str]:
    name = b"x-forwarded-for"
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
