"""What is filled in, and from what."""

from __future__ import annotations

import numpy as np
import pytest
from invented_cars import DAY, invented

from carprice_assets.features import imputer as module
from carprice_assets.features.imputer import NUMBERS, Imputer
from carprice_assets.listings.contract import take, text_array

AT = {name: i for i, name in enumerate(NUMBERS)}


@pytest.fixture(scope="module")
def imputer() -> Imputer:
    columns, price = invented(3000, seed=2)
    imputer = Imputer()
    imputer.fit(columns, price)
    return imputer


def car(**changes):
    values = {
        **{"year": 2022.0, "mileage": 30_000.0, "msrp": np.nan, "observed_at": DAY},
        **{"make": "Astra", "model": "Comet", "trim": "Base", "stock_type": "Used"},
    } | changes
    return {
        name: text_array([value]) if isinstance(value, str) else np.array([value])
        for name, value in values.items()
    }


def value(imputer: Imputer, name: str, **changes) -> float:
    return float(imputer.transform(car(**changes))[0, AT[name]])


def test_a_new_car_without_mileage_has_none(imputer):
    assert value(imputer, "mileage", stock_type="New", mileage=np.nan) == 0
    assert value(imputer, "mileage_missing", stock_type="New", mileage=np.nan) == 1


def test_a_used_car_without_mileage_has_the_usual_one_of_its_age(imputer):
    young = value(imputer, "mileage", mileage=np.nan, year=2022.0)
    old = value(imputer, "mileage", mileage=np.nan, year=2012.0)
    assert 4_000 < young < 60_000
    assert old > 2 * young
    assert value(imputer, "mileage", mileage=-5.0, year=2022.0) == young
    assert value(imputer, "mileage") == 30_000


@pytest.mark.parametrize("msrp", [np.nan, 0.0, 1.0, -3.0, np.inf, 1e300])
def test_msrp_is_taken_from_the_same_title(imputer, msrp):
    comet = value(imputer, "msrp", msrp=msrp)
    assert comet == pytest.approx(21_000 * 1.05, rel=0.1)
    assert value(imputer, "msrp", msrp=msrp, make="Cygnus", model="Swan", trim="450") > 3 * comet
    assert value(imputer, "msrp_missing", msrp=msrp) == 1
    assert value(imputer, "msrp", msrp=23_456.0) == 23_456
    assert value(imputer, "msrp_missing", msrp=23_456.0) == 0


def test_imputed_msrp_is_far_better_than_the_median():
    columns, price = invented(4000, seed=9)
    train, other = np.arange(3000), np.arange(3000, 4000)
    imputer = Imputer()
    imputer.fit(take(columns, train), price[train])
    rest = take(columns, other)
    known = np.flatnonzero(~np.isnan(rest["msrp"]))
    truth = rest["msrp"][known]
    hidden = take(rest, known) | {"msrp": np.full(len(known), np.nan)}
    error = imputer.transform(hidden)[:, AT["msrp"]] - truth
    median = np.nanmedian(columns["msrp"][train]) - truth
    assert np.sqrt(np.mean(error**2)) < 0.25 * np.sqrt(np.mean(median**2))


def test_age_follows_the_day_and_the_last_day_stands_in(imputer):
    year_later = value(imputer, "age", observed_at=DAY + 365.25)
    assert year_later - value(imputer, "age", observed_at=DAY) == pytest.approx(1, abs=1e-5)
    assert value(imputer, "age", year=2031.0) == 0.5
    assert value(imputer, "observed_at", observed_at=np.nan) == imputer.last_observed


def test_a_price_of_another_order_does_not_spoil_the_group():
    columns, price = invented(400)
    imputer = Imputer()
    columns["msrp"][:] = np.nan
    rows = np.flatnonzero(columns["model"] == "Comet")
    columns["msrp"][rows] = price[rows]
    columns["msrp"][rows[:20]] = 9_999_999.0
    imputer.fit(columns, price)
    assert value(imputer, "msrp", year=2015.0) < 60_000


def test_notes_tell_what_was_imputed(imputer):
    notes = list(imputer.notes(car(mileage=np.nan)))
    assert [(row, note.code, note.field) for row, note in notes] == [(0, "imputed", "mileage")]
    notes = list(imputer.notes(car(stock_type="New", mileage=np.nan)))
    assert [(note.code, note.field) for _, note in notes] == [("imputed", "msrp")]
    assert not list(imputer.notes(car()))


def test_a_few_rows_have_the_bits_of_many(imputer, monkeypatch):
    odd = [np.nan, np.inf, -np.inf, -1.0, 0.0, 0.5, 1e9]
    columns, _ = invented(500, seed=8)
    for place, name in enumerate(("year", "mileage", "msrp", "observed_at")):
        columns[name][place * 20 : place * 20 + len(odd)] = odd
    many = imputer.transform(columns)
    assert np.isnan(columns["mileage"]).any()
    for count in (1, 5, module.FEW):
        parts = [np.arange(at, at + count) for at in range(0, 400, 8)]
        few = [imputer.transform(take(columns, rows)) for rows in parts]
        whole = [many[rows] for rows in parts]
        assert np.concatenate(few).tobytes() == np.concatenate(whole).tobytes()
