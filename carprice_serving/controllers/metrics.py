"""The route of the figures."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from carprice_serving.board import Board
from carprice_serving.metrics import MEDIA_TYPE, Metrics
from carprice_serving.openapi import problems_of


def metrics_route(metrics: Metrics, board: Board) -> HTTPRouteHandler:
    """The handler that tells the figures of all workers together."""

    @get(
        "/metrics",
        operation_id="getMetrics",
        summary="Figures in Prometheus's text format, of all workers together",
        tags=["state"],
        media_type="text/plain",
        sync_to_thread=False,
        responses=problems_of(),
    )
    def told() -> Response[str]:
        others = [each.get("metrics", {}) for each in board.others()]
        return Response(metrics.told(others), headers={"content-type": MEDIA_TYPE})

    return told
