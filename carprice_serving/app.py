"""``create_app``: the service put together."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio import to_thread
from litestar import Litestar

from carprice_assets.regressors.serving import bound_threads
from carprice_serving.bargain_lists import BargainLists
from carprice_serving.board import Board
from carprice_serving.champions import HomeReleases
from carprice_serving.controllers.bargains import bargain_routes
from carprice_serving.controllers.comparables import comparables_routes
from carprice_serving.controllers.metrics import metrics_route
from carprice_serving.controllers.priced_csv import priced_csv_routes
from carprice_serving.controllers.releases import release_routes
from carprice_serving.controllers.state import state_routes
from carprice_serving.controllers.valuations import valuation_routes
from carprice_serving.guard import Guard
from carprice_serving.heads import answer_head
from carprice_serving.market_openapi import market_openapi_route
from carprice_serving.metrics import Metrics
from carprice_serving.openapi import docs_assets, openapi_config
from carprice_serving.pages.engine import Pages, page_assets
from carprice_serving.pages.problems import problem_handlers
from carprice_serving.pages.routes import page_routes
from carprice_serving.postman import postman_route
from carprice_serving.running import Running
from carprice_serving.settings import Settings
from carprice_serving.shadows import HomeShadows, Shadows, ShadowSource
from carprice_serving.spool import Spool
from carprice_serving.valuations import Valuations
from carprice_serving.valuers import ReleaseSource, ValuerRegistry


class Service(Litestar):
    """A Litestar app behind its guard."""

    guard: Guard | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer what the guard lets in."""
        if scope["type"] == "http" and self.guard is not None:
            await self.guard(self._answer, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "HEAD":
            await answer_head(super().__call__, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings | None = None,
    source: ReleaseSource | None = None,
    shadow_source: ShadowSource | None = None,
    *,
    keys_required: bool = False,
    board: Board | None = None,
) -> Service:
    """The app; it answers once its start has loaded every market's champion.

    Parameters
    ----------
    settings
        Read from the environment by default.
    source
        Where champions come from; the releases of ``settings.home`` by default.
    shadow_source
        Where shadows come from, and where what they say is kept; the home too.
    keys_required
        Whether requests need a key; ``settings.keys`` set to ``required`` asks for one as well.
    board
        What several workers share.
    """
    settings = settings or Settings.from_environment()
    source = source or HomeReleases(settings.home)
    lists = BargainLists(source, settings.retry_seconds)
    registry = ValuerRegistry(
        source,
        default_market=settings.default_market,
        retry_seconds=settings.retry_seconds,
    )
    metrics, board = Metrics(), board or Board()
    guard = Guard(settings, metrics, required=keys_required or settings.keys == "required")
    running = Running(settings, registry, metrics, guard, board)
    shadows = Shadows(shadow_source or HomeShadows(settings.home))
    valuations = Valuations(registry, settings, stage=running.stage)
    valuations.listeners.add(running.count)
    valuations.listeners.add(shadows.offer)
    spool = Spool(settings.home.spool, settings.spool_megabytes * 1_000_000, metrics)
    if settings.spool_megabytes:
        valuations.listeners.add(spool)

    pages = Pages(registry)
    guard.page = pages.refused

    @asynccontextmanager
    async def beside(_app: Litestar) -> AsyncGenerator[None]:
        # Requests of others must find a core while a long one is computed.
        bound_threads(1)
        await to_thread.run_sync(running.start)
        spool.start()
        shadows.start()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(running.loop)
                tasks.start_soon(to_thread.run_sync, pages.prepare)
                tasks.start_soon(_follow_shadows, registry, shadows, settings.poll_seconds)
                yield
                tasks.cancel_scope.cancel()
        finally:
            shadows.stop()
            await to_thread.run_sync(spool.end)
            await to_thread.run_sync(running.post)

    app = Service(
        route_handlers=[
            *valuation_routes(valuations),
            *priced_csv_routes(valuations),
            *comparables_routes(valuations),
            *release_routes(valuations),
            *bargain_routes(valuations, lists),
            market_openapi_route(valuations),
            *state_routes(registry, board),
            metrics_route(running),
            docs_assets(),
            postman_route(registry),
            *page_routes(pages, valuations, lists),
            page_assets(),
        ],
        lifespan=[beside],
        exception_handlers=problem_handlers(pages),
        openapi_config=openapi_config(),
        logging_config=None,
        debug=False,
    )
    app.guard = guard
    return app


async def _follow_shadows(registry: ValuerRegistry, shadows: Shadows, seconds: float) -> None:
    while True:
        await to_thread.run_sync(shadows.refresh, registry)
        await anyio.sleep(seconds)
