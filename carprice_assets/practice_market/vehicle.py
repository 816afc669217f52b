"""A car of the practice market, and a listing of it on one day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from carprice_assets.practice_market.dealers import Dealer

StockType: TypeAlias = Literal["New", "Used", "Certified"]


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car as it really is, in clean words.

    Attributes
    ----------
    msrp
        USD, of the car's model year, with its options.
    mileage
        Miles.
    accident, single_owner
        Its history; a new car counts as having a single owner.
    photos
        How many pictures its listing shows.
    """

    vin: str
    make: str
    model: str
    trim: str
    year: int
    stock_type: StockType
    msrp: int
    mileage: int
    bodystyle: str
    cat: str
    fuel_type: str
    drivetrain: str
    exterior_color: str
    interior_color: str
    dealer: Dealer
    accident: bool
    single_owner: bool
    photos: int


@dataclass(frozen=True, slots=True)
class SimulatedCar:
    """A listing on one day.

    Attributes
    ----------
    listing_id
        Shaped like a UUID; a repost has another.
    on, listed_on
        The day, and the listing's first day.
    price, first_price
        USD asked on that day, and on the first day.
    true_value
        USD that the car is worth on that day; the payload never shows it.
    """

    listing_id: str
    vehicle: Vehicle
    on: date
    listed_on: date
    price: int
    first_price: int
    true_value: float
