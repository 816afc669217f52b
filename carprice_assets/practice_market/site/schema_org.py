"""Routes of the template schema-org: JSON-LD in pages that need no script."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from carprice_assets.practice_market.site import cards
from carprice_assets.practice_market.site.draws import roll
from carprice_assets.practice_market.site.embed import json_script, renamed
from carprice_assets.practice_market.site.frame import page
from carprice_assets.practice_market.site.gone import not_on_sale
from carprice_assets.practice_market.site.hostile import FOREIGN_HOST, HOSTILE
from carprice_assets.practice_market.site.hostile_answers import detail_answer
from carprice_assets.practice_market.site.requests import origin_of, page_number, word
from carprice_assets.practice_market.site.schema_org_data import (
    SCHEMA,
    car,
    mileage_of,
    price_of,
    stub,
    symbol,
)
from carprice_assets.practice_market.site.search import search
from carprice_assets.practice_market.site.settings import SiteSettings
from carprice_assets.practice_market.site.state import SiteState

LD_JSON = 'type="application/ld+json"'
MOVED = 'type="application/json"'
GRAPH_SHARE = 0.5
"""Share of listings whose page puts the car into one ``@graph`` with its breadcrumbs."""
CAROUSEL_FIRST_SHARE = 0.3
"""Share of listings whose page lists similar cars before its own."""
SPECS = {
    "Colour": "exterior_color",
    "Interior": "interior_color",
    "Drive": "drivetrain",
    "Fuel": "fuel_type",
    "Body": "bodystyle",
    "VIN": "vin",
}


def schema_org_routes(state: SiteState) -> list[HTTPRouteHandler]:
    """Search page and detail page."""

    @get("/cars/")
    async def results(request: Request[Any, Any, Any]) -> Response[bytes]:
        make = word(request, "make")
        content = search_page(state, page_number(request), make, origin_of(request))
        return Response(content, media_type=MediaType.HTML)

    @get("/cars/{listing_id:str}")
    async def detail(request: Request[Any, Any, Any], listing_id: FromPath[str]) -> Response[Any]:
        if cards.payload_at(state, listing_id) is None:
            return not_on_sale(state, listing_id)
        return detail_answer(state, listing_id, detail_page(state, listing_id, origin_of(request)))

    return [results, detail]


def search_page(state: SiteState, number: int, make: str, origin: str) -> bytes:
    """One page of the search, its list empty beyond the last one."""
    found = search(state, number, make=make)
    stubs = [_stub(state, each, origin) for each in found.listing_ids]
    listed: dict[str, object] = {
        "@context": SCHEMA,
        "@type": "ItemList",
        "numberOfItems": found.found,
        "itemListElement": [
            {"@type": "ListItem", "position": place, "item": item}
            for place, item in enumerate(stubs, 1)
        ],
    }
    more = f"&amp;make={html.escape(make)}" if make else ""
    links = (
        f'<a href="/cars/?page={found.number - 1}{more}">‹ Previous</a>'
        if found.number > 1
        else "<span></span>"
    )
    if found.number < found.pages:
        links += f'<a href="/cars/?page={found.number + 1}{more}">Next ›</a>'
    rows = "".join(_row(state, each, origin) for each in found.listing_ids)
    body = (
        f'<h1>Cars for sale</h1><p id="found">{found.found:,} cars, page {found.number} of'
        f' {found.pages}</p><div class="rows">{rows}</div><nav class="pages">{links}</nav>'
    )
    return page(state.settings, "Cars for sale", body, head=_script(state, listed))


def detail_page(state: SiteState, listing_id: str, origin: str) -> bytes:
    """The page of a car on sale, or of a hostile one."""
    payload = _payload(state, listing_id)
    settings, address = state.settings, _address(origin, listing_id)
    title = html.escape(cards.title_of(payload))
    breadcrumbs: dict[str, object] = {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": 1, "name": "Cars", "item": f"{origin}/cars/"},
            {"@type": "ListItem", "position": 2, "name": cards.title_of(payload)},
        ],
    }
    main = car(payload, settings, address)
    if roll("graph", listing_id) < GRAPH_SHARE:
        scripts = [_script(state, {"@context": SCHEMA, "@graph": [breadcrumbs, main]})]
    else:
        scripts = [_script(state, {"@context": SCHEMA, **each}) for each in (breadcrumbs, main)]
    similar = state.stock.similar_to(listing_id)
    carousel = _script(
        state,
        {
            "@context": SCHEMA,
            "@type": "ItemList",
            "name": "Similar cars",
            "itemListElement": [
                {"@type": "ListItem", "position": place, "item": _stub(state, each, origin)}
                for place, each in enumerate(similar, 1)
            ],
        },
    )
    scripts.insert(0 if roll("carousel", listing_id) < CAROUSEL_FIRST_SHARE else 9, carousel)
    specs = "".join(
        f"<dt>{label}</dt><dd>{html.escape(str(payload[key] or '–'))}</dd>"
        for label, key in SPECS.items()
    )
    body = (
        f'<p class="crumbs"><a href="/cars/">Cars</a> › {title}</p><article class="vehicle">'
        f'<div class="gallery"><img class="main-photo" src="/images/{listing_id}/1.svg"'
        f' alt="{title}" width="640" height="360"></div><div class="summary">'
        f'<p class="stock-type">{_condition(payload)}</p><h1>{title}</h1>'
        f'<p class="mileage">{_distance(payload, settings)}</p><p class="price-section">'
        f'<span class="primary-price">{_money(payload, settings)}</span></p>'
        f'<div class="dealer-card"><p class="dealer-name">{payload["dealer_name"]}</p>'
        '<form action="/account/contact" method="get"><button>Contact the dealer</button></form>'
        f'</div></div><section class="basics"><h2>Basics</h2><dl>{specs}</dl></section></article>'
        '<section class="carousel"><h2>Similar cars</h2><div class="rows">'
        f"{''.join(_row(state, each, origin) for each in similar)}</div></section>"
    )
    head = f'<link rel="canonical" href="{address}">' + "".join(scripts)
    return page(settings, cards.title_of(payload), body, head=head)


def _payload(state: SiteState, listing_id: str) -> Mapping[str, object]:
    payload = cards.payload_at(state, listing_id)
    if payload is None:
        raise KeyError(listing_id)
    return payload


def _address(origin: str, listing_id: str) -> str:
    host = FOREIGN_HOST if listing_id == HOSTILE["foreign_address"] else origin
    return f"{host}/cars/{listing_id}"


def _stub(state: SiteState, listing_id: str, origin: str) -> dict[str, object]:
    return stub(_payload(state, listing_id), state.settings, _address(origin, listing_id))


def _script(state: SiteState, value: dict[str, object]) -> str:
    moved = state.faults.layout == "moved"
    laid_out = renamed(value) if state.faults.layout == "renamed" else value
    return json_script(laid_out, MOVED if moved else LD_JSON)


def _row(state: SiteState, listing_id: str, origin: str) -> str:
    payload = _payload(state, listing_id)
    title = html.escape(cards.title_of(payload))
    details = " · ".join(
        html.escape(str(payload[key])) for key in ("fuel_type", "bodystyle") if payload[key]
    )
    return (
        f'<article class="row"><img src="/images/{listing_id}/1.svg" alt="" width="160" height="90"'
        f' loading="lazy"><div><h2><a href="{_address(origin, listing_id)}">{title}</a></h2>'
        f"<p>{_condition(payload)} · {_distance(payload, state.settings)} · {details}</p></div>"
        f"<strong>{_money(payload, state.settings)}</strong></article>"
    )


def _condition(payload: Mapping[str, object]) -> str:
    return "Certified" if payload["cpo_indicator"] else html.escape(str(payload["stock_type"]))


def _distance(payload: Mapping[str, object], settings: SiteSettings) -> str:
    value = mileage_of(payload, settings)
    if isinstance(value, int):
        return f"{value:,} {settings.distance}"
    return "mileage not stated" if value is None else html.escape(value)


def _money(payload: Mapping[str, object], settings: SiteSettings) -> str:
    value = price_of(payload, "price", settings)
    if isinstance(value, int):
        return f"{symbol(settings)}{value:,}"
    return "Price on request" if value is None else html.escape(value)
