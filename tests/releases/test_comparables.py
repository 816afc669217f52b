"""Comparables: what is kept of the listings learned from, which are nearest, what is suggested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.listings.contract import FEATURE_FIELDS, from_days, take, text_array
from carprice_assets.releases import comparables as module
from carprice_assets.releases.comparables import FOLDER, HEAD, Comparables, anonymous
from carprice_assets.releases.manifest import Manifest
from carprice_assets.releases.nearest import Suggestion, nearest, suggestions

DAY = 19_800.0
VIN = "1M8GDM9AXKP042788"


def cars(*given: dict[str, Any]) -> dict[str, Any]:
    """Columns of a dataset's side: what ``given`` says, a plain Used car else."""
    plain: dict[str, Any] = {
        "make": "Astra", "model": "Comet", "trim": "LX", "stock_type": "Used",
        "drivetrain": "Front-wheel Drive", "fuel_type": "Gasoline", "bodystyle": "Sedan",
        "year": 2020.0, "mileage": 40_000.0, "price": 20_000.0, "observed_at": DAY,
    }  # fmt: skip
    rows = [plain | {"vehicle": f"v{n}", "vin": "", "dealer": ""} | car
            for n, car in enumerate(given)]  # fmt: skip
    numbers = ("year", "mileage", "price", "observed_at")
    names = {*rows[0], *(f.name for f in FEATURE_FIELDS)}
    missing = {f.name: np.nan if f.kind == "number" else "" for f in FEATURE_FIELDS}
    values = {name: [row.get(name, missing.get(name)) for row in rows] for name in sorted(names)}
    return {
        name: np.array(column, float) if name in (*numbers, "msrp") else text_array(column)
        for name, column in values.items()
    }


def known(*given: dict[str, Any]) -> Comparables:
    return Comparables.of({"train": cars(*given)})


def prices(found: Any) -> list[float]:
    return [each.price for each in found]


def near(stock: Comparables, count: int = 10, **car: Any) -> Any:
    return nearest(stock, cars(car), 0, unit="mi", count=count)


def test_each_counts_in_the_distance() -> None:
    others: list[dict[str, Any]] = [
        {},
        {"year": 2022.0},
        {"mileage": 52_000.0},
        {"trim": "Sport"},
        {"trim": "LX Sport"},
        {"stock_type": "New"},
        {"stock_type": "Certified"},
        {"fuel_type": "Electric"},
        {"drivetrain": "All-wheel Drive"},
        {"bodystyle": "Wagon"},
        {"observed_at": DAY - 365.25},
        {"mileage": np.nan},
        {"drivetrain": "", "fuel_type": "", "bodystyle": "", "stock_type": ""},
    ]
    expected = [0.0, 2.0, 1.0, 1.0, 0.5, 1.0, 0.25, 1.0, 0.5, 0.5, 1.0, 0.5, 0.0]
    stock = known(*({"price": 1_000.0 + n} | other for n, other in enumerate(others)))
    found = {each.price - 1_000.0: each.distance for each in near(stock, count=20)}
    assert [found[n] for n in range(len(others))] == pytest.approx(expected, abs=3e-3)
    assert list(found.values()) == sorted(found.values())


def test_kilometres_are_counted_as_such() -> None:
    stock = known({"mileage": 60_000.0})
    [found] = nearest(stock, cars({"mileage": 40_000.0}), 0, unit="km", count=1)
    assert found.distance == pytest.approx(1.0)


def test_what_the_car_does_not_say_makes_no_distance() -> None:
    stock = known({}, {"trim": "Sport", "fuel_type": "Electric", "mileage": 90_000.0})
    asked = {"trim": "", "fuel_type": "", "mileage": np.nan, "stock_type": ""}
    assert [each.distance for each in near(stock, **asked)] == [0.0, 0.0]


def test_a_new_car_has_not_been_driven() -> None:
    stock = known(
        {"stock_type": "New", "mileage": np.nan, "price": 1.0},
        {"stock_type": "New", "mileage": 12_000.0, "price": 2.0},
    )
    found = near(stock, stock_type="New", mileage=np.nan)
    assert [(each.price, each.distance) for each in found] == [(1.0, 0.0), (2.0, 1.0)]


def test_another_model_is_no_comparable() -> None:
    stock = known({}, {"model": "Meteor"}, {"make": "Borealis"})
    assert [(each.make, each.model) for each in near(stock)] == [("Astra", "Comet")]
    assert near(stock, make="ASTRA", model=" comet ") == near(stock)
    assert near(stock, model="Nova") == ()
    assert near(stock, count=0) == ()


def test_a_vehicle_stands_once_as_it_was_last_seen() -> None:
    stock = known(
        {"vehicle": "a", "price": 9.0, "observed_at": DAY - 9},
        {"vehicle": "a", "price": 7.0},
        {"vehicle": "b", "price": 8.0},
    )
    assert sorted(prices(near(stock))) == [7.0, 8.0]


