"""The order guard: older is not dearer, New not below Used, and what is in order stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.listings.contract import text_array
from carprice_assets.regressors import order as order_module
from carprice_assets.regressors.order import Order

TODAY = 19_700.0  # in December 2023
ORDER = Order(first_year=2010, last_year=2024, new_mileage=500.0, last_observed=TODAY)


def cars(*rows: tuple[float, float, str]) -> dict[str, Any]:
    """Columns of year, mileage and stock type."""
    return {
        "year": np.array([row[0] for row in rows], float),
        "mileage": np.array([row[1] for row in rows], float),
        "stock_type": text_array([row[2] for row in rows]),
        "observed_at": np.full(len(rows), TODAY),
    }


def priced(order: Order, columns: dict[str, Any], price: Any, support: Any = None) -> Any:
    """Prices in order of a regressor that is a function of year, mileage and stock type."""
    variants = order.variants(columns)
    of = variants.columns
    rows = zip(of["year"].tolist(), of["mileage"].tolist(), of["stock_type"].tolist(), strict=True)
    given = list(rows)
    behind = np.array([support(*row) if support else 10.0 for row in given], float)
    return order.ordered(variants, np.array([price(*row) for row in given], float), behind)


def wild(year: float, mileage: float, stock_type: str) -> float:
    """A price that follows nothing."""
    mileage = 0.0 if np.isnan(mileage) else mileage
    return 20_000 * np.exp(np.sin(7.3 * year + mileage / 900 + 2.1 * len(stock_type)))


def weight(year: float, mileage: float, stock_type: str) -> float:
    return 10.0 ** (3 * np.sin(3.1 * year + 1.7 * len(stock_type)))


def some_cars(count: int = 300) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return cars(
        *(
            (
                float(rng.integers(2012, 2025)),
                float(rng.choice([np.nan, 40.0, 30_000.0, 90_000.0])),
                str(rng.choice(["New", "Used", "Certified", ""])),
            )
            for _ in range(count)
        )
    )


def test_a_price_in_order_is_left_as_it_is() -> None:
    def steady(year: float, mileage: float, stock_type: str) -> float:
        return 1000 * 1.05 ** (year - 2000) * (1.1 if stock_type == "New" else 1.0)

    columns = some_cars()
    expected = [
        steady(*row) for row in zip(columns["year"], columns["mileage"], columns["stock_type"])
    ]
    assert np.allclose(priced(ORDER, columns, steady, weight), expected, rtol=1e-12)


def test_new_is_never_below_the_same_car_used() -> None:
    rng = np.random.default_rng(5)
    years = range(2015, 2025)
    moved = 0
    for _ in range(40):
        keys = [(year, kind) for year in years for kind in ("New", "Used")]
        prices = dict(zip(keys, 20_000 * np.exp(rng.normal(0, 0.3, len(keys))), strict=True))
        behind = dict(zip(keys, 10.0 ** rng.uniform(-2, 3, len(keys)), strict=True))

        def price(year: float, _: float, kind: str, prices: Any = prices) -> float:
            return prices[int(max(year, 2015)), kind]

        def seen(year: float, _: float, kind: str, behind: Any = behind) -> float:
            return behind[int(max(year, 2015)), kind]

        as_new, as_used = (
            priced(ORDER, cars(*((float(year), 0.0, kind) for year in years)), price, seen)
            for kind in ("New", "Used")
        )
        assert (as_new >= as_used * (1 - 1e-12)).all()
        moved += sum(prices[year, "New"] < prices[year, "Used"] for year in years)
    assert moved > 100  # the guard had something to do


def test_a_new_car_without_mileage_is_compared_as_driven_nothing() -> None:
    old_new = cars((2019, np.nan, "New"))
    variants = ORDER.variants(old_new)
    turned = variants.columns["stock_type"] == "Used"
    assert turned.any()
    assert (variants.columns["mileage"][turned] == 0).all()
    assert np.isnan(variants.columns["mileage"][~turned]).all()
    missing = ORDER.variants(cars((2024, np.nan, "Used")))  # an unknown mileage is not a small one
    assert set(missing.columns["stock_type"]) == {"Used"}


def test_one_year_older_is_cheaper_by_the_step() -> None:
    def dented(year: float, mileage: float, stock_type: str) -> float:
        return 20_000 * 1.05 ** (year - 2018) * (0.85 if year == 2019 else 1.0)

    years = (2016, 2017, 2018, 2019, 2020, 2021)
    prices = priced(ORDER, cars(*((year, 60_000.0, "Used") for year in years)), dented)
    assert np.all(np.diff(np.log(prices)) > 0.01 - 1e-12)
    assert np.isclose(prices[3] / prices[2], np.exp(0.01))


def test_a_year_of_which_little_was_seen_bends_to_the_others() -> None:
    def price(year: float, mileage: float, stock_type: str) -> float:
        return 30_000.0 if year == 2019 else 20_000.0

    def seen(year: float, mileage: float, stock_type: str) -> float:
        return 0.0 if year == 2019 else 500.0

    columns = cars((2019, 60_000.0, "Used"), (2020, 60_000.0, "Used"))
    bent = priced(ORDER, columns, price, seen)
    assert bent[0] < 20_500
    assert abs(bent[1] / 20_000 - 1) < 0.01
    firm = priced(ORDER, columns, price, lambda *row: 500.0 - seen(*row))
    assert firm[0] > 29_500
    assert firm[1] > 29_500


def test_variants_stay_within_the_years_seen_and_come_once() -> None:
    columns = cars((2024, 30_000.0, "Used"), (2010, 30_000.0, "Used"), (2030, 30_000.0, "Used"))
    variants = ORDER.variants(columns)
    years = [sorted(variants.columns["year"][rows].tolist()) for rows in variants.same]
    assert years[0] == [2022, 2023, 2024, 2024, 2024]
    assert years[1] == [2010, 2010, 2010, 2011, 2012]
    assert years[2][-1] == 2030  # the car itself is asked for wherever it lies
    assert len(variants.columns["year"]) == 3 + 3 + 3
    assert (variants.columns["year"][variants.own] == columns["year"]).all()


def test_a_row_does_not_depend_on_those_beside_it() -> None:
    columns = some_cars(40)
    whole = priced(ORDER, columns, wild, weight)
    alone = [
        priced(ORDER, {k: v[n : n + 1] for k, v in columns.items()}, wild, weight)[0]
        for n in range(40)
    ]
    assert np.array_equal(whole, alone)
    assert len(priced(ORDER, {k: v[:0] for k, v in columns.items()}, wild)) == 0


def test_no_price_where_a_variant_has_none() -> None:
    columns = cars((2020, 30_000.0, "Used"), (2014, 30_000.0, "Used"))
    prices = priced(ORDER, columns, lambda year, *_: -5.0 if year == 2021 else 9_000.0)
    assert np.isnan(prices[0])
    assert prices[1] > 0


def test_limits_are_learned_from_the_training_part() -> None:
    new = [(2024.0, float(miles), "New") for miles in range(0, 4_000, 4)]
    order = Order.of(cars(*new, (1998, 250_000.0, "Used"), (2020, np.nan, "New")))
    assert (order.first_year, order.last_year) == (1998, 2024)
    assert 3_900 < order.new_mileage < 4_000
    assert order.last_observed == TODAY
    assert Order.of(cars((2020, 5.0, "Used"))).new_mileage == 500
    with pytest.raises(UserError, match="no training car has a model year"):
        Order.of(cars((np.nan, 5.0, "Used")))


def test_the_guard_is_kept_and_checked(tmp_path: Path) -> None:
    assert Order.load(tmp_path) is None
    ORDER.save(tmp_path)
    assert Order.load(tmp_path) == ORDER
    table = json.loads((tmp_path / "order.json").read_bytes())
    for change, told in (
        ({"format": 2}, "format 2"),
        ({"window": 99}, "the window from 0 to 10"),
        ({"odd": 1}, "odd"),
    ):
        (tmp_path / "order.json").write_text(json.dumps(table | change))
        with pytest.raises(UserError, match=told):
            Order.load(tmp_path)


def test_a_few_cars_get_the_bits_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few go number by number, many through numpy: variants and prices are the same."""
    columns = some_cars(60)
    for size in (1, 3):
        for start in range(0, 60, size):
            part = {name: values[start : start + size] for name, values in columns.items()}
            few = ORDER.variants(part)
            found = priced(ORDER, part, wild, weight)
            with monkeypatch.context() as patch:
                patch.setattr(order_module, "FEW", 0)
                many = ORDER.variants(part)
                expected = priced(ORDER, part, wild, weight)
            assert found.tobytes() == expected.tobytes()
            for name, values in many.columns.items():
                np.testing.assert_array_equal(few.columns[name], values)
            for name in ("own", "same", "other", "good", "new"):
                assert np.array_equal(getattr(few, name), getattr(many, name)), name
