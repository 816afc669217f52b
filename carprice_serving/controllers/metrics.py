"""The route of the figures."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from carprice_serving.metrics import MEDIA_TYPE
from carprice_serving.openapi import problems_of
from carprice_serving.running import Running


def metrics_route(running: Running) -> HTTPRouteHandler:
    """The handler that tells the figures of all workers together."""

    @get(
        "/metrics",
        operation_id="getMetrics",
        summary="Figures in Prometheus's text format, of all workers together",
        tags=["state"],
        media_type="text/plain",
        sync_to_thread=True,
        responses=problems_of(),
    )
    def told() -> Response[str]:
        # First on the board: what was told once is told by the others too, whatever becomes of
        # this one.
        running.post()
        text = running.metrics.told(running.board.figures())
        return Response(text, headers={"content-type": MEDIA_TYPE})

    return told
