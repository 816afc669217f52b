"""Explanations: additive to the cent, exact where they say so, the same every time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from carprice_assets.listings.contract import FEATURE_FIELDS, text_array
from carprice_assets.releases import explanation as module
from carprice_assets.releases.comparables import Comparables
from carprice_assets.releases.explanation import Explanation, explain, typical_car

TYPICAL = {
    "make": "Astra", "model": "Comet", "trim": "LX", "stock_type": "Used",
    "drivetrain": "Front-wheel Drive", "fuel_type": "Gasoline", "bodystyle": "Sedan",
    "year": 2018.0, "mileage": 60_000.0, "observed_at": 19_800.0,
}  # fmt: skip
CAR = TYPICAL | {"year": 2021.0, "mileage": 20_000.0, "trim": "Sport", "exterior_color": "Red"}


def columns(*cars: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in FEATURE_FIELDS:
        number = field.kind in ("number", "date")
        values = [car.get(field.name, np.nan if number else "") for car in cars]
        found[field.name] = np.array(values, float) if number else text_array(values)
    return found


@pytest.fixture(scope="module")
def known() -> Comparables:
    rows = [TYPICAL | {"year": 2018.0 + n % 3 - 1, "price": 10_000.0 + n} for n in range(9)]
    rows += [TYPICAL | {"stock_type": "New", "year": 2024.0, "mileage": 5.0, "price": 30_000.0}] * 6
    rows.append(TYPICAL | {"model": "Meteor", "price": 50_000.0})
    side = columns(*rows)
    side |= {"price": np.array([row["price"] for row in rows])}
    side["vehicle"] = text_array([f"v{n}" for n in range(len(rows))])
    return Comparables.of({"train": side})


def additive(cars: Any) -> Any:
    """Prices that are a sum over fields."""
    price = 8_000 + 1_000 * (cars["year"] - 2018) - 0.05 * (cars["mileage"] - 60_000)
    price += 700.25 * (cars["trim"] == "Sport") - 90.5 * (cars["exterior_color"] == "Red")
    return price.astype(float)


def crossed(cars: Any) -> Any:
    """Prices in which fields act on each other."""
    return additive(cars) ** 1.5 / 90 * np.where(cars["trim"] == "Sport", 1.2, 1.0)


def of(known: Comparables, predict: Any, car: dict[str, Any]) -> Explanation:
    cars = columns(TYPICAL, car)
    found = explain(known, predict, cars, 1, round(float(predict(cars)[1]), 2))
    assert found is not None
    return found


def amounts(found: Explanation) -> dict[str, float]:
    return {"+".join(each.fields): each.amount for each in found.contributions}


def test_of_a_sum_each_field_gets_its_term(known: Comparables) -> None:
    found = of(known, additive, CAR)
    assert found.base == known.median_price == 10_008.0 - 0.5
    assert amounts(found) == pytest.approx(
        {
            "make+model": 8_000 - found.base,
            "year": 3_000.0,
            "mileage": 2_000.0,
            "trim": 700.25,
            "exterior_color": -90.5,
        }
    )
    assert list(amounts(found))[1:] == ["year", "mileage", "trim", "exterior_color"]
    told = {each.fields[0]: (each.value, each.typical) for each in found.contributions[1:]}
    assert told["mileage"] == (20_000.0, 60_000.0)
    assert told["exterior_color"] == ("Red", None)
    assert found.exact


@pytest.mark.parametrize("exact", [7, 0], ids=["exact", "sampled"])
def test_they_add_up_to_the_cent(
    known: Comparables, monkeypatch: pytest.MonkeyPatch, exact: int
) -> None:
    monkeypatch.setattr(module, "EXACT", exact)
    for year in range(2015, 2024):
        for trim in ("", "LX", "Sport"):
            found = of(known, crossed, CAR | {"year": float(year), "trim": trim})
            total = math.fsum([found.base, *(each.amount for each in found.contributions)])
            assert round(total, 2) == found.price
            assert found.exact == bool(exact)


def test_sampled_ones_are_near_the_exact_ones_and_repeat(
    known: Comparables, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = of(known, crossed, CAR)
    monkeypatch.setattr(module, "EXACT", 0)
    sampled = of(known, crossed, CAR)
    assert sampled == of(known, crossed, CAR)
    moved = abs(exact.price - exact.base)
    for name, amount in amounts(exact).items():
        assert abs(amounts(sampled)[name] - amount) < 0.03 * moved


def test_shapley_shares_what_two_fields_gain_together(known: Comparables) -> None:
    def both(cars: Any) -> Any:
        return 5_000 + 900.0 * ((cars["trim"] == "Sport") & (cars["exterior_color"] == "Red"))

    found = amounts(of(known, both, CAR))
    assert (found["trim"], found["exterior_color"]) == (450.0, 450.0)
    assert found["year"] == found["mileage"] == 0.0


def test_the_typical_car_is_as_new_as_the_one_explained(known: Comparables) -> None:
    used = typical_car(known, columns(CAR))
    new = typical_car(known, columns(CAR | {"stock_type": "New"}))
    assert used is not None
    assert new is not None
    assert (used["year"][0], used["mileage"][0], used["trim"][0]) == (2018.0, 60_000.0, "LX")
    assert (new["year"][0], new["mileage"][0], new["stock_type"][0]) == (2024.0, 5.0, "New")
    assert np.isnan(used["msrp"][0])
    assert used["exterior_color"][0] == ""


def test_a_typical_car_is_explained_by_its_model_alone(known: Comparables) -> None:
    found = of(known, additive, TYPICAL)
    assert list(amounts(found)) == ["make+model"]
    assert found.base + found.contributions[0].amount == pytest.approx(found.price)


def test_no_explanation(known: Comparables) -> None:
    assert explain(known, additive, columns(CAR | {"model": "Nova"}), 0, 1.0) is None
    assert explain(known, lambda cars: np.full(len(cars["year"]), np.nan), columns(CAR), 0, 1.0) is None  # fmt: skip  # noqa: E501


def test_many_fields_cost_few_prices(known: Comparables) -> None:
    asked: list[int] = []

    def counting(cars: Any) -> Any:
        asked.append(len(cars["year"]))
        return crossed(cars)

    more = {"msrp": 30_000.0, "cat": "sedan", "interior_color": "Sand", "vin": "X", "dealer": "D"}
    found = of(known, counting, CAR | more | {"fuel_type": "Electric", "bodystyle": "SUV"})
    assert not found.exact
    assert len(found.contributions) == 12
    assert max(asked) <= 256
