"""The true value moves as a market's would."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from carprice_assets.practice_market import pricing
from carprice_assets.practice_market.pricing import PricedCars, Stock

TODAY = np.array([date(2026, 3, 1).toordinal()])


def one(stock: Stock = Stock.USED, year: int = 2022, mileage: float = 40_000) -> PricedCars:
    """One ordinary car of USD 40,000."""
    no = np.array([False])
    return PricedCars(
        msrp=np.array([40_000.0]),
        model_year=np.array([year]),
        mileage=np.array([float(mileage)]),
        stock=np.array([int(stock)]),
        annual_depreciation=np.array([0.12]),
        street_ratio=np.array([0.95]),
        electric=no,
        open_top=no,
        trim_level=np.array([0.5]),
        color=np.array([1.0]),
        wheels=np.array([1.0]),
        accident=no,
    )


def value(cars: PricedCars) -> float:
    return float(pricing.true_value(cars, TODAY)[0])


@pytest.mark.parametrize("stock", list(Stock))
def test_neither_age_nor_miles_raise_a_price(stock: Stock) -> None:
    years = [value(one(stock, year=year)) for year in range(2026, 2007, -1)]
    assert all(older <= newer for newer, older in pairwise(years))
    miles = [value(one(stock, mileage=miles)) for miles in range(0, 300_000, 10_000)]
    assert all(more <= fewer for fewer, more in pairwise(miles))


@pytest.mark.parametrize("year", [2025, 2026])
def test_new_is_dearer_than_certified_and_that_than_used(year: int) -> None:
    new, certified, used = (
        value(one(stock, year=year, mileage=50))
        for stock in (Stock.NEW, Stock.CERTIFIED, Stock.USED)
    )
    assert new > certified > used
    assert certified / used == pytest.approx(1 + pricing.CERTIFIED_PREMIUM)


def test_first_year_costs_most() -> None:
    age = np.arange(0.0, 12.0)
    kept = pricing.age_retention(age, np.full(12, 0.12), np.full(12, False))
    losses = -np.diff(np.log(kept))
    assert 1 - kept[0] == pytest.approx(0.94 * (1 - np.exp(-0.07)))
    assert losses[0] == max(losses)
    assert kept[-1] > pricing.VALUE_FLOOR


def test_accidents_electric_cars_and_leftovers_cost() -> None:
    yes = np.array([True])
    assert value(replace(one(), accident=yes)) == pytest.approx(0.95 * value(one()))
    assert value(replace(one(), electric=yes)) < value(one())
    assert value(one(Stock.NEW, 2025)) < 0.92 * value(one(Stock.NEW, 2026))


def test_list_prices_step_with_fuel_and_wheels() -> None:
    both = ("Front-wheel Drive", "All-wheel Drive")
    two = pricing.list_price_step("Gasoline", "Gasoline", both[0], both)
    four = pricing.list_price_step("Gasoline", "Gasoline", both[1], both)
    assert two < 1 < four
    assert pricing.list_price_step("Hybrid", "Gasoline", both[1], ("All-wheel Drive",)) == 1.05


def test_calendar_drift_is_slow() -> None:
    days = TODAY + np.arange(730)
    closed = pricing.calendar_factor(days, np.full(730, False))
    assert np.abs(np.diff(closed)).max() < 0.002
    assert 0.02 < np.ptp(closed) < 0.08
    summer, winter = date(2026, 6, 15).toordinal(), date(2026, 12, 15).toordinal()
    opened = pricing.calendar_factor(np.array([summer, winter]), np.full(2, True))
    assert opened[0] > opened[1] + 0.04
