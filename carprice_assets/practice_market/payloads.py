"""Payloads of the practice market: what a visit of its detail pages finds.

The shape is that of a marketplace's detail page: one flat object, numbers as text, open
vocabularies. What the market knows of a car's true value, and of planted bargains, is not in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from carprice_assets.practice_market import dirt
from carprice_assets.practice_market.dirt import Rolls
from carprice_assets.practice_market.settings import DirtRates
from carprice_assets.practice_market.stock import Market
from carprice_assets.practice_market.vehicle import SimulatedCar

DETAIL_URL = "http://127.0.0.1/vehicledetail/{listing_id}/"

REPEATED_AFTER = 20
"""Places until a repeated listing is met again, as when it moves to the next page meanwhile."""


@dataclass(frozen=True, slots=True)
class PracticePayload:
    """What one scrape found of one listing.

    Attributes
    ----------
    scraped_at
        Date of the visited day.
    payload
        The flat object of the detail page; values are text, booleans or None.
    """

    listing_id: str
    url: str
    scraped_at: date
    payload: dict[str, object]


def scrape(market: Market, day: int) -> Iterator[PracticePayload]:
    """Visit all listings on sale on a day, in order of their ids; some are met twice.

    Raises
    ------
    ValueError
        `day` is not between 0 and `market.settings.days - 1`.

    Examples
    --------
    >>> from carprice_assets.practice_market import Settings, simulate
    >>> first = next(scrape(simulate(Settings(size=10)), 0))
    >>> first.scraped_at, first.payload["page_channel"]
    (datetime.date(2026, 1, 5), 'shopping')
    """
    rates = market.settings.dirt
    again: deque[tuple[int, PracticePayload]] = deque()
    for place, car in enumerate(market.stock(day)):
        while again and again[0][0] <= place:
            yield again.popleft()[1]
        found = PracticePayload(
            listing_id=car.listing_id,
            url=DETAIL_URL.format(listing_id=car.listing_id),
            scraped_at=car.on,
            payload=payload_of(car, rates),
        )
        yield found
        if Rolls(car.listing_id)["repeated"] < rates.repeated:
            again.append((place + REPEATED_AFTER, found))
    yield from (found for _, found in again)


def payload_of(car: SimulatedCar, rates: DirtRates) -> dict[str, object]:
    """The detail page's object for a listing on its day.

    Only `price` changes from day to day, and only when the listing is re-priced.
    """
    vehicle, dealer = car.vehicle, car.vehicle.dealer
    rolls = Rolls(car.listing_id)
    is_new = vehicle.stock_type == "New"
    name = f"{vehicle.make}:{vehicle.model}:{vehicle.trim}"
    return {
        "listing_id": car.listing_id,
        "vin": dirt.plain(vehicle.vin, rolls["vin"], rates),
        "canonical_mmty": f"{name}:{vehicle.year}",
        "canonical_mmt": name,
        "make": dirt.make(vehicle.make, rolls["make"], rates),
        "model": dirt.model(vehicle.model, rolls["model"], rates),
        "trim": dirt.trim(vehicle.trim, rolls["trim"], rates),
        "year": dirt.year(vehicle.year, rolls["year"], rates),
        "stock_type": "New" if is_new else "Used",
        "cpo_indicator": vehicle.stock_type == "Certified",
        "price": dirt.price(car.price, rolls["price"], rates),
        "msrp": dirt.msrp(vehicle.msrp, rolls["msrp"], rates, is_new=is_new),
        "mileage": dirt.mileage(vehicle.mileage, rolls["mileage"], rates, is_new=is_new),
        "bodystyle": dirt.plain(vehicle.bodystyle, rolls["bodystyle"], rates),
        "cat": dirt.plain(vehicle.cat, rolls["cat"], rates),
        "fuel_type": dirt.fuel_type(vehicle.fuel_type, rolls["fuel_type"], rates),
        "drivetrain": dirt.drivetrain(vehicle.drivetrain, rolls["drivetrain"], rates),
        "exterior_color": dirt.exterior_color(
            vehicle.exterior_color, rolls["exterior_color"], rates
        ),
        "interior_color": dirt.interior_color(
            vehicle.interior_color, rolls["interior_color"], rates
        ),
        "dealer_name": dirt.dealer_name(dealer.name),
        "dealer_zip": dirt.plain(dealer.zip_code, rolls["dealer_zip"], rates),
        "customer_id": dealer.customer_id,
        "seller_type": "dealer",
        "price_badge": None,
        "market_name": dealer.market_name,
        "local_zone": dealer.zone,
        "page_channel": "shopping",
        "no_accidents": None if is_new else not vehicle.accident,
        "single_owner": None if is_new else vehicle.single_owner,
        "clean_title": None if is_new else True,
        "personal_use_only": None if is_new else vehicle.single_owner,
        "photo_count": str(vehicle.photos),
    }
