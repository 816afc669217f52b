"""What a card says of a car: words made from the payload, and markup of the template carscom."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from carprice_assets.practice_market import dirt
from carprice_assets.practice_market.dirt import Rolls
from carprice_assets.practice_market.site.draws import pick, roll
from carprice_assets.practice_market.site.hostile import FOREIGN_HOST, HOSTILE, NAME_OF
from carprice_assets.practice_market.site.hostile import hostile_payload as hostile_payload_of
from carprice_assets.practice_market.site.state import SiteState, Stock

NUMBER = re.compile(r"[\d,]*\d")
BADGES = ("", "", "Fair Deal", "Good Deal", "Great Deal")


@dataclass(frozen=True)
class Words:
    """A card's words that depend on the payload alone, not escaped; empty where it shows none."""

    title: str
    stock: str
    mileage: str
    price: str
    secondary: str


def payload_at(state: SiteState, listing_id: str) -> Mapping[str, object] | None:
    """Payload of a listing on sale, or of a hostile page; None for any other id."""
    stock = state.stock
    if listing_id in stock.cars:
        return stock.payload(listing_id)
    if state.faults.hostile and listing_id in NAME_OF:
        return hostile_payload_of(NAME_OF[listing_id], stock.payload(next(iter(stock.cars))))
    return None


def number_in(text: object) -> int | None:
    """The whole number that a payload's text holds.

    Examples
    --------
    >>> number_in("30,384 mi."), number_in("$24,000"), number_in("Not Priced"), number_in(None)
    (30384, 24000, None, None)
    """
    found = NUMBER.search(str(text)) if text is not None else None
    return int(found[0].replace(",", "")) if found else None


def title_of(payload: Mapping[str, object]) -> str:
    """Year, make, model and trim in one line."""
    words = (str(payload[key] or "") for key in ("year", "make", "model", "trim"))
    return " ".join(" ".join(words).split())


def is_dropped(stock: Stock, listing_id: str) -> bool:
    """Whether the payload's price is another than on the listing's first day."""
    car = stock.cars.get(listing_id)
    if car is None:
        return False
    first = dirt.price(car.first_price, Rolls(listing_id)["price"], stock.rates)
    return first != stock.payload(listing_id)["price"]


def words_of(payload: Mapping[str, object], *, dropped: bool) -> Words:
    """Put a card into words. They change when, and only when, the payload does."""
    price, miles, msrp = (number_in(payload[key]) for key in ("price", "mileage", "msrp"))
    make = " ".join(str(payload["make"]).split())
    secondary = f"MSRP ${msrp:,}" if msrp else ("price drop" if dropped else "")
    return Words(
        title=title_of(payload),
        stock=f"{make} Certified" if payload["cpo_indicator"] else str(payload["stock_type"]),
        mileage=f"{miles:,} mi." if miles is not None else "",
        price=f"${price:,}" if price is not None else dirt.NOT_PRICED,
        secondary=secondary,
    )


def badge(stock: Stock, listing_id: str) -> str:
    """A deal badge, which may be another every day; mostly none."""
    return pick(BADGES, "badge", listing_id, stock.day)


def rating(stock: Stock, dealer: object) -> str:
    """A dealer's stars, 3.0 to 5.0, which may be others every day."""
    return f"{3 + 2 * roll('rating', dealer, stock.day):.1f}"


def detail_path(listing_id: str, slashes: str = "/") -> str:
    """Path of a detail page; that of the hostile foreign address is a whole address."""
    host = FOREIGN_HOST if listing_id == HOSTILE["foreign_address"] else ""
    return f"{host}/vehicledetail/{listing_id}{slashes}"


def card(state: SiteState, listing_id: str) -> str:
    """Markup of one card of the template carscom, as search pages and carousels show it."""
    payload = payload_at(state, listing_id)
    if payload is None:
        raise KeyError(listing_id)
    words = words_of(payload, dropped=is_dropped(state.stock, listing_id))
    deal, dealer = badge(state.stock, listing_id), payload["dealer_name"]
    title = html.escape(words.title)
    return (
        f'<div class="vehicle-card" data-listing-id="{listing_id}">'
        f'<a class="vehicle-card-link" href="{detail_path(listing_id)}">'
        f'<span class="vehicle-card-photo"><img src="/images/{listing_id}/1.svg" alt="{title}"'
        ' width="320" height="180" loading="lazy"></span>'
        f'<p class="stock-type">{html.escape(words.stock)}</p>'
        f'<h2 class="title">{title}</h2></a>'
        + (f'<div class="mileage">{words.mileage}</div>' if words.mileage else "")
        + f'<div class="price-section"><span class="primary-price">{words.price}</span>'
        + (f'<span class="secondary-price">{words.secondary}</span>' if words.secondary else "")
        + "</div>"
        + (f'<div class="deal-badge" data-deal="{deal}">{deal}</div>' if deal else "")
        # The payload holds the dealer's name as HTML already.
        + f'<div class="dealer-name">{dealer} <span class="rating">'
        f"{rating(state.stock, dealer)}</span></div></div>"
    )


def sponsored_card(state: SiteState, listing_id: str) -> str:
    """Markup of an advertised car above the list: another shape, without a listing id."""
    words = words_of(state.stock.payload(listing_id), dropped=False)
    return (
        f'<a class="sponsored-tile" href="/vehicledetail/{listing_id}/?aff=sponsored">'
        f'<img src="/images/{listing_id}/1.svg" alt="" width="160" height="90">'
        f'<span class="sponsored-tag">Sponsored</span><strong>{html.escape(words.title)}</strong>'
        f"<em>{words.price}</em></a>"
    )
