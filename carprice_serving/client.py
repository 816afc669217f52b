"""A small typed client of the service: one method an operation, answers as the service's own types.

Needs the standard library and msgspec. Every operation may be sent again, so a connection that
the service has closed is opened once more without asking.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import msgspec

from carprice_serving.bargain_schemas import BargainsAnswer
from carprice_serving.schemas import (
    ComparablesAnswer,
    Health,
    LiveErrorAnswer,
    Markets,
    PredictAnswer,
    Problem,
    Readiness,
    Releases,
    ValuationsAnswer,
)

Car = Mapping[str, Any]
Answer = TypeVar("Answer")
Transport = Callable[[str, str, Mapping[str, str], bytes | None], tuple[int, bytes]]
"""Method, path with query, headers and body to status and body."""
JSON, CSV = "application/json", "text/csv"


class ClientError(Exception):
    """What may come of a call instead of an answer; the message is one line."""


class Unreachable(ClientError, ConnectionError):  # noqa: N818  # as Refused
    """No answer came: nobody listens there, the connection broke, or the time was over."""


class Refused(ClientError):  # noqa: N818  # the service's word, as in the ledger
    """The service refused a request; ``problem`` names the field."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.status, self.problem = status, problem


class Connection:
    """One kept-alive connection; not for several threads at once."""

    def __init__(self, base: str, timeout: float) -> None:
        parts, port = _address(base)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", port, timeout=timeout)
        self._told = f"{parts.scheme}://{parts.hostname}:{self._connection.port}"
        self._prefix = parts.path.rstrip("/")

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        """Send one request; raises :class:`Unreachable` where no answer comes."""
        try:
            return self._sent_again(method, path, headers, body)
        except (http.client.HTTPException, OSError, UnicodeError) as error:
            self._connection.close()
            told = str(error) or type(error).__name__
            raise Unreachable(f"no answer from {self._told}: {told}") from error

    def _sent_again(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        """Send a request, and once more where the service has closed a kept connection."""
        fresh = self._connection.sock is None
        try:
            return self._sent(method, path, headers, body)
        except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
            self._connection.close()
            if fresh:
                raise
            return self._sent(method, path, headers, body)

    def close(self) -> None:
        """Close it; the next request opens it again."""
        self._connection.close()

    def _sent(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        self._connection.request(method, self._prefix + path, body, dict(headers))
        answer = self._connection.getresponse()
        return answer.status, answer.read()


class Client:
    """The service at ``base``, such as ``http://127.0.0.1:8000``; closed by ``with``.

    Raises
    ------
    ClientError
        At once where ``base`` is no such address. Every call raises :class:`Refused` or
        :class:`Unreachable`, which are of this kind too.
    """

    def __init__(
        self,
        base: str,
        *,
        key: str | None = None,
        timeout: float = 60.0,
        transport: Transport | None = None,
    ) -> None:
        self._send = transport or Connection(base, timeout)
        self._headers = {"X-API-Key": key} if key else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        if isinstance(self._send, Connection):
            self._send.close()

    def predict(
        self,
        cars: Sequence[Car],
        *,
        regressor: str | None = None,
        as_of: date | None = None,
        comparables: int = 0,
        explain: bool = False,
        real_prices: Sequence[float | None] | None = None,
    ) -> PredictAnswer:
        """Value cars of the default market; see :meth:`value_cars`."""
        form = _form("cars_data", cars, regressor, as_of, comparables, explain, real_prices)
        return self._asked(PredictAnswer, "POST", "/api/v1/predict", form)

    def value_cars(
        self,
        market: str,
        cars: Sequence[Car],
        *,
        regressor: str | None = None,
        as_of: date | None = None,
        comparables: int = 0,
        explain: bool = False,
        real_prices: Sequence[float | None] | None = None,
    ) -> ValuationsAnswer:
        """One valuation a car, in order.

        Raises
        ------
        Refused
            Where the request as a whole is refused; a car's own errors stand in its valuation.
        """
        form = _form("cars", cars, regressor, as_of, comparables, explain, real_prices)
        return self._asked(ValuationsAnswer, "POST", f"{_at(market)}/valuations", form)

    def value_csv(
        self,
        market: str,
        file: bytes,
        *,
        regressor: str | None = None,
        as_of: date | None = None,
    ) -> bytes:
        """The CSV file with prices behind its own columns."""
        query = _query({"model_type": regressor, "as_of": as_of})
        headers = self._headers | {"Content-Type": CSV}
        path = f"{_at(market)}/valuations.csv{query}"
        return _refuse(*self._send("POST", path, headers, file))

    def find_comparables(
        self, market: str, car: Car, *, count: int | None = None, as_of: date | None = None
    ) -> ComparablesAnswer:
        """Known listings of the car's model, nearest first."""
        query = _query({**car, "count": count, "as_of": as_of})
        return self._asked(ComparablesAnswer, "GET", f"{_at(market)}/comparables{query}")

    def list_releases(self, market: str, *, limit: int | None = None) -> Releases:
        """Releases and ledger of a market, latest first."""
        return self._asked(Releases, "GET", f"{_at(market)}/releases{_query({'limit': limit})}")

    def get_live_error(self, market: str) -> LiveErrorAnswer:
        """How far off valuations were from the real prices sent along."""
        return self._asked(LiveErrorAnswer, "GET", f"{_at(market)}/live-error")

    def list_bargains(
        self,
        market: str,
        *,
        make: str | None = None,
        model: str | None = None,
        max_price: float | None = None,
        min_saving: float | None = None,
        min_year: int | None = None,
        sort: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        apart: bool = False,
    ) -> BargainsAnswer:
        """Current offers that cost less than they should, the best first."""
        wanted = {
            "make": make,
            "model": model,
            "max_price": max_price,
            "min_saving": min_saving,
            "min_year": min_year,
            "sort": sort,
            "limit": limit,
            "offset": offset,
            "apart": "true" if apart else None,
        }
        return self._asked(BargainsAnswer, "GET", f"{_at(market)}/bargains{_query(wanted)}")

    def list_markets(self) -> Markets:
        """Markets that can be asked."""
        return self._asked(Markets, "GET", "/api/v1/markets")

    def describe_market(self, market: str) -> dict[str, Any]:
        """The OpenAPI document of one market."""
        return self._asked(dict[str, Any], "GET", f"{_at(market)}/openapi.json")

    def get_health(self) -> Health:
        """That the process lives."""
        return self._asked(Health, "GET", "/health")

    def get_metrics(self) -> str:
        """Figures of the service in Prometheus's text format."""
        return _refuse(*self._send("GET", "/metrics", self._headers, None)).decode()

    def get_readiness(self) -> Readiness:
        """Which release answers for which market, also where none does."""
        _, found = self._send("GET", "/ready", self._headers, None)
        return _decoded(found, Readiness)

    def _asked(self, kind: type[Answer], method: str, path: str, form: Any = None) -> Answer:
        body = None if form is None else msgspec.json.encode(form)
        headers = self._headers if body is None else self._headers | {"Content-Type": JSON}
        return _decoded(_refuse(*self._send(method, path, headers, body)), kind)


def _address(base: str) -> tuple[SplitResult, int | None]:
    """The parts of an address and its port, None for the usual one."""
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = base.rpartition("@")[2]  # what stands before it may be a password
        raise ClientError(f"the address must be http://host or https://host, got {shown!r}")
    return parts, port


def _decoded(found: bytes, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(found, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # cut off, or another program's
        raise ClientError(f"what came is no answer of the service: {error}") from error


def _refuse(status: int, found: bytes) -> bytes:
    if status == HTTPStatus.OK:
        return found
    try:
        problem = msgspec.json.decode(found, type=Problem)
    except msgspec.DecodeError:  # a proxy's page, not the service's answer
        problem = Problem("about:blank", "Refused", status, found[:200].decode(errors="replace"))
    raise Refused(status, problem)


def _form(
    name: str,
    cars: Sequence[Car],
    regressor: str | None,
    as_of: date | None,
    comparables: int,
    explain: bool,
    real_prices: Sequence[float | None] | None,
) -> dict[str, Any]:
    form = {
        "model_type": regressor,
        "as_of": as_of,
        "comparables": comparables,
        "explain": explain,
        "cars_real_price": real_prices,
    }
    return {name: cars} | {key: value for key, value in form.items() if value not in (None, 0)}


def _at(market: str) -> str:
    return f"/api/v1/{quote(market, safe='')}"


def _query(fields: Mapping[str, Any]) -> str:
    given = {name: value for name, value in fields.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""
