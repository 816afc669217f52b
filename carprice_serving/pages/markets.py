"""The page *Markets*: which there are, and what each answers from."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from carprice_serving.pages.engine import Pages
from carprice_serving.schemas import ReleaseFacts
from carprice_serving.valuations import Valuations


def markets_page(pages: Pages, valuations: Valuations) -> HTTPRouteHandler:
    """The handler of ``/markets``."""

    @get("/markets", include_in_schema=False)
    async def markets() -> Response[str]:
        shown = await valuations.aside(lambda: overview(valuations))
        return pages.render("markets.html", page="markets", shown=shown)

    return markets


def overview(valuations: Valuations) -> list[dict[str, Any]]:
    """Each market with its state, its release in service and what that scored, by name."""
    registry = valuations.registry
    states = registry.states
    return [
        {
            "name": name,
            "state": states[name],
            "valuer": states[name].valuer,
            "figures": _figures(valuations, name) if states[name].valuer else {},
            "default": name == registry.default_market,
        }
        for name in sorted(states, key=lambda each: (states[each].valuer is None, each))
    ]


def _figures(valuations: Valuations, market: str) -> dict[str, float]:
    """What the release in service scored on its hold-out; none where the list cannot be read."""
    valuer = valuations.valuer(market)
    listed: list[ReleaseFacts] = valuations.registry.releases(market, 20).releases
    return next((each.figures for each in listed if each.release == valuer.release_id), {})
