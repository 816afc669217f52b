"""Routes that tell how the service is."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from carprice_serving.board import Board
from carprice_serving.known_names import only
from carprice_serving.openapi import problems_of
from carprice_serving.running import in_service
from carprice_serving.schemas import Health, MarketReadiness, Markets, Readiness, Worker
from carprice_serving.valuers import MarketState, ValuerRegistry


def state_routes(registry: ValuerRegistry, board: Board) -> list[HTTPRouteHandler]:
    """Handlers that tell what ``registry`` knows."""

    @get(
        "/health",
        operation_id="getHealth",
        summary="The process lives",
        tags=["state"],
        sync_to_thread=False,
    )
    def health() -> Health:
        return Health()

    @get(
        "/ready",
        operation_id="getReadiness",
        summary="Which release answers for which market, and since when",
        description="503 as long as no market can answer.",
        tags=["state"],
        sync_to_thread=False,
        responses={503: ResponseSpec(Readiness, description="No market can answer")},
    )
    def ready() -> Response[Readiness]:
        told = readiness(registry, board)
        return Response(told, status_code=200 if told.ready else 503)

    @get(
        "/api/v1/markets",
        operation_id="listMarkets",
        before_request=only(),
        summary="Markets that can be asked",
        tags=["markets"],
        sync_to_thread=False,
        responses=problems_of(422),
    )
    def markets() -> Markets:
        told = readiness(registry, board)
        return Markets(told.default_market, [market for market in told.markets if market.ready])

    return [health, ready, markets]


def readiness(registry: ValuerRegistry, board: Board) -> Readiness:
    """All markets that have or had a champion, by name."""
    states = registry.states
    shown = [_readiness(states[n]) for n in sorted(states) if _has_champion(states[n])]
    able = [market.market for market in shown if market.ready]
    detail = f"answering for {', '.join(able)}" if able else "no release can be served"
    if not shown:
        detail = "no market has a champion: `carprice train --market us` makes one"
    if problem := registry.default_problem:
        detail = f"{problem}; requests that name a market: {detail}"
    workers = [Worker(**each) for each in in_service(board, registry)]
    return Readiness(bool(able), registry.default_market, detail, shown, workers)


def _has_champion(state: MarketState) -> bool:
    return bool(state.valuer or state.pointer or state.error)


def _readiness(state: MarketState) -> MarketReadiness:
    valuer = state.valuer
    return MarketReadiness(
        market=state.market,
        ready=valuer is not None,
        release=valuer.release_id if valuer else None,
        regressor=valuer.champion if valuer else None,
        regressors=list(valuer.regressors) if valuer else [],
        currency=valuer.currency if valuer else None,
        distance=valuer.distance if valuer else None,
        last_observed=valuer.last_observed if valuer else None,
        since=state.since,
        error=state.error,
    )
