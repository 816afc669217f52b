import numpy as np
import pytest

from carprice_assets.evaluation.metrics import figures
from carprice_assets.evaluation.slices import price_bands, slices
from carprice_assets.listings.contract import text_array


def by_name(parts):
    return {part["name"]: part for part in parts}


@pytest.fixture
def judged(cars):
    side = cars(900, 4)
    predicted = side["price"] * np.random.default_rng(2).uniform(0.9, 1.2, 900)
    found = slices(side, side["price"], predicted, side["price"] * 1.5, resamples=20)
    return side, predicted, found


def test_every_kind_adds_up_to_all_rows(judged):
    side, _, found = judged
    assert set(found) == {"stock_type", "price", "age", "make", "source_month"}
    for kind, parts in found.items():
        assert sum(part["rows"] for part in parts) == len(side["price"]), kind


def test_a_slice_holds_the_figures_of_its_rows(judged):
    side, predicted, found = judged
    rows = side["stock_type"] == "Used"
    truth, guess = side["price"][rows], predicted[rows]
    part = by_name(found["stock_type"])["Used"]
    expected = figures(truth, guess, resamples=20)
    assert part["mae"] == expected["mae"]["value"]
    assert part["mae_low"] == expected["mae"]["low"]
    assert part["r2"] == expected["r2"]["value"]
    assert part["bias"] == pytest.approx(np.median(truth - guess))
    assert part["bias"] < 0  # valued too high
    assert part["naive_mae"] == pytest.approx(np.mean(truth * 0.5))


def test_stock_types_are_listed_also_without_cars(cars):
    side = cars(50, 4)
    side["stock_type"] = text_array(["Used"] * 49 + [""])
    price = side["price"]
    parts = by_name(slices(side, price, price, price, resamples=5)["stock_type"])
    assert {name: part["rows"] for name, part in parts.items()} == {
        "New": 0,
        "Used": 49,
        "Certified": 0,
        "unknown": 1,
    }
    assert parts["New"]["mae"] is None
    assert set(parts["New"]) == set(parts["Used"])


def test_edges_belong_to_the_upper_band(cars):
    side = cars(6, 4)
    price = np.array([9_999.99, 10_000, 29_999, 30_000, 80_000, 5e6])
    parts = slices(side, price, price, price, resamples=5)["price"]
    assert tuple(part["name"] for part in parts) == price_bands()
    assert price_bands() == ("0-10k", "10-20k", "20-30k", "30-50k", "50-80k", "80k+")
    assert [part["rows"] for part in parts] == [1, 1, 1, 1, 0, 2]


def test_age_and_month_come_from_the_day_of_observation(cars):
    side = cars(6, 4)
    side["observed_at"] = np.array([19_357.0, 19_358.5, 19_358.0, np.nan, 19_388.0, 19_389.0])
    side["year"] = np.array([2023.0, 2022, 2020, 2020, 2008, 2007])
    price = side["price"]
    found = slices(side, price, price, price, resamples=5)
    age = {name: part["rows"] for name, part in by_name(found["age"]).items()}
    assert age == {
        "0 or less": 1,
        "1-2": 1,
        "3-5": 1,
        "6-10": 0,
        "11-15": 1,
        "16 or more": 1,
        "unknown": 1,
    }
    months = [(part["name"], part["rows"]) for part in found["source_month"]]
    assert months == [
        ("made-up 2022-12", 1),
        ("made-up 2023-01", 3),
        ("made-up 2023-02", 1),
        ("made-up unknown", 1),
    ]


def test_makes_with_most_rows_come_first(judged):
    makes = judged[2]["make"]
    assert [part["name"] for part in makes] == ["Aster", "Birch", "Cedar"]
