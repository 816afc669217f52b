"""Cars that come on sale on one day, drawn all at once.

A cohort depends on the settings and its day alone, never on other cohorts: that is why a day asked
for directly is the same as that day reached step by step. Everything that will happen to a
listing (price drops, last day, repost) is drawn when it comes on sale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.random import Generator

from carprice_assets.practice_market import pricing
from carprice_assets.practice_market.catalogue import load
from carprice_assets.practice_market.choices import Tables, offer, tables
from carprice_assets.practice_market.dealers import (
    DEALERS_PER_MAKE,
    INDEPENDENT_DEALERS,
    Dealer,
    dealers,
)
from carprice_assets.practice_market.identity import BATCHES, listing_id, vin
from carprice_assets.practice_market.pricing import Flags, Floats, Integers, PricedCars, Stock
from carprice_assets.practice_market.settings import Settings
from carprice_assets.practice_market.vehicle import StockType, Vehicle

STOCK_WORDS: dict[int, StockType] = {
    Stock.NEW: "New",
    Stock.USED: "Used",
    Stock.CERTIFIED: "Certified",
}

NEW_MODEL_YEAR_MONTH = 9
OPTIONS_LIMIT = 0.06
ACCIDENT_SHARE = 0.12
INDEPENDENT_SHARE_OF_USED = 0.45
MOST_CERTIFIED_MILES = 80_000.0

DROPPING_SHARE = 0.45
DROP_RANGE = {Stock.NEW: (0.004, 0.012), Stock.USED: (0.008, 0.025), Stock.CERTIFIED: (0.008, 0.02)}
DROP_INTERVAL_DAYS = (9, 24)
MOST_DROPS = 4
REPOST_GAP_DAYS = (0, 6)

USED_NOISE_FREEDOM = 5.0
"""Degrees of freedom of the Student noise of used cars' prices: the fewer, the fatter the tail."""
LARGEST_NOISE = 0.18
LARGEST_BARGAIN_NOISE = 0.04


@dataclass(frozen=True, slots=True)
class Cars:
    """The n cars of a cohort by their numbers in `choices.tables`; arrays of shape (n,)."""

    model: Integers
    trim: Integers
    fuel: Integers
    drivetrain: Integers
    exterior: Integers
    interior: Integers
    dealer: Integers
    single_owner: Flags
    photos: Integers
    priced: PricedCars


@dataclass(frozen=True, slots=True)
class Listings:
    """The k listings of a cohort; arrays of shape (k,).

    Attributes
    ----------
    car
        Row in `Cars`.
    turn
        0 for a car's first listing, 1 for its repost.
    first_day, end_day
        On sale while first_day <= day < end_day; days since the market's start.
    asking
        USD, at the first day.
    drop
        Share by which the price falls every `interval` days, up to `MOST_DROPS` times.
    interval
        Days.
    bargain
        Whether it is a planted bargain.
    """

    car: Integers
    turn: Integers
    first_day: Integers
    end_day: Integers
    asking: Floats
    drop: Floats
    interval: Integers
    bargain: Flags


