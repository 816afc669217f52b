import numpy as np
import pytest

from carprice_assets.evaluation.behaviour import measure
from carprice_assets.listings.contract import FEATURE_FIELDS, row_count, text_array


def flat(columns):
    return np.full(row_count(columns), 20_000.0)


def same(first, second):
    return np.array_equal(first, second, equal_nan=first.dtype == np.float64)


def test_a_well_behaved_valuer(cars, valuer):
    found = measure(valuer, cars(2000, 1))
    assert found["mileage_violations"] == found["year_violations"] == found["new_violations"] == 0
    assert found["mileage_rows"] == found["year_rows"] == 1000
    assert found["mileage_change"] < 0
    assert found["year_change"] == pytest.approx(-0.1)
    assert 0 < found["msrp_change"] < found["msrp_change_p90"] < 0.3


def test_each_fault_shows_under_its_own_name(cars):
    side = cars(600, 2)

    def faulty(fault):
        def predict(columns):
            half = columns["make"] == "Aster"
            step = {
                "mileage": np.nan_to_num(columns["mileage"]) / 1e6,
                "year": (2023 - columns["year"]) / 100,
                "new": (columns["stock_type"] == "Used") / 10,
            }[fault]
            return 20_000 * (1 + np.where(half, step, 0))

        return measure(predict, side)

    for fault in ("mileage", "year", "new"):
        found = faulty(fault)
        violations = {name: found[f"{name}_violations"] for name in ("mileage", "year", "new")}
        assert 0.5 < violations.pop(fault) < 0.7
        assert set(violations.values()) == {0.0}


def test_only_the_asked_thing_changes_and_prices_are_never_shown(cars):
    seen = []
    side = cars(300, 3)
    before = {name: values.copy() for name, values in side.items()}

    def predict(columns):
        assert set(columns) == {field.name for field in FEATURE_FIELDS}
        seen.append(columns)
        return flat(columns)

    measure(predict, side, sample=50)
    changes = zip(seen[::2], seen[1::2], ("msrp", "mileage", "year", "stock_type"), strict=True)
    for first, second, changed in changes:
        assert {name for name in first if not same(first[name], second[name])} == {changed}
        assert row_count(first) == 50
    assert all(same(side[name], before[name]) for name in before)
    assert set(seen[2]["stock_type"]) <= {"Used", "Certified"}
    assert np.isfinite(seen[2]["mileage"]).all()
    assert np.isfinite(seen[6]["mileage"]).all()


def test_rounding_is_no_violation(cars):
    def predict(columns):
        return 20_000 * (1 + 1e-15 * np.nan_to_num(columns["mileage"]))

    assert measure(predict, cars(100, 1))["mileage_violations"] == 0


def test_fewer_cars_than_asked_are_all_asked(cars):
    side = cars(40, 1)
    found = measure(flat, side, sample=1000)
    assert found["year_rows"] == 40
    assert found["new_rows"] == np.sum(side["stock_type"] == "New")


def test_a_market_of_one_stock_type_is_asked_all_the_same(cars):
    side = cars(80, 1)
    used = side | {"stock_type": text_array(["Used"] * 80)}
    assert measure(flat, used)["new_rows"] == 80
    new = side | {"stock_type": text_array(["New"] * 80)}
    assert measure(flat, new)["mileage_rows"] > 50
    nothing = np.full(80, np.nan)
    bare = measure(flat, side | {"mileage": nothing, "msrp": nothing})
    assert bare["mileage_rows"] == bare["msrp_rows"] == 0
    assert bare["mileage_violations"] is None
    assert bare["msrp_change"] is None


def test_the_seed_fixes_the_draw(cars, valuer):
    side = cars(500, 1)
    assert measure(valuer, side, sample=50, seed=1) == measure(valuer, side, sample=50, seed=1)
    assert measure(valuer, side, sample=50, seed=1) != measure(valuer, side, sample=50, seed=2)


def test_a_missing_price_is_named(cars):
    with pytest.raises(ValueError, match="no price above 0"):
        measure(lambda columns: flat(columns) * np.nan, cars(10, 1))
