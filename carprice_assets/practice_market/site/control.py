"""Control of a practice site: its day, its faults, its log. No part of the marketplace."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from carprice_assets.errors import UserError
from carprice_assets.practice_market.site.access_log import AccessLog
from carprice_assets.practice_market.site.faults import Faults
from carprice_assets.practice_market.site.hostile import HOSTILE
from carprice_assets.practice_market.site.state import SiteState


class Day(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /practice/day``."""

    day: int


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /practice/advance``."""

    days: int = 1


def control_routes(state: SiteState, log: AccessLog) -> list[HTTPRouteHandler]:
    """Routes below ``/practice/``; what cannot be done raises UserError."""

    @get("/practice/state")
    async def tell() -> Response[bytes]:
        return _json(state_of(state))

    @get("/practice/log")
    async def read_log() -> Response[bytes]:
        return Response(log.read(), media_type="application/jsonl")

    @post("/practice/day", status_code=200)
    async def set_day(request: Request[Any, Any, Any]) -> Response[bytes]:
        state.move_to(_decoded(await request.body(), Day).day)
        return _json(state_of(state))

    @post("/practice/advance", status_code=200)
    async def advance(request: Request[Any, Any, Any]) -> Response[Any]:
        by_form = "form" in request.headers.get("content-type", "")
        body = b"" if by_form else await request.body()
        state.move_to(state.day + _decoded(body or b"{}", Advance).days)
        return Redirect("/", status_code=303) if by_form else _json(state_of(state))

    @post("/practice/faults", status_code=200)
    async def set_faults(request: Request[Any, Any, Any]) -> Response[bytes]:
        state.set_faults(_decoded(await request.body(), Faults))
        return _json(state_of(state))

    return [tell, read_log, set_day, advance, set_faults]


def state_of(state: SiteState) -> dict[str, object]:
    """What ``GET /practice/state`` tells."""
    return {
        "market": state.settings.market,
        "template": state.settings.template,
        "day": state.day,
        "date": state.stock.date.isoformat(),
        "last_day": state.last_day,
        "on_sale": len(state.stock.cars),
        "known": len(state.stock.known),
        "faults": msgspec.to_builtins(state.faults),
        "hostile": dict(HOSTILE),
    }


def _decoded(body: bytes, kind: Any) -> Any:
    """The body as a struct of that kind.

    Raises
    ------
    UserError
        Where it is no JSON, or does not fit.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise UserError(f"body: {error}") from error


def _json(value: object) -> Response[bytes]:
    return Response(msgspec.json.encode(value), media_type=MediaType.JSON)
