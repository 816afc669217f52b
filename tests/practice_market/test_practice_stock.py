"""The simulated stock is reproducible, lives, and is priced as it should be."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

from carprice_assets.practice_market import Market, Settings, simulate
from carprice_assets.practice_market.cohorts import model_year_on
from carprice_assets.practice_market.identity import VIN_ALPHABET, check_digit, vin
from carprice_assets.practice_market.vehicle import SimulatedCar

LAST = 30


@pytest.fixture(scope="module")
def month(market: Market) -> list[list[SimulatedCar]]:
    return [market.stock(day) for day in range(LAST + 1)]


def test_asked_directly_equals_stepping(market: Market, month: list[list[SimulatedCar]]) -> None:
    assert simulate(market.settings).stock(10) == month[10]


def test_more_days_change_nothing() -> None:
    short, long = (simulate(Settings(size=200, days=days)) for days in (5, 50))
    assert short.stock(4) == long.stock(4)
    assert short.planted_bargains() <= long.planted_bargains()


def test_seeds_differ() -> None:
    one, other = (simulate(Settings(seed=seed, size=200)).stock(3) for seed in (1, 2))
    assert not {car.listing_id for car in one} & {car.listing_id for car in other}
    assert [car.price for car in one] != [car.price for car in other]


def test_days_outside_the_market_are_refused(market: Market) -> None:
    for day in (-1, market.settings.days):
        with pytest.raises(ValueError, match="outside 0 to 30"):
            market.stock(day)


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"seed": -1}, {"new_share": 0.8}, {"bargain_cut": (0.5, 0.2)}]
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        Settings(**wrong)  # pyright: ignore[reportArgumentType]


def test_size_and_mix_hold(month: list[list[SimulatedCar]]) -> None:
    for stock in month:
        assert len(stock) == pytest.approx(1500, rel=0.08)
        mix = Counter(car.vehicle.stock_type for car in stock)
        assert mix["New"] / len(stock) == pytest.approx(0.45, abs=0.05)
        assert mix["Used"] / len(stock) == pytest.approx(0.45, abs=0.05)
        assert mix["Certified"] / len(stock) == pytest.approx(0.10, abs=0.03)


def test_cars_come_and_go(month: list[list[SimulatedCar]]) -> None:
    days = [{car.listing_id for car in stock} for stock in month]
    for before, after in pairwise(days):
        assert after - before
        assert before - after
    ended = set[str]()
    for before, after in pairwise(days):
        ended |= before - after
        assert not ended & after


def test_prices_only_fall_and_some_do(month: list[list[SimulatedCar]]) -> None:
    prices: dict[str, list[int]] = defaultdict(list)
    for stock in month:
        for car in stock:
            prices[car.listing_id].append(car.price)
    assert all(each == sorted(each, reverse=True) for each in prices.values())
    fell = [each for each in prices.values() if each[-1] < each[0]]
    assert 0.1 < len(fell) / len(prices) < 0.6
    assert max(1 - each[-1] / each[0] for each in fell) < 0.12


def test_some_cars_are_reposted(month: list[list[SimulatedCar]]) -> None:
    ids: dict[str, set[str]] = defaultdict(set)
    for stock in month:
        assert len({car.vehicle.vin for car in stock}) == len(stock)
        for car in stock:
            ids[car.vehicle.vin].add(car.listing_id)
    reposted = [each for each in ids.values() if len(each) > 1]
    assert 0.01 < len(reposted) / len(ids) < 0.1


def test_vins_are_valid(month: list[list[SimulatedCar]]) -> None:
    assert check_digit("1M8GDM9AXKP042788") == "X"
    for number in {car.vehicle.vin for stock in month for car in stock}:
        assert len(number) == 17
        assert set(number) <= set(VIN_ALPHABET)
        assert number[8] == check_digit(number)
    years = {car.vehicle.year: car.vehicle.vin[9] for car in month[0]}
    assert (years[2018], years[2024], years[2026]) == ("J", "R", "T")


def test_vins_tell_batches_and_cars_apart() -> None:
    made = {vin("1HG", 5, 2024, batch, car) for batch in range(60) for car in range(60)}
    assert len(made) == 3600
    with pytest.raises(ValueError, match="no VIN"):
        vin("1HG", 5, 2024, 0, 1_000_000)


def test_new_cars_are_recent_and_others_have_run(month: list[list[SimulatedCar]]) -> None:
    for car in month[LAST]:
        if car.vehicle.stock_type == "New":
            assert 0 <= model_year_on(car.listed_on) - car.vehicle.year <= 2
            assert car.vehicle.mileage <= 60
        else:
            assert 2008 <= car.vehicle.year <= 2026
            assert car.vehicle.mileage >= 300


def test_model_years_move_on() -> None:
    stock = simulate(Settings(size=300, start=date(2027, 9, 1))).stock(20)
    new = Counter(car.vehicle.year for car in stock if car.vehicle.stock_type == "New")
    assert new[2028]
    assert set(new) <= {2026, 2027, 2028}


def test_dates(market: Market, month: list[list[SimulatedCar]]) -> None:
    first = {car.listing_id: car for car in month[0]}
    for day, stock in enumerate(month):
        for car in stock:
            assert car.on == market.settings.start + timedelta(days=day)
            assert car.listed_on <= car.on
            if car.listing_id in first:
                assert car.listed_on == first[car.listing_id].listed_on
                assert car.first_price == first[car.listing_id].first_price


@pytest.mark.parametrize(
    ("stock_type", "most"), [("New", 0.03), ("Used", 0.065), ("Certified", 0.06)]
)
def test_true_value_explains_prices(
    market: Market, month: list[list[SimulatedCar]], stock_type: str, most: float
) -> None:
    planted = market.planted_bargains()
    cars = [
        car
        for car in month[LAST]
        if car.vehicle.stock_type == stock_type and car.listing_id not in planted
    ]
    price = np.array([car.price for car in cars], dtype=float)
    value = np.array([car.true_value for car in cars])
    assert 1 - ((price - value) ** 2).sum() / ((price - price.mean()) ** 2).sum() > 0.97
    error = np.log(price / value)
    assert 0.01 < error.std() < most
    assert abs(np.median(error)) < 0.03


def test_list_price_alone_does_not_explain_new_cars(month: list[list[SimulatedCar]]) -> None:
    new = [car for car in month[LAST] if car.vehicle.stock_type == "New"]
    ratio = np.array([car.price / car.vehicle.msrp for car in new])
    own = np.array([car.price / car.true_value for car in new])
    naive = np.abs(ratio / np.median(ratio) - 1).mean()
    assert naive > 2.5 * np.abs(own - 1).mean()


def test_planted_bargains_are_cheap_and_others_are_not(
    market: Market, month: list[list[SimulatedCar]]
) -> None:
    planted = market.planted_bargains()
    seen = {car.listing_id: car for stock in month for car in stock}
    old = [car for car in seen.values() if car.vehicle.stock_type != "New"]
    bargains = [car for car in old if car.listing_id in planted]
    assert planted <= {car.listing_id for car in old}
    assert 0.01 < len(bargains) / len(old) < 0.035
    assert all(0.55 < car.first_price / car.true_value < 0.86 for car in bargains)
    others = [car for car in old if car.listing_id not in planted]
    assert min(car.first_price / car.true_value for car in others) > 0.79
