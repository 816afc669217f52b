"""Drift of features: what moved is found, what did not is not, and few cars tell nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from carprice_assets.listings.contract import FEATURE_FIELDS, text_array
from carprice_assets.listings.feature_drift import FeatureDrift, feature_drift

LIMIT = 0.25


def cars(rows: int, seed: int) -> dict[str, Any]:
    """Invented cars of one kind of market."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for field in FEATURE_FIELDS:
        if field.kind in ("number", "date"):
            columns[field.name] = rng.gamma(2.0, 1000.0, rows)
        else:
            words = rng.choice(["a", "b", "c", "d", ""], rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])
            columns[field.name] = text_array([str(word) for word in words])
    columns["price"] = rng.lognormal(10.0, 0.4, rows)
    return columns


@pytest.mark.parametrize("rows", [200, 1_000, 20_000])
def test_the_same_kind_of_cars_has_not_drifted(rows: int) -> None:
    found = feature_drift(cars(5_000, 1), cars(rows, 2))
    assert found.rows == rows
    assert set(found.shifts) == {
        *(f.name for f in FEATURE_FIELDS if f.name not in ("observed_at", "vin", "dealer")),
        "price",
    }
    assert found.greatest[1] < 0.1
    # What so few cars show by chance is taken off: half of what is left is nothing.
    assert np.median(list(found.shifts.values())) < 0.01


def test_missing_is_not_much() -> None:
    """Mileages that were missing and are large now: the same bin would hide it."""
    before, after = cars(2_000, 1), cars(2_000, 2)
    before["mileage"][:1_000] = np.nan
    after["mileage"][:1_000] = 1e9
    assert feature_drift(before, after).greatest[0] == "mileage"


MOVED = {
    "price": lambda c: c["price"] * 1.6,
    "mileage": lambda c: np.where(np.arange(len(c["mileage"])) % 2, c["mileage"], np.nan),
    "make": lambda c: text_array(
        ["e"] * (len(c["make"]) // 2) + list(c["make"][len(c["make"]) // 2 :])
    ),
    "stock_type": lambda c: text_array(["a"] * len(c["stock_type"])),
}


@pytest.mark.parametrize("name", MOVED)
@pytest.mark.parametrize("rows", [300, 3_000])
def test_what_moved_is_named(name: str, rows: int) -> None:
    newer = cars(rows, 2)
    newer[name] = MOVED[name](newer)
    found = feature_drift(cars(5_000, 1), newer)
    assert found.greatest[0] == name
    assert found.greatest[1] > LIMIT
    assert all(shift < 0.1 for other, shift in found.shifts.items() if other != name)


def test_few_cars_tell_nothing() -> None:
    assert feature_drift(cars(5_000, 1), cars(199, 2)) == FeatureDrift(199)
    assert feature_drift(cars(199, 1), cars(5_000, 2)).greatest == ("", 0.0)


def test_a_feature_that_is_nowhere_known_has_not_drifted() -> None:
    before, after = cars(500, 1), cars(500, 2)
    for columns in (before, after):
        columns["msrp"] = np.full(500, np.nan)
        columns["trim"] = text_array([""] * 500)
    found = feature_drift(before, after)
    assert found.shifts["msrp"] == 0.0
    assert found.shifts["trim"] == 0.0


def test_days_dealers_and_vins_are_no_drift() -> None:
    after = cars(500, 2)
    after["observed_at"] = after["observed_at"] + 1e6
    after["vin"] = text_array([str(n) for n in range(500)])
    assert feature_drift(cars(500, 1), after).greatest[1] < 0.1
