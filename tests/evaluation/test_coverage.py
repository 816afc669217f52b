import json

import numpy as np
import pytest

from carprice_assets.evaluation.coverage import judge_ranges
from carprice_assets.evaluation.slices import slices


def judged(columns, low, high, predicted=None, truth=None):
    truth = columns["price"] if truth is None else truth
    predicted = truth if predicted is None else predicted
    return judge_ranges(columns, truth, predicted, low, high, stated=0.9)


def test_coverage_and_width_are_counted_over_all_and_over_parts(cars):
    side = cars(300, 1)
    truth = side["price"]
    missed = np.arange(300) % 10 == 0
    predicted = np.where(missed, truth / 2, truth)
    found = judged(side, 0.9 * predicted, 1.2 * predicted, predicted)
    assert found["rows"] == 300
    assert found["coverage"] == 0.9
    assert found["width"] == pytest.approx(0.3)
    for kind, parts in found["slices"].items():
        assert sum(part["rows"] for part in parts) == 300, kind
    used = side["stock_type"] == "Used"
    of_used = next(p for p in found["slices"]["stock_type"] if p["name"] == "Used")
    assert of_used["rows"] == used.sum()
    assert of_used["coverage"] == pytest.approx(1 - missed[used].mean())
    assert set(found["slices"]) == {"stock_type", "price", "age", "make"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_ends_belong_to_a_range(cars):
    side = cars(60, 1)
    truth = side["price"]
    assert judged(side, truth, truth)["coverage"] == 1.0
    beyond = truth * 1.001
    assert judged(side, beyond, beyond, beyond)["coverage"] == 0.0


def test_a_part_without_cars_has_no_coverage(cars):
    side = cars(200, 1)
    side = side | {"stock_type": np.full(200, "Used", dtype=object)}
    parts = judged(side, side["price"] * 0.9, side["price"])["slices"]["stock_type"]
    assert parts[0] == {"name": "New", "rows": 0, "coverage": None, "width": None}


def test_the_constant_width_holds_as_many_prices(cars):
    side = cars(500, 1)
    rng = np.random.default_rng(0)
    truth = side["price"]
    # Half of the cars are ten times as hard, and the ranges know which.
    spread = np.where(np.arange(500) % 2 == 0, 0.02, 0.2)
    predicted = truth * np.exp(rng.normal(0, spread))
    reach = np.exp(1.645 * spread)
    found = judged(side, predicted / reach, predicted * reach, predicted)
    inside = np.abs(np.log(truth / predicted)) <= np.arcsinh(found["constant_width"] / 2) + 1e-9
    assert inside.mean() == found["coverage"]
    assert found["width_ratio"] == pytest.approx(found["width"] / found["constant_width"])
    assert found["width_ratio"] < 0.8
    even = np.exp(np.quantile(np.abs(np.log(truth / predicted)), 0.9))
    same = judged(side, predicted / even, predicted * even, predicted)
    assert same["width_ratio"] == pytest.approx(1, abs=0.02)


def test_no_price_in_its_range_leaves_no_constant_width(cars):
    side = cars(50, 1)
    off = 2 * side["price"]
    found = judged(side, off, off, off)
    assert found["constant_width"] is None
    assert found["width_ratio"] is None
    exact = judged(side, side["price"] * 0.9, side["price"])
    assert exact["constant_width"] == 0
    assert exact["width_ratio"] is None


@pytest.mark.parametrize(
    ("low", "high"), [(1.1, 1.2), (0.8, 0.9), (-0.5, 1.0), (0.5, np.inf), (0.5, np.nan)]
)
def test_what_is_no_range_is_refused(cars, low, high):
    side = cars(50, 1)
    with pytest.raises(ValueError, match=r"low <= prediction <= high|no price"):
        judged(side, low * side["price"], high * side["price"])


def test_a_markets_own_categories_are_parts_too(cars):
    side = cars(200, 1)
    word = np.array(["manual", "automatic", "", "rare"], dtype=object)[
        np.where(np.arange(200) < 5, 3, np.arange(200) % 3)
    ]
    side = side | {"gearbox": word}
    found = judged(side, side["price"] * 0.9, side["price"])["slices"]["features.gearbox"]
    assert {part["name"] for part in found} == {"manual", "automatic", "unknown", "others"}
    assert found[-1]["name"] == "others"
    assert found[-1]["rows"] == 5
    of = slices(side, side["price"], side["price"], side["price"], resamples=2)
    assert [part["name"] for part in of["features.gearbox"]] == [part["name"] for part in found]
