"""The detail page of the template carscom."""

from __future__ import annotations

import html
from collections.abc import Mapping

from carprice_assets.practice_market.site import cards
from carprice_assets.practice_market.site.embed import json_script, renamed
from carprice_assets.practice_market.site.frame import page, search_path
from carprice_assets.practice_market.site.state import SiteState
from carprice_assets.practice_market.site.tracking import tracking

DATA_ID = "initial-activity-data"
MOVED_ID = "page-bootstrap-state"
"""Id of the script that holds the object: as known, and in the layout "moved"."""

SPECS = {
    "Exterior colour": "exterior_color",
    "Interior colour": "interior_color",
    "Drivetrain": "drivetrain",
    "Fuel type": "fuel_type",
    "Body style": "bodystyle",
    "Category": "cat",
    "VIN": "vin",
    "Stock number": "customer_id",
}
HISTORY = {
    "No accidents reported": "no_accidents",
    "Single owner": "single_owner",
    "Clean title": "clean_title",
    "Personal use only": "personal_use_only",
}
PHOTOS = 5


def detail_page(state: SiteState, listing_id: str, origin: str) -> bytes:
    """The page of a car on sale, or of a hostile one.

    Parameters
    ----------
    origin
        Scheme, host and port under which the site was asked.
    """
    payload = cards.payload_at(state, listing_id)
    if payload is None:
        raise KeyError(listing_id)
    words = cards.words_of(payload, dropped=cards.is_dropped(state.stock, listing_id))
    similar = state.stock.similar_to(listing_id)
    data_id = MOVED_ID if state.faults.layout == "moved" else DATA_ID
    others: list[object] = [state.stock.payload(each) for each in similar]
    data: object = {**tracking(listing_id, next(state.visits)), **payload}
    if state.faults.layout == "renamed":
        data, others = renamed(data), [renamed(each) for each in others]
    title = html.escape(words.title)
    head = (
        f'<link rel="canonical" href="{origin}/vehicledetail/{listing_id}/">'
        f'<meta name="description" content="{title} for {words.price}">'
        + json_script(_web_site(origin))
        + json_script(_breadcrumbs(origin, words.title, payload))
    )
    body = (
        f'<p class="crumbs"><a href="/">Home</a> › <a href="{search_path(state.settings)}">Cars for'
        f" sale</a> › {title}</p>"
        f'<article class="vehicle" data-listing-id="{listing_id}">{_gallery(listing_id, title)}'
        f"{_summary(state, listing_id, payload, words)}{_basics(payload)}{_history(payload)}"
        f"{_notes(title, payload)}</article>"
        '<section class="carousel"><h2>Similar cars</h2><div class="cards">'
        f"{''.join(cards.card(state, each) for each in similar)}</div></section>"
    )
    tail = json_script(data, f'id="{data_id}" type="application/json"') + json_script(
        others, 'class="carousel-data" type="application/json"'
    )
    return page(state.settings, words.title, body, head=head, tail=tail)


def _web_site(origin: str) -> dict[str, object]:
    return {
        "@context": "https://schema.org",
        "@type": "WebSite",
        "url": f"{origin}/",
        "potentialAction": {
            "@type": "SearchAction",
            "target": f"{origin}/shopping/results/?stock_type=all&make={{make}}",
            "query-input": "required name=make",
        },
    }


def _breadcrumbs(origin: str, title: str, payload: Mapping[str, object]) -> dict[str, object]:
    make = " ".join(str(payload["make"]).split())
    steps = [
        ("Home", f"{origin}/"),
        ("Cars for sale", f"{origin}/shopping/results/?stock_type=all"),
        (make, f"{origin}/shopping/results/?stock_type=all&make={make}"),
        (title, f"{origin}/vehicledetail/{payload['listing_id']}/"),
    ]
    return {
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": name, "item": address}
            for place, (name, address) in enumerate(steps, 1)
        ],
    }


def _gallery(listing_id: str, title: str) -> str:
    thumbs = "".join(
        f'<img src="/images/{listing_id}/{number}.svg" alt="" width="160" height="90">'
        for number in range(2, PHOTOS + 1)
    )
    return (
        f'<div class="gallery"><img class="main-photo" src="/images/{listing_id}/1.svg"'
        f' alt="{title}" width="640" height="360"><div class="thumbs">{thumbs}</div></div>'
    )


def _summary(
    state: SiteState, listing_id: str, payload: Mapping[str, object], words: cards.Words
) -> str:
    deal, dealer = cards.badge(state.stock, listing_id), payload["dealer_name"]
    place = html.escape(f"{payload['market_name']}, {payload['local_zone']}")
    return (
        f'<div class="summary"><p class="stock-type">{html.escape(words.stock)}</p>'
        f"<h1>{html.escape(words.title)}</h1>"
        + (f'<p class="mileage">{words.mileage}</p>' if words.mileage else "")
        + f'<p class="price-section"><span class="primary-price">{words.price}</span>'
        + (f'<span class="secondary-price">{words.secondary}</span>' if words.secondary else "")
        + "</p>"
        + (f'<p class="deal-badge" data-deal="{deal}">{deal}</p>' if deal else "")
        + f'<div class="dealer-card"><p class="dealer-name">{dealer} <span class="rating">'
        f'{cards.rating(state.stock, dealer)}</span></p><p class="place">{place}</p>'
        f'<form action="/account/contact" method="get"><button>Contact the dealer</button></form>'
        f'<a href="/shopping/compare/?add={listing_id}" rel="nofollow">Compare</a></div></div>'
    )


def _basics(payload: Mapping[str, object]) -> str:
    rows = "".join(
        f"<dt>{label}</dt><dd>{html.escape(str(payload[key] or '–'))}</dd>"
        for label, key in SPECS.items()
    )
    return f'<section class="basics"><h2>Basics</h2><dl>{rows}</dl></section>'


def _history(payload: Mapping[str, object]) -> str:
    rows = "".join(
        f"<dt>{label}</dt><dd>{'Yes' if payload[key] else 'No'}</dd>"
        for label, key in HISTORY.items()
        if payload[key] is not None
    )
    if not rows:
        return ""
    return f'<section class="history"><h2>History</h2><dl>{rows}</dl></section>'


def _notes(title: str, payload: Mapping[str, object]) -> str:
    place = html.escape(str(payload["market_name"]))
    return (
        f'<section class="seller-notes"><h2>From the seller</h2><p>{title}: come and see it in'
        f" {place}. We deliver within the state, take your present car in part exchange and look"
        " for a loan that suits you. Prices do not include tax, title, registration and a"
        " documentation fee. Please confirm with us that the car is still here before you set"
        f" out.</p><p>{html.escape(str(payload['photo_count']))} photos.</p></section>"
    )
