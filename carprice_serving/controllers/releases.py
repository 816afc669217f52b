"""Routes about a market's releases: those that there are, and how far off they are live."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, Parameter

from carprice_serving.known_names import only
from carprice_serving.openapi import problems_of
from carprice_serving.schemas import LiveErrorAnswer, Releases
from carprice_serving.valuations import Valuations

MOST = 100


def release_routes(valuations: Valuations) -> list[HTTPRouteHandler]:
    """Handlers that tell of releases."""

    @get(
        "/api/v1/{market:str}/releases",
        operation_id="listReleases",
        before_request=only("limit"),
        summary="Releases of a market and what was decided about them",
        description="Latest first, with the figures of each on its hold-out, and the ledger.",
        tags=["releases"],
        responses=problems_of(400, 404, 422),
    )
    async def list_releases(
        market: FromPath[str],
        limit: Annotated[int, Parameter(ge=1, le=MOST, description="At most so many of each")] = 20,
    ) -> Releases:
        valuations.require_market(market)
        return await valuations.aside(partial(valuations.registry.releases, market, limit))

    @get(
        "/api/v1/{market:str}/live-error",
        operation_id="getLiveError",
        before_request=only(),
        summary="How far valuations were off the real prices sent along",
        description=(
            "`cars_real_price` of a request for valuations tells what cars were sold or offered "
            "for, at once or later with the `as_of` of then. The same car with the "
            "same price and day counts once; another price of it is another sale. Figures are of "
            "this process since its start."
        ),
        tags=["releases"],
        responses=problems_of(400, 404, 422, 503),
    )
    async def get_live_error(market: FromPath[str]) -> LiveErrorAnswer:
        valuer = valuations.valuer(market)
        figures = await valuations.aside(partial(valuations.live_errors.figures, market))
        return LiveErrorAnswer(market, valuer.currency, figures)

    return [list_releases, get_live_error]