def test_equally_near_ones_come_latest_first() -> None:
    stock = known(
        {"price": 1.0, "year": 2019.0, "observed_at": DAY},
        {"price": 2.0, "year": 2020.0, "observed_at": DAY - 365.25},
    )
    assert prices(near(stock)) == [1.0, 2.0]
    assert near(stock)[1].observed_at == from_days(DAY - 365.25)


def test_only_the_latest_of_a_model_and_year_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    days = [{"price": 1.0 + n, "observed_at": DAY - n} for n in range(5)]
    stock = known(*days, {"year": 2021.0, "price": 50.0}, {"model": "Meteor", "price": 60.0})
    assert sorted(stock.columns["price"]) == [1.0, 2.0, 50.0, 60.0]


def test_rows_without_what_a_comparable_needs_are_left_out() -> None:
    stock = known({}, {"price": np.nan}, {"price": 0.0}, {"year": np.nan}, {"model": ""})
    assert len(stock) == 1
    empty = Comparables.of({"train": take(cars({}), np.array([], np.intp))})
    assert (len(empty), near(empty), np.isnan(empty.median_price)) == (0, (), True)


def test_nothing_of_a_seller_or_offer_is_kept(tmp_path: Path) -> None:
    words = {"dealer": "Zebulon Motors", "vin": VIN, "vehicle": "listing-77", "source": "cards-9"}
    trim = f"Touring {VIN} https://cars.example/77 www.cars.example sell@cars.example Plus"
    stock = known(words | {"trim": trim, "listing_id": "listing-77", "url": "https://cars.example"})
    stock.save(tmp_path)
    content = b"".join(path.read_bytes() for path in (tmp_path / FOLDER).iterdir())
    for word in (*words.values(), "cars.example", "77"):
        assert word.encode() not in content
    assert near(stock)[0].trim == "Touring Plus"
    assert len(anonymous("word " * 50)) <= 80


def test_saved_and_loaded_and_the_same_bytes(tmp_path: Path) -> None:
    given = [{"price": 1_000.0 + n, "model": f"M{n % 3}", "trim": "LX" * (n % 2)}
             for n in range(40)]  # fmt: skip
    names = [f"v{n}" for n in range(40)]
    given = [car | {"vehicle": name} for car, name in zip(given, names, strict=True)]
    manifests: list[Manifest] = []
    for place, order in enumerate((given, given[::-1])):
        folder = tmp_path / str(place)
        folder.mkdir()
        known(*order).save(folder)
        manifests.append(Manifest.of(folder))
    assert manifests[0] == manifests[1]
    loaded = Comparables.load(tmp_path / "0")
    assert loaded is not None
    assert near(loaded, model="M1") == near(known(*given), model="M1")
    assert Comparables.load(tmp_path) is None


@pytest.mark.parametrize(
    ("file", "values", "told"),
    [
        ("price.npy", np.zeros(1), "not <f8"),
        ("price.npy", np.zeros(3, "<f4"), "not <f8"),
        ("trim.npy", np.array([0, 0, 99], "<i4"), "has not"),
        ("model.npy", np.array([0, -1, 0], "<i4"), "has not"),
        ("model.npy", np.array([1, 0, 0], "<i4"), "not sorted"),
        ("year.npy", None, "missing"),
        (HEAD, b"{}", "format"),
        (HEAD, b'{"format": 2}', "newer"),
        (HEAD, b'{"format": 1}', "malformed"),
    ],
)
def test_damage_is_refused(tmp_path: Path, file: str, values: Any, told: str) -> None:
    known({}, {"vehicle": "b"}, {"model": "Meteor"}).save(tmp_path)
    path = tmp_path / FOLDER / file
    path.unlink()
    if isinstance(values, bytes):
        path.write_bytes(values)
    elif values is not None:
        np.save(path, values)
    with pytest.raises(UserError, match=told):
        Comparables.load(tmp_path)


def test_suggestions() -> None:
    stock = Comparables.of(
        {
            "train": cars({}, {"model": "Comet Estate"}, {"make": "Borealis", "model": "Aurora"}),
            "validation": cars({"model": "Cometa", "vehicle": "w"}),
        }
    )
    assert suggestions(stock, "Astar", "Comet") == (Suggestion("make", "Astar", ("Astra",)),)
    [model] = suggestions(stock, "astra", "Commet")
    # Nothing was learned of the validation side's own model, so it is no way to a price.
    assert (model.field, model.values) == ("model", ("Comet",))
    assert suggestions(stock, "Astra", "Aurora") == (Suggestion("make", "Astra", ("Borealis",)),)
    assert suggestions(stock, "Astra", "Comet") == ()
    assert suggestions(stock, "Qqqq", "Comet") == ()
