"""A made-up market: prices from a known rule, so that right answers are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from carprice_assets.listings.contract import TEXT_FEATURES, text_array

Cars = dict[str, NDArray[Any]]
MAKES = {"Aster": 30_000.0, "Birch": 45_000.0, "Cedar": 90_000.0}


def made_up_cars(rows: int, seed: int) -> Cars:
    """Cars of three makes and of all stock types, with every column of a dataset's side."""
    rng = np.random.default_rng(seed)
    make = rng.choice(list(MAKES), rows, p=[0.6, 0.3, 0.1])
    stock = rng.choice(["New", "Used", "Certified"], rows, p=[0.4, 0.5, 0.1])
    age = np.where(stock == "New", 0, rng.integers(1, 12, rows)).astype(np.float64)
    msrp = np.array([MAKES[name] for name in make]) * rng.uniform(0.8, 1.2, rows)
    text = {name: text_array([""] * rows) for name in TEXT_FEATURES}
    price = msrp * 0.9**age * np.exp(rng.normal(0, 0.05, rows))
    return text | {
        "make": text_array(make.tolist()),
        "model": text_array([f"M{number}" for number in rng.integers(0, 4, rows)]),
        "stock_type": text_array(stock.tolist()),
        "year": 2023 - age,
        "mileage": np.where(rng.random(rows) < 0.1, np.nan, 11_000 * age),
        "msrp": np.where((stock == "New") & (rng.random(rows) < 0.9), msrp, np.nan),
        "observed_at": np.full(rows, 19_500.0) + rng.integers(0, 60, rows),
        "price": price,
        "vehicle": text_array([f"vehicle-{seed}-{number}" for number in range(rows)]),
        "listing_id": text_array([f"listing-{seed}-{number}" for number in range(rows)]),
        "source": text_array(["made-up"] * rows),
        "vin": text_array(["MADEUPVIN"] * rows),
        "dealer": text_array(["Made-up Motors"] * rows),
    }


def priced(columns: Any, *, exponent: float = 1.0) -> NDArray[np.float64]:
    """A valuer by the market's own rule; ``exponent`` other than 1 makes it worse."""
    base = np.array([MAKES[name] for name in columns["make"]])
    worth = np.where(np.isfinite(columns["msrp"]), columns["msrp"], base)
    worn = 1 - 1e-6 * np.nan_to_num(columns["mileage"], nan=0.0)
    return (worth * 0.9 ** (2023 - columns["year"]) * worn) ** exponent


@pytest.fixture
def cars() -> Callable[[int, int], Cars]:
    return made_up_cars


@pytest.fixture
def valuer() -> Callable[..., NDArray[np.float64]]:
    return priced
