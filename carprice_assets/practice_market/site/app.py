"""``create_site``: one practice site put together."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.practice_market.site.access_log import AccessLog
from carprice_assets.practice_market.site.carscom import carscom_routes
from carprice_assets.practice_market.site.common import common_routes
from carprice_assets.practice_market.site.control import control_routes
from carprice_assets.practice_market.site.faults import Faults
from carprice_assets.practice_market.site.gateway import Gateway
from carprice_assets.practice_market.site.schema_org import schema_org_routes
from carprice_assets.practice_market.site.settings import CARSCOM, SiteSettings
from carprice_assets.practice_market.site.state import SiteState


def create_site(settings: SiteSettings, home: Home, faults: Faults | None = None) -> Litestar:
    """The site of one market.

    Parameters
    ----------
    home
        Keeps the day (``day.json``) and the access log (``access.jsonl``) below
        ``home.practice / settings.market``.
    faults
        Those that it starts with; none by default.

    Raises
    ------
    UserError
        Where the day kept there is none of the simulated market's.
    """
    state = SiteState(settings, home, faults)
    log = AccessLog(state.folder / "access.jsonl")
    template = carscom_routes if settings.template == CARSCOM else schema_org_routes

    async def close_log(_app: Litestar) -> None:
        log.close()

    app = Litestar(
        route_handlers=[*template(state), *common_routes(state), *control_routes(state, log)],
        exception_handlers={UserError: _answer_user_error, HTTPException: _answer_http_exception},
        on_shutdown=[close_log],
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    # Around the router, since middleware never sees a request that no route takes.
    app.asgi_handler = Gateway(app.asgi_handler, state, log)
    app.state.site = state
    return app


def _answer_user_error(_request: Request[Any, Any, Any], error: UserError) -> Response[bytes]:
    return _problem(HTTPStatus.BAD_REQUEST, str(error))


def _answer_http_exception(
    _request: Request[Any, Any, Any], error: HTTPException
) -> Response[bytes]:
    return _problem(HTTPStatus(error.status_code), error.detail)


def _problem(status: HTTPStatus, detail: str) -> Response[bytes]:
    """Problem details (RFC 9457)."""
    content = {"type": "about:blank", "title": status.phrase, "status": status.value}
    return Response(
        msgspec.json.encode(content | {"detail": detail}),
        status_code=status.value,
        media_type="application/problem+json",
    )
