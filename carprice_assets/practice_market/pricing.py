"""What a car is truly worth on the practice market, in USD.

Every function is pure and works on arrays of one shape, one element a car. Dates are ordinals as
of `date.toordinal`. The value of a car is a product:

    new car           MSRP x new_ratio x color x calendar
    used, certified   MSRP x street ratio x age_retention x mileage_factor x trim_factor
                      x wheels_factor x history x certified x color x calendar

Factors have no unit; 1 leaves the price alone.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from datetime import date
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from carprice_assets.practice_market.catalogue import (
    ALL_WHEEL,
    CATALOGUE_YEAR,
    DIESEL,
    ELECTRIC,
    FLEX_FUEL,
    FOUR_WHEEL,
    GASOLINE,
    HYBRID,
    PLUG_IN_HYBRID,
    REAR_WHEEL,
)

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

MSRP_GROWTH = 0.03
"""Growth of list prices from one model year to the next."""

MODEL_YEAR_LEAD = 1 / 3
"""Years by which a model year's cars precede its calendar year: they appear in September."""

# Log losses of a used car: at once, over the first year, more per year for an electric car; and
# the share of value that no age takes.
DRIVING_OFF = 0.07
FIRST_YEAR_EXTRA = 0.05
ELECTRIC_EXTRA = 0.04
VALUE_FLOOR = 0.06

# Usual miles a year, log loss for 10,000 more, and the factor's bounds.
MILES_PER_YEAR = 11_500.0
LOSS_PER_10K_MILES = 0.032
MILEAGE_FACTOR_LIMITS = (0.60, 1.35)

# Shares of the street price: when the next model year is out, and for every year after that.
LEFTOVER_DISCOUNT = 0.08
LEFTOVER_ANNUAL_DISCOUNT = 0.06
# Factors on the make's street ratio.
STREET_BY_FUEL = {ELECTRIC: 0.85, PLUG_IN_HYBRID: 0.92, HYBRID: 1.04}
STREET_BY_BODYSTYLE = {"Pickup Truck": 0.93, "Sedan": 0.97, "Convertible": 1.03, "Minivan": 1.05}

# Shares of a used car's value.
CERTIFIED_PREMIUM = 0.05
ACCIDENT_LOSS = 0.05
TOP_TRIM_LOSS = 0.04
WHEELS_STEP = 0.03

FUEL_SURCHARGE = {
    GASOLINE: 0.0,
    FLEX_FUEL: 0.0,
    HYBRID: 0.05,
    DIESEL: 0.09,
    PLUG_IN_HYBRID: 0.14,
    ELECTRIC: 0.18,
}
"""Share that a fuel adds to a model's MSRP, against gasoline."""

COLOR_FACTORS = {
    r"white|black|glacier|ebony|caviar|obsidian|ice cap|snow": 1.010,
    r"gr[ae]y|silver|steel|granite": 1.005,
    r"green|brown|bronze|gold|sand|beige": 0.975,
    r"orange|yellow|mango": 0.965,
    r"red|cherry": 0.990,
}
"""Factor of the first pattern that a colour's name contains; any other colour counts 1."""

_YEAR_DAYS = 365.2425
_EPOCH = date(2000, 1, 1).toordinal()


class Stock(IntEnum):
    """Stock type of a car, as a number."""

    NEW = 0
    USED = 1
    CERTIFIED = 2


