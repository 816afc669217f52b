"""``create_app``: the service put together."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio import to_thread
from litestar import Litestar

from carprice_serving.champions import HomeReleases
from carprice_serving.controllers.comparables import comparables_routes
from carprice_serving.controllers.priced_csv import priced_csv_routes
from carprice_serving.controllers.releases import release_routes
from carprice_serving.controllers.state import state_routes
from carprice_serving.controllers.valuations import valuation_routes
from carprice_serving.market_openapi import market_openapi_route
from carprice_serving.openapi import docs_assets, openapi_config
from carprice_serving.postman import postman_route
from carprice_serving.problems import HANDLERS
from carprice_serving.settings import Settings
from carprice_serving.shadows import HomeShadows, Shadows, ShadowSource
from carprice_serving.valuations import Valuations
from carprice_serving.valuers import ReleaseSource, ValuerRegistry


def create_app(
    settings: Settings | None = None,
    source: ReleaseSource | None = None,
    shadow_source: ShadowSource | None = None,
) -> Litestar:
    """The app; it answers once its start has loaded every market's champion.

    Parameters
    ----------
    settings
        Read from the environment by default.
    source
        Where champions come from; the releases of ``settings.home`` by default.
    shadow_source
        Where shadows come from, and where what they say is kept; the home too.
    """
    settings = settings or Settings.from_environment()
    registry = ValuerRegistry(
        source or HomeReleases(settings.home),
        default_market=settings.default_market,
        retry_seconds=settings.retry_seconds,
    )

    shadows = Shadows(shadow_source or HomeShadows(settings.home))

    @asynccontextmanager
    async def follow_champions(_app: Litestar) -> AsyncGenerator[None]:
        await to_thread.run_sync(registry.refresh)
        shadows.start()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_follow, registry, shadows, settings.poll_seconds)
                yield
                tasks.cancel_scope.cancel()
        finally:
            shadows.stop()

    valuations = Valuations(registry, settings, shadows)
    return Litestar(
        route_handlers=[
            *valuation_routes(valuations),
            *priced_csv_routes(valuations),
            *comparables_routes(valuations),
            *release_routes(valuations),
            market_openapi_route(valuations),
            *state_routes(registry),
            docs_assets(),
            postman_route(registry),
        ],
        lifespan=[follow_champions],
        exception_handlers=HANDLERS,
        openapi_config=openapi_config(),
        logging_config=None,
        debug=False,
    )


async def _follow(registry: ValuerRegistry, shadows: Shadows, seconds: float) -> None:
    while True:
        await to_thread.run_sync(shadows.refresh, registry)
        await anyio.sleep(seconds)
        await to_thread.run_sync(registry.refresh)
