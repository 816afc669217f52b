"""Straight pieces by age and mileage: a few rows have the bits of many."""

from __future__ import annotations

import numpy as np
import pytest

from carprice_assets.features import depreciation as module
from carprice_assets.features.depreciation import AGE_KNOTS, Depreciation


@pytest.fixture(scope="module")
def fitted() -> Depreciation:
    rng = np.random.default_rng(4)
    age, mileage, stock = rng.uniform(0.5, 20, 2000), rng.uniform(0, 2e5, 2000), kinds(rng, 2000)
    base = Depreciation()
    base.set_knots(mileage)
    price = 10.5 - 0.08 * age - 2e-6 * mileage + 0.1 * stock[:, 0] + rng.normal(0, 0.1, 2000)
    base.fit(base.design(age, mileage, stock), price)
    return base


def kinds(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Stock types as columns of 0 and 1, some rows of none."""
    return np.eye(4, 3, dtype=np.float32)[rng.integers(0, 4, rows)]


def test_a_few_rows_have_the_bits_of_many(fitted: Depreciation) -> None:
    rng = np.random.default_rng(5)
    age = np.concatenate([AGE_KNOTS, rng.uniform(0.5, 40, 300)])
    mileage = np.concatenate([fitted.mileage_knots, rng.uniform(0, 4e5, len(age))])[: len(age)]
    stock = kinds(rng, len(age))
    many = fitted.estimates(age, mileage, stock)
    assert many.tobytes() == fitted.predict(fitted.design(age, mileage, stock)).tobytes()
    for count in (1, 5, module.FEW):
        few = [
            fitted.estimates(age[at : at + count], mileage[at : at + count], stock[at : at + count])
            for at in range(0, 300, count)
        ]
        assert np.concatenate(few).tobytes() == many[: len(np.concatenate(few))].tobytes()


def test_older_and_farther_driven_is_never_dearer(fitted: Depreciation) -> None:
    ages, used = np.linspace(0.5, 30, 200), np.zeros((200, 3), np.float32)
    assert (np.diff(fitted.estimates(ages, np.full(200, 5e4), used)) <= 1e-12).all()
    miles = np.linspace(0, 3e5, 200)
    assert (np.diff(fitted.estimates(np.full(200, 5.0), miles, used)) <= 1e-12).all()