@dataclass(frozen=True, slots=True)
class PricedCars:
    """All that the value of n cars depends on; each array has shape (n,).

    Attributes
    ----------
    msrp
        USD, of the car's own model year, with its options.
    model_year
        Calendar number of the model year.
    mileage
        Miles.
    stock
        Values of `Stock`.
    annual_depreciation
        1/year, of the make.
    street_ratio
        Price over MSRP of such a car when new, from `street_ratio`.
    electric
        Whether it runs on electricity alone.
    open_top
        Whether it is a convertible.
    trim_level
        Place of the trim in its model, from 0 (first) to 1 (last).
    color, wheels
        Factors, from `color_factor` and `wheels_factor`.
    accident
        Whether an accident was reported.
    """

    msrp: Floats
    model_year: Integers
    mileage: Floats
    stock: Integers
    annual_depreciation: Floats
    street_ratio: Floats
    electric: Flags
    open_top: Flags
    trim_level: Floats
    color: Floats
    wheels: Floats
    accident: Flags

    def take(self, rows: Integers) -> PricedCars:
        """The cars in these rows, which may repeat."""
        return PricedCars(*(getattr(self, each.name)[rows] for each in fields(self)))


def true_value(cars: PricedCars, on: Integers) -> Floats:
    """Value of each car on each day.

    Parameters
    ----------
    cars
        n cars.
    on
        Date ordinals, shape (n,).

    Returns
    -------
    Floats
        USD, shape (n,), not rounded.
    """
    age = age_years(cars.model_year, on)
    new = new_ratio(cars.street_ratio, age)
    used = (
        cars.street_ratio
        * age_retention(age, cars.annual_depreciation, cars.electric)
        * mileage_factor(cars.mileage, age)
        * trim_factor(cars.trim_level, age)
        * cars.wheels
        * np.where(cars.accident, 1 - ACCIDENT_LOSS, 1.0)
        * np.where(cars.stock == Stock.CERTIFIED, 1 + CERTIFIED_PREMIUM, 1.0)
    )
    ratio = np.where(cars.stock == Stock.NEW, new, used)
    return cars.msrp * ratio * cars.color * calendar_factor(on, cars.open_top)


def msrp_in_year(msrp: Floats, model_year: Integers) -> Floats:
    """MSRP in USD of a model year, from that of the catalogue's year.

    The price falls by the factor (1 + MSRP_GROWTH) for every year back.

    Examples
    --------
    >>> msrp_in_year(np.array([30_000.0]), np.array([2025])).round().tolist()
    [29126.0]
    """
    return msrp * (1 + MSRP_GROWTH) ** (model_year - CATALOGUE_YEAR)


def age_years(model_year: Integers, on: Integers) -> Floats:
    """Age in years since the model year came out, never below 0.

    Examples
    --------
    >>> age_years(np.array([2024]), np.array([date(2026, 1, 1).toordinal()])).round(2).tolist()
    [2.34]
    """
    calendar = 2000.0 + (on - _EPOCH) / _YEAR_DAYS
    return np.maximum(calendar - (model_year - MODEL_YEAR_LEAD), 0.0)


def age_retention(age: Floats, annual_depreciation: Floats, electric: Flags) -> Floats:
    """Share of the street price that a used car keeps.

    floor + (1 - floor) x exp(-(DRIVING_OFF + FIRST_YEAR_EXTRA x min(age, 1) + rate x age)), with
    the rate in 1/year, of the make, and ELECTRIC_EXTRA more for electric cars. So the first year
    costs the most, and an old car keeps at least VALUE_FLOOR.
    """
    rate = annual_depreciation + np.where(electric, ELECTRIC_EXTRA, 0.0)
    loss = DRIVING_OFF + FIRST_YEAR_EXTRA * np.minimum(age, 1.0) + rate * age
    return VALUE_FLOOR + (1 - VALUE_FLOOR) * np.exp(-loss)


def mileage_factor(mileage: Floats, age: Floats) -> Floats:
    """Factor for having run more or less than is usual.

    exp(-LOSS_PER_10K_MILES x (miles - MILES_PER_YEAR x years) / 10,000), held within
    MILEAGE_FACTOR_LIMITS.

    Examples
    --------
    >>> mileage_factor(np.array([33_000.0, 23_000.0]), np.array([2.0, 2.0])).round(3).tolist()
    [0.969, 1.0]
    """
    surplus = mileage - MILES_PER_YEAR * age
    low, high = MILEAGE_FACTOR_LIMITS
    return np.clip(np.exp(-LOSS_PER_10K_MILES * surplus / 10_000), low, high)


