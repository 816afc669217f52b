"""Routes of the template carscom: search pages filled by a script, detail pages with an object."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from carprice_assets.practice_market.site import cards
from carprice_assets.practice_market.site.carscom_detail import detail_page
from carprice_assets.practice_market.site.frame import page
from carprice_assets.practice_market.site.gone import not_on_sale
from carprice_assets.practice_market.site.hostile_answers import detail_answer
from carprice_assets.practice_market.site.requests import origin_of, page_number, word
from carprice_assets.practice_market.site.search import Results, search
from carprice_assets.practice_market.site.state import SiteState

RESULTS_BODY = (
    '<h1>Cars for sale</h1><p id="found" role="status">Loading…</p><div id="sponsored"></div>'
    '<div id="results" class="cards"></div><nav id="pages" class="pages"></nav>'
    '<noscript><p class="notice">This page needs JavaScript.</p></noscript>'
)
RESULTS_TAIL = '<script src="/static/results.js"></script>'


def carscom_routes(state: SiteState) -> list[HTTPRouteHandler]:
    """Search page, its cards as JSON, and detail page."""

    @get("/shopping/results/")
    async def results() -> Response[bytes]:
        content = page(state.settings, "Cars for sale", RESULTS_BODY, tail=RESULTS_TAIL)
        return Response(content, media_type=MediaType.HTML)

    @get("/shopping/cards")
    async def found_cards(request: Request[Any, Any, Any]) -> Response[bytes]:
        kind, make = word(request, "stock_type", "all"), word(request, "make")
        found = search(state, page_number(request), kind, make)
        content = msgspec.json.encode(_cards(state, found, origin_of(request)))
        return Response(content, media_type=MediaType.JSON)

    @get("/vehicledetail/{listing_id:str}/")
    async def detail(request: Request[Any, Any, Any], listing_id: FromPath[str]) -> Response[Any]:
        if cards.payload_at(state, listing_id) is None:
            return not_on_sale(state, listing_id)
        content = detail_page(state, listing_id, origin_of(request))
        return detail_answer(state, listing_id, content)

    return [results, found_cards, detail]


def _cards(state: SiteState, found: Results, origin: str) -> dict[str, object]:
    """What the script of a search page needs: markup, and the items of the page's JSON-LD."""
    return {
        "found": found.found,
        "page": found.number,
        "pages": found.pages,
        "cards": [cards.card(state, each) for each in found.listing_ids],
        "sponsored": cards.sponsored_card(state, found.sponsored) if found.sponsored else "",
        "items": [
            {
                "@type": "ListItem",
                "name": cards.title_of(cards.payload_at(state, each) or {}),
                "position": place,
                "url": _absolute(origin, cards.detail_path(each, "//")),
            }
            for place, each in enumerate(found.listing_ids, 1)
        ],
    }


def _absolute(origin: str, path: str) -> str:
    return path if path.startswith("http") else origin + path
