"""Small pages in the shape of both kinds of marketplace; every value is invented."""

from __future__ import annotations

import json
from typing import Any

HOST = "https://cars.invalid"
SEARCH = f"{HOST}/shopping/results/?stock_type=all&page=1"
ID = "aa11-bb22"
DETAIL = f"{HOST}/vehicledetail/{ID}/"
EURO_SEARCH = "https://autos.invalid/cars/?page=1"
EURO_DETAIL = "https://autos.invalid/cars/vw-golf-41"

FLAT: dict[str, Any] = {
    "listing_id": ID,
    "vin": None,
    "make": "Honda",
    "model": "Civic",
    "year": "2024",
    "price": "21995",
    "mileage": None,
    "cpo_indicator": False,
    "dealer_name": "Smith &#39;n&#39; Sons",
    "utm_source": "mail",
    "session_id": "0123",
}

CAR: dict[str, Any] = {
    "@context": "https://schema.org",
    "@type": "Car",
    "@id": f"{EURO_DETAIL}#car",
    "name": "2019 VW Golf Comfortline",
    "sku": "vw-golf-41",
    "url": EURO_DETAIL,
    "brand": {"@type": "Brand", "name": "VW"},
    "model": "Golf",
    "vehicleModelDate": "2019",
    "mileageFromOdometer": {"@type": "QuantitativeValue", "value": 48000, "unitCode": "KMT"},
    "offers": {"@type": "Offer", "price": 15900, "priceCurrency": "EUR"},
    "image": "https://autos.invalid/1.jpg",
}


def ld(*values: Any) -> str:
    """JSON-LD scripts."""
    return "".join(
        f'<script type="application/ld+json">{json.dumps(value)}</script>' for value in values
    )


def page(body: str, title: str = "Cars", head: str = "") -> str:
    return (
        f"<!doctype html><html><head><title>{title}</title>{head}</head><body>{body}</body></html>"
    )


def flat_page(data: Any = FLAT, *, body: str = "", title: str = "2024 Honda Civic") -> str:
    """A detail page of carscom; ``data`` may be a text that is no JSON."""
    text = data if isinstance(data, str) else json.dumps(data)
    script = f'<script id="initial-activity-data" type="application/json">{text}</script>'
    crumbs = {"@type": "BreadcrumbList", "itemListElement": [{"@type": "ListItem", "name": "Home"}]}
    return page(f"<h1>{title}</h1>{body}{script}", title, ld(crumbs))


def item_list(*urls: str) -> dict[str, Any]:
    items = [
        {"@type": "ListItem", "position": n, "name": f"Car {n}", "url": url}
        for n, url in enumerate(urls, 1)
    ]
    return {"@context": "https://schema.org", "@type": "ItemList", "itemListElement": items}


CARD = {
    "title": "2024 Honda Civic",
    "status": "Used",
    "price": "$21,995",
    "second": "MSRP $25,000",
    "mileage": "18,250 mi.",
    "badge": "Good Deal",
    "dealer": "Smith",
    "rating": "4.6",
}


def card(listing: str = ID, attribute: str = "data-listing-id", **change: str) -> str:
    """A visible card."""
    c = CARD | change
    return (
        f'<div class="vehicle-card" {attribute}="{listing}"><p class="stock-type">{c["status"]}</p>'
        f'<h2 class="title">{c["title"]}</h2><div class="mileage">{c["mileage"]}</div>'
        f'<span class="primary-price">{c["price"]}</span>'
        f'<span class="secondary-price">{c["second"]}</span>'
        f'<div class="deal-badge">{c["badge"]}</div>'
        f'<div class="dealer-name">{c["dealer"]} <span class="rating">{c["rating"]}</span></div>'
        "</div>"
    )


def results(cards: str, *urls: str) -> str:
    return page(cards + ld(item_list(*urls)))


def without(node: dict[str, Any], *keys: str, **change: Any) -> dict[str, Any]:
    return {key: value for key, value in (node | change).items() if key not in keys}