def trim_factor(trim_level: Floats, age: Floats) -> Floats:
    """Factor for the trim: costly trims lose up to TOP_TRIM_LOSS more over the first five years."""
    return 1 - TOP_TRIM_LOSS * trim_level * np.minimum(age / 5, 1.0)


def new_ratio(street_ratio: Floats, age: Floats) -> Floats:
    """Price of a new car divided by its MSRP.

    The street ratio; once the next model year is out, LEFTOVER_DISCOUNT less, and
    LEFTOVER_ANNUAL_DISCOUNT more for every further year.
    """
    discount = LEFTOVER_DISCOUNT + LEFTOVER_ANNUAL_DISCOUNT * (age - 1)
    return street_ratio * np.where(age >= 1, 1 - discount, 1.0)


def street_ratio(make_ratio: float, fuel: str, bodystyle: str) -> float:
    """Price of a new car of the current model year divided by its MSRP.

    The make's ratio, times a factor for the fuel (hybrids sell well, electric cars badly) and for
    the bodystyle; both from the tables above, 1 where they have no entry.

    Examples
    --------
    >>> round(street_ratio(0.95, "Electric", "SUV"), 4)
    0.8075
    """
    return make_ratio * STREET_BY_FUEL.get(fuel, 1.0) * STREET_BY_BODYSTYLE.get(bodystyle, 1.0)


def calendar_factor(on: Integers, open_top: Flags) -> Floats:
    """Drift of the whole market over the calendar.

    1 + 1.2 % x a yearly wave that peaks in April + 0.5 % x a wave of 47 days - 0.8 % a year since
    2026. Convertibles add a yearly wave of 3 % that peaks in June.
    """
    year = (on - _EPOCH) / _YEAR_DAYS
    yearly = 0.012 * np.cos(2 * math.pi * (year - 0.29))
    short = 0.005 * np.sin(2 * math.pi * (on - _EPOCH) / 47)
    trend = -0.008 * (year - 26)
    summer = np.where(open_top, 0.03 * np.cos(2 * math.pi * (year - 0.46)), 0.0)
    return 1 + yearly + short + trend + summer


def color_factor(name: str) -> float:
    """Factor for an exterior colour, by the words of its name.

    Examples
    --------
    >>> color_factor("Oxford White"), color_factor("Deep Blue Pearl")
    (1.01, 1.0)
    """
    for pattern, factor in COLOR_FACTORS.items():
        if re.search(pattern, name.lower()):
            return factor
    return 1.0


def wheels_factor(drivetrain: str, bodystyle: str) -> float:
    """Factor for a used car's driven wheels.

    All four driven: WHEELS_STEP more. A pickup truck with rear wheels only: as much less.

    Examples
    --------
    >>> wheels_factor("Four-wheel Drive", "Pickup Truck")
    1.03
    """
    if drivetrain in {ALL_WHEEL, FOUR_WHEEL}:
        return 1 + WHEELS_STEP
    if drivetrain == REAR_WHEEL and bodystyle == "Pickup Truck":
        return 1 - WHEELS_STEP
    return 1.0


def list_price_step(fuel: str, usual_fuel: str, drivetrain: str, choice: tuple[str, ...]) -> float:
    """Factor on a trim's MSRP for the fuel and the driven wheels that a buyer chose.

    Parameters
    ----------
    fuel, usual_fuel
        The car's fuel type, and the one that the catalogue's MSRP stands for.
    drivetrain, choice
        The car's drivetrain, and the ones it could have had.
    """
    fuels = (1 + FUEL_SURCHARGE[fuel]) / (1 + FUEL_SURCHARGE[usual_fuel])
    four = {ALL_WHEEL, FOUR_WHEEL}
    mixed = bool(four & set(choice)) and bool(set(choice) - four)
    if not mixed:
        return fuels
    return fuels * (1 + WHEELS_STEP if drivetrain in four else 1 - WHEELS_STEP)