@dataclass(frozen=True, slots=True)
class Cohort:
    """The cars that come on sale on `day`, and their listings."""

    settings: Settings
    day: int
    cars: Cars
    listings: Listings

    def prices(self, day: int | Integers) -> Integers:
        """Price in USD that each listing shows on a day, or on a day of its own; shape (k,)."""
        listings = self.listings
        steps = np.clip((day - listings.first_day) // listings.interval, 0, MOST_DROPS)
        price = listings.asking * (1 - listings.drop) ** steps
        is_new = self.cars.priced.stock[listings.car] == Stock.NEW
        return np.where(is_new, price.round(), (price / 100).round() * 100 - 5).astype(np.int64)

    def true_values(self, day: int) -> Floats:
        """True value in USD of each car on a day; shape (n,)."""
        today = self.settings.start.toordinal() + day
        return pricing.true_value(
            self.cars.priced, np.full(len(self.cars.model), today, dtype=np.int64)
        )

    def vehicles(self) -> list[Vehicle]:
        """Spell out the cars, in the order of `cars`."""
        return [_vehicle(self, car) for car in range(len(self.cars.model))]

    def listing_ids(self) -> list[str]:
        """Ids of the listings, in the order of `listings`."""
        pairs = zip(self.listings.car.tolist(), self.listings.turn.tolist(), strict=True)
        return [listing_id(self.settings.seed, self.day, car, turn) for car, turn in pairs]


def draw(settings: Settings, day: int) -> Cohort:
    """Draw the cohort of a day; that of day 0 is the stock that the market opens with."""
    rng = np.random.default_rng([settings.seed, day])
    arrivals = settings.size / settings.mean_days_listed / (1 + settings.repost_share)
    count = settings.size if day == 0 else int(rng.poisson(arrivals))
    # Lifetimes are geometric, thus without memory: the opening stock's remaining days follow the
    # same law as a new listing's, and so do the days that it has been on sale.
    chance = 1 / settings.mean_days_listed
    elapsed = rng.geometric(chance, count) - 1 if day == 0 else np.zeros(count, dtype=np.int64)
    first_day = day - elapsed
    cars = _draw_cars(rng, settings, settings.start.toordinal() + first_day)
    return Cohort(settings, day, cars, _draw_listings(rng, settings, cars, first_day, day))


def model_year_on(day: date) -> int:
    """Current model year: the next year's cars come in September.

    Examples
    --------
    >>> model_year_on(date(2026, 8, 31)), model_year_on(date(2026, 9, 1))
    (2026, 2027)
    """
    return day.year + (day.month >= NEW_MODEL_YEAR_MONTH)


def _draw_cars(rng: Generator, settings: Settings, on: Integers) -> Cars:
    """Draw a car for each date ordinal in `on`."""
    n, table = len(on), tables()
    bounds = [settings.new_share, settings.new_share + settings.used_share]
    stock = np.searchsorted(bounds, rng.random(n), side="right").astype(np.int64)
    model, year = _draw_models(rng, stock, on)
    level = rng.beta(3.0, 3.5, n)
    trim = (level * table.trims[model]).astype(np.int64)
    trim_level = trim / np.maximum(table.trims[model] - 1, 1)
    fuel = _skewed(rng, table.fuels[model], 2.2)
    free = _skewed(rng, table.drivetrains[model], 1.6)
    fixed = table.trim_drivetrain[model, trim]
    drivetrain = np.where(fixed >= 0, fixed, free)
    exterior = _skewed(rng, table.exteriors[model], 1.6)
    taste = 0.75 * trim_level + 0.25 * rng.random(n)
    interior = np.minimum(taste * table.interiors[model], table.interiors[model] - 1)
    options = 1 + rng.uniform(0, OPTIONS_LIMIT, n)
    list_price = table.trim_msrp[model, trim] * table.price_step[model, fuel, drivetrain]
    age = pricing.age_years(year, on)
    return Cars(
        model=model,
        trim=trim,
        fuel=fuel,
        drivetrain=drivetrain,
        exterior=exterior,
        interior=interior.astype(np.int64),
        dealer=_draw_dealers(rng, table, model, stock),
        single_owner=(stock == Stock.NEW) | (rng.random(n) < np.exp(-age / 6)),
        photos=rng.integers(4, 45, n),
        priced=PricedCars(
            msrp=(pricing.msrp_in_year(list_price * options, year) / 5).round() * 5,
            model_year=year,
            mileage=_draw_mileage(rng, stock, age),
            stock=stock,
            annual_depreciation=table.annual_depreciation[model],
            street_ratio=table.street_ratio[model, fuel],
            electric=table.electric[model, fuel],
            open_top=table.open_top[model],
            trim_level=trim_level,
            color=table.color[model, exterior],
            wheels=table.wheels[model, drivetrain],
            accident=(stock == Stock.USED) & (rng.random(n) < ACCIDENT_SHARE),
        ),
    )


def _draw_models(rng: Generator, stock: Integers, on: Integers) -> tuple[Integers, Integers]:
    """Draw model and model year of each car, from what was on offer at its date."""
    model, year = np.zeros_like(stock), np.zeros_like(stock)
    chance = rng.random(len(stock))
    current = np.array([model_year_on(date.fromordinal(day)) for day in on.tolist()], dtype=int)
    for current_year in np.unique(current).tolist():
        pairs = offer(current_year)
        for kind in Stock:
            chosen = (stock == kind) & (current == current_year)
            pair = np.searchsorted(pairs.cumulative[kind], chance[chosen], side="right")
            model[chosen], year[chosen] = pairs.model[pair], pairs.year[pair]
    return model, year


def _draw_mileage(rng: Generator, stock: Integers, age: Floats) -> Floats:
    """Draw whole miles: a few for new cars, else around what is usual at that age."""
    usual = pricing.MILES_PER_YEAR * np.maximum(age, 0.2)
    used = usual * np.exp(rng.normal(-0.05, 0.40, len(age)))
    certified = np.minimum(usual * np.exp(rng.normal(-0.2, 0.30, len(age))), MOST_CERTIFIED_MILES)
    miles = np.select(
        [stock == Stock.NEW, stock == Stock.USED], [rng.uniform(1, 60, len(age)), used], certified
    )
    return miles.round()


def _draw_dealers(rng: Generator, table: Tables, model: Integers, stock: Integers) -> Integers:
    """Draw a dealer: one of the make for new and certified cars, often another for used ones."""
    makes = int(table.make.max()) + 1
    own = table.make[model] * DEALERS_PER_MAKE + rng.integers(0, DEALERS_PER_MAKE, len(model))
    other = makes * DEALERS_PER_MAKE + rng.integers(0, INDEPENDENT_DEALERS, len(model))
    chance = rng.random(len(model))
    return np.where((stock == Stock.USED) & (chance < INDEPENDENT_SHARE_OF_USED), other, own)


def _draw_listings(
    rng: Generator, settings: Settings, cars: Cars, first_day: Integers, day: int
) -> Listings:
    """Draw each car's listing, and the reposts of some after it ends."""
    n, stock = len(first_day), cars.priced.stock
    chance = 1 / settings.mean_days_listed
    end_day = day + rng.geometric(chance, n)
    again_first = end_day + rng.integers(*REPOST_GAP_DAYS, n, endpoint=True)
    again_end = again_first + rng.geometric(chance, n)
    again = np.flatnonzero(rng.random(n) < settings.repost_share)
    bargain = (stock != Stock.NEW) & (rng.random(n) < settings.bargain_share)
    error = _draw_noise(rng, settings, stock)
    error = np.where(bargain, error.clip(-LARGEST_BARGAIN_NOISE, LARGEST_BARGAIN_NOISE), error)
    cut = np.where(bargain, rng.uniform(*settings.bargain_cut, n), 0.0)
    ranges: Floats = np.array([DROP_RANGE[kind] for kind in Stock])[stock]
    falls = ranges[:, 0] + rng.random(n) * (ranges[:, 1] - ranges[:, 0])
    drop = np.where(rng.random(n) < DROPPING_SHARE, falls, 0.0)
    interval = rng.integers(*DROP_INTERVAL_DAYS, n, endpoint=True)

    car = np.concatenate([np.arange(n), again])
    first = np.concatenate([first_day, again_first[again]])
    value = pricing.true_value(cars.priced.take(car), settings.start.toordinal() + first)
    return Listings(
        car=car,
        turn=np.repeat([0, 1], [n, len(again)]),
        first_day=first,
        end_day=np.concatenate([end_day, again_end[again]]),
        asking=value * np.exp(error[car]) * (1 - cut[car]),
        drop=drop[car],
        interval=interval[car],
        bargain=bargain[car],
    )


def _draw_noise(rng: Generator, settings: Settings, stock: Integers) -> Floats:
    """Draw the log of asking price over true value: normal, with a fatter tail for used cars."""
    n = len(stock)
    normal = rng.normal(0, 1, n)
    heavy = rng.standard_t(USED_NOISE_FREEDOM, n)
    heavy *= np.sqrt((USED_NOISE_FREEDOM - 2) / USED_NOISE_FREEDOM)
    scale = np.array([settings.noise_new, settings.noise_used, settings.noise_certified])[stock]
    return (scale * np.where(stock == Stock.USED, heavy, normal)).clip(
        -LARGEST_NOISE, LARGEST_NOISE
    )


def _skewed(rng: Generator, choices: Integers, power: float) -> Integers:
    """Draw one of so many choices; the higher the power, the more the first ones are drawn."""
    return (rng.random(len(choices)) ** power * choices).astype(np.int64)


def _vehicle(cohort: Cohort, car: int) -> Vehicle:
    cars, priced = cohort.cars, cohort.cars.priced
    number, year = int(cars.model[car]), int(priced.model_year[car])
    make, model = tables().models[number]
    batch = (cohort.settings.seed * 1_009 + cohort.day) % BATCHES
    return Vehicle(
        vin=vin(make.wmi[number % len(make.wmi)], 400 + number, year, batch, car),
        make=make.name,
        model=model.name,
        trim=model.trims[int(cars.trim[car])].name,
        year=year,
        stock_type=STOCK_WORDS[int(priced.stock[car])],
        msrp=int(priced.msrp[car]),
        mileage=int(priced.mileage[car]),
        bodystyle=model.bodystyle,
        cat=model.cat,
        fuel_type=model.fuel_types[int(cars.fuel[car])],
        drivetrain=model.drivetrains[int(cars.drivetrain[car])],
        exterior_color=make.exterior_colors[int(cars.exterior[car])],
        interior_color=make.interior_colors[int(cars.interior[car])],
        dealer=_all_dealers()[int(cars.dealer[car])],
        accident=bool(priced.accident[car]),
        single_owner=bool(cars.single_owner[car]),
        photos=int(cars.photos[car]),
    )


def _all_dealers() -> tuple[Dealer, ...]:
    return dealers(tuple(make.name for make in load()))
