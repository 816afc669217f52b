import json
import time

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.evaluation.naive import NaiveValuation
from carprice_assets.listings.contract import text_array


def table(*rows):
    make, model, year, stock, msrp, price = zip(*rows, strict=True)
    columns = {
        "make": text_array(list(make)),
        "model": text_array(list(model)),
        "year": np.array(year, dtype=np.float64),
        "stock_type": text_array(list(stock)),
        "msrp": np.array([np.nan if value is None else value for value in msrp]),
    }
    return columns, np.array(price, dtype=np.float64)


TRAINING = table(
    ("Aster", "A1", 2020, "Used", None, 10_000),
    ("Aster", "A1", 2020, "Used", None, 30_000),
    ("Aster", "A1", 2020, "Used", None, 12_000),
    ("Aster", "A1", 2020, "Certified", None, 40_000),
    ("Aster", "A1", 2016, "Used", None, 6_000),
    ("Aster", "A2", 2018, "Used", None, 20_000),
    ("Birch", "B1", 2019, "Used", 90_000, 15_000),
    *[("Aster", "A3", 2023, "New", 50_000, 45_000)] * 20,
    *[("Birch", "B3", 2023, "New", 50_000, 60_000)] * 19,
)


def value(*row):
    naive = NaiveValuation()
    naive.fit(*TRAINING)
    columns, _ = table((*row, 1.0))
    return naive.predict(columns)[0]


@pytest.mark.parametrize(
    ("car", "expected"),
    [
        (("Aster", "A1", 2020, "Used", None), 12_000),  # its own cell
        (("Aster", "A1", 2020, "Used", 99_000), 12_000),  # an MSRP says nothing of a Used car
        (("Aster", "A1", 2020, "New", None), 21_000),  # the same year of every stock type
        (("Aster", "A1", 2017, "Used", None), 6_000),  # nearest year
        (("Aster", "A1", 2018, "Used", None), 6_000),  # equally near: the older
        (("Aster", "A1", 2030, "Used", None), 21_000),
        (("Aster", "A1", 1990, "Used", None), 6_000),
        (("Aster", "??", 2018, "Used", None), 20_000),  # make and year
        (("Birch", "??", 1980, "Used", None), 60_000),  # make
        (("Birch", "??", np.nan, "Used", None), 60_000),
        (("Birch", "B1", np.nan, "Used", None), 60_000),
        (("????", "??", 2018, "", None), 45_000),  # all
        (("Aster", "A1", 2023, "New", 10_000), 9_000),  # enough New cars of the make
        (("Birch", "B3", 2023, "New", 10_000), 9_000),  # too few: the ratio of all
        (("Aster", "A3", 2023, "New", 0.0), 45_000),  # 0 is no MSRP
    ],
)
def test_each_step_of_the_ladder(car, expected):
    assert value(*car) == pytest.approx(expected)


def test_without_any_new_car_an_msrp_is_left_aside():
    naive = NaiveValuation()
    naive.fit(*table(("Aster", "A1", 2020, "Used", None, 10_000)))
    columns, _ = table(("Aster", "A1", 2020, "New", 50_000, 1))
    assert naive.predict(columns).tolist() == [10_000]


def test_state_survives_json(cars):
    side = cars(3000, 1)
    naive = NaiveValuation()
    naive.fit(side, side["price"])
    state = json.loads(json.dumps(naive.state(), allow_nan=False))
    again = NaiveValuation.restore(state)
    other = cars(3000, 2)
    assert np.array_equal(again.predict(other), naive.predict(other))
    assert again.state() == naive.state() == state
    assert np.isfinite(naive.predict(other)).all()


def test_order_of_training_rows_means_nothing(cars):
    side = cars(500, 1)
    order = np.random.default_rng(0).permutation(500)
    first, second = NaiveValuation(), NaiveValuation()
    first.fit(side, side["price"])
    second.fit({name: values[order] for name, values in side.items()}, side["price"][order])
    assert json.dumps(first.state()) == json.dumps(second.state())


def test_misuse_is_named():
    columns, price = TRAINING
    naive = NaiveValuation()
    with pytest.raises(ValueError, match="not fitted"):
        naive.predict(columns)
    with pytest.raises(ValueError, match="prices for"):
        naive.fit(columns, price[:-1])
    with pytest.raises(ValueError, match="missing price"):
        naive.fit(columns, np.full_like(price, np.nan))
    with pytest.raises(ValueError, match="missing year"):
        naive.fit(columns | {"year": np.full_like(price, np.nan)}, price)
    with pytest.raises(UserError, match="no rows"):
        naive.fit({name: values[:0] for name, values in columns.items()}, price[:0])
    with pytest.raises(UserError, match="format 99"):
        NaiveValuation.restore({"format": 99})


def test_a_hundred_thousand_rows(cars):
    side = cars(100_000, 5)
    begin = time.process_time()
    naive = NaiveValuation()
    naive.fit(side, side["price"])
    naive.predict(side)
    # 0.6 s here, bound for slow days.
    assert time.process_time() - begin < 8
