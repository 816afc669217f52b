"""Cars of a request become columns, each with its own errors and warnings."""

from __future__ import annotations

import math
import time
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carprice_assets.listings import intake
from carprice_assets.listings.contract import FEATURE_FIELDS, days
from carprice_assets.listings.intake import Intake, read_cars
from carprice_assets.listings.usual_cars import usual_car

AS_OF = days(date(2024, 4, 15))
CAR: dict[str, Any] = {
    "msrp": 50_185,
    "year": 2024,
    "model": "Hornet",
    "interior_color": "Black",
    "drivetrain": "All-wheel Drive",
    "mileage": 16,
    "make": "Dodge",
    "bodystyle": "SUV",
    "cat": "hybrid_suv",
    "fuel_type": "Hybrid",
    "stock_type": "New",
    "exterior_color": "Blue Steel",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3)
    ),
    max_leaves=6,
)


def read(*cars: Any, distance: str = "mi", currency: str = "USD") -> Intake:
    return read_cars(cars, as_of=AS_OF, distance=distance, currency=currency)


def codes(intake: Intake, row: int = 0) -> set[tuple[str, str]]:
    return {(note.code, note.field) for note in (*intake.errors[row], *intake.warnings[row])}


def test_a_good_car_has_every_feature_and_no_notes() -> None:
    intake = read(CAR)
    assert list(intake.columns) == [field.name for field in FEATURE_FIELDS]
    assert {name: values[0] for name, values in intake.columns.items()} == {
        **CAR, "trim": "", "vin": "", "dealer": "", "observed_at": AS_OF,
    }  # fmt: skip
    assert intake.rows.tolist() == [0]
    assert (intake.errors, intake.warnings) == ([()], [()])


def test_a_vin_is_read_or_left_out() -> None:
    vin = "9ZZAB1020MZ000004"  # invented, with the check digit that it must have
    for text in (vin, f" {vin.lower()[:8]} {vin[8:]}"):
        intake = read(CAR | {"vin": text})
        assert (intake.columns["vin"].tolist(), codes(intake)) == ([vin], set())
    wrong = read(CAR | {"vin": vin[:-1] + "5"})
    assert (wrong.columns["vin"].tolist(), codes(wrong)) == ([""], {("unknown_word", "vin")})
    assert "is no VIN" in wrong.warnings[0][0].message


def test_no_cars_give_empty_columns_of_the_right_types() -> None:
    intake = read()
    kinds = {f.name: "O" if f.kind in ("text", "category") else "f" for f in FEATURE_FIELDS}
    assert {name: values.dtype.kind for name, values in intake.columns.items()} == kinds
    assert all(len(values) == 0 for values in intake.columns.values())


def test_one_bad_car_spoils_no_other() -> None:
    intake = read(CAR, {"make": "Ford"}, "car", CAR | {"year": 2020})
    assert intake.rows.tolist() == [0, 3]
    assert intake.columns["year"].tolist() == [2024, 2020]
    assert codes(intake, 1) == {("missing", "model"), ("missing", "year")}
    assert codes(intake, 2) == {("wrong_type", "car")}
    assert len(intake.errors) == len(intake.warnings) == 4


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("make", None, "missing"),
        ("make", "", "missing"),
        ("make", "–", "missing"),
        ("make", 5, "wrong_type"),
        ("model", None, "missing"),
        ("model", ["Hornet"], "wrong_type"),
        ("model", True, "wrong_type"),
        ("year", None, "missing"),
        ("year", " ", "missing"),
        ("year", "last", "wrong_type"),
        ("year", 2020.5, "wrong_type"),
        ("year", True, "wrong_type"),
        ("year", 1899, "out_of_range"),
        ("year", 2027, "out_of_range"),
        ("year", 3000, "out_of_range"),
        ("mileage", -50_000, "out_of_range"),
        ("mileage", 1_000_001, "out_of_range"),
        ("mileage", {}, "wrong_type"),
        ("mileage", "many", "wrong_type"),
        ("mileage", math.nan, "wrong_type"),
        ("mileage", math.inf, "wrong_type"),
        ("mileage", 10**400, "wrong_type"),
        ("msrp", -1, "out_of_range"),
        ("msrp", 1e8, "out_of_range"),
        ("msrp", [], "wrong_type"),
        ("msrp", "€30,000", "wrong_type"),
        ("drivetrain", 4, "wrong_type"),
        ("exterior_color", {"name": "Red"}, "wrong_type"),
        ("stock_type", False, "wrong_type"),
        ("trim", [1], "wrong_type"),
        ("vin", 1, "wrong_type"),
        ("drivetrain", "Quantum drive", "unknown_word"),
        ("fuel_type", "Coal", "unknown_word"),
        ("bodystyle", "Hovercraft", "unknown_word"),
        ("stock_type", "Borrowed", "unknown_word"),
        ("vin", "123", "unknown_word"),
        ("sunroof", True, "unknown_field"),
    ],
)
def test_notes_name_the_field(field: str, value: Any, code: str) -> None:
    intake = read(CAR | {field: value})
    assert codes(intake) == {(code, field)}
    accepted = code in ("unknown_word", "unknown_field")
    assert intake.rows.tolist() == ([0] if accepted else [])


def test_years_up_to_two_ahead_are_allowed() -> None:
    assert read(CAR | {"year": 2026}).errors == [()]
    assert read(CAR | {"year": 1900}).errors == [()]


def test_texts_are_read_as_numbers_and_units() -> None:
    car = CAR | {"year": "2020", "mileage": "30,384 mi.", "msrp": "$24,000"}
    columns = read(car).columns
    assert [columns[name][0] for name in ("year", "mileage", "msrp")] == [2020, 30_384, 24_000]
    assert read(CAR | {"mileage": "100 km"}).columns["mileage"][0] == pytest.approx(
        62.137, abs=0.01
    )
    assert read(CAR | {"mileage": "100 km"}, distance="km").columns["mileage"][0] == 100
    assert read(CAR | {"msrp": "€5,000"}, currency="EUR").columns["msrp"][0] == 5_000


@pytest.mark.parametrize("missing", [None, "", "Unknown", 0])
def test_a_missing_msrp_is_no_error(missing: Any) -> None:
    intake = read(CAR | {"msrp": missing})
    assert math.isnan(intake.columns["msrp"][0])
    assert codes(intake) == set()


def test_optional_fields_may_be_absent_or_null() -> None:
    least = {"make": "Dodge", "model": "Hornet", "year": 2024}
    absent, null = read(least), read(least | dict.fromkeys(set(CAR) - set(least)))
    assert codes(absent) == codes(null) == set()
    for name, values in absent.columns.items():
        np.testing.assert_array_equal(values, null.columns[name])


def test_spelling_changes_nothing() -> None:
    other = CAR | {
        "make": " DODGE", "model": "hornet", "drivetrain": "awd", "fuel_type": "HYBRID",
        "bodystyle": "Sport Utility", "stock_type": "new", "cat": "Hybrid_SUV", "mileage": "16 mi",
    }  # fmt: skip
    intake = read(CAR, other)
    for name, values in intake.columns.items():
        assert values[0] == values[1], name


def test_run_together_models_are_split() -> None:
    cars = (
        CAR | {"model": "Hornet R/T Plus"},
        CAR | {"make": "BMW", "model": "330i", "trim": "xDrive"},
        CAR | {"make": "BMW", "model": 330},
        CAR | {"make": "Porsche", "model": 911.0},
    )
    columns = read(*cars).columns
    assert columns["model"].tolist() == ["Hornet", "330", "330", "911"]
    assert columns["trim"].tolist() == ["R/T Plus", "i xDrive", "", ""]


def test_notes_stay_short_whatever_comes() -> None:
    noise = {f"x{i:05d}" * 20: i for i in range(1_000)}
    intake = read(CAR | noise | {"drivetrain": "z" * 1_000_000})
    assert len(intake.warnings[0]) == 12
    assert max(len(note.message) for note in intake.warnings[0]) < 150


@given(st.lists(JSON, max_size=3))
def test_anything_gives_one_answer_a_car(cars: list[Any]) -> None:
    intake = read(*cars)
    assert len(intake.errors) == len(intake.warnings) == len(cars)
    assert intake.rows.tolist() == [i for i, notes in enumerate(intake.errors) if not notes]


@given(st.dictionaries(st.sampled_from(sorted(CAR)), JSON))
def test_accepted_cars_are_whole(changes: dict[str, Any]) -> None:
    intake = read(CAR | changes)
    if not intake.errors[0]:
        assert all(len(values) == 1 for values in intake.columns.values())
        assert not np.isinf(intake.columns["mileage"][0])
        assert intake.columns["make"][0]
        assert intake.columns["model"][0]


def test_ten_thousand_cars_are_read_quickly() -> None:
    cars = [CAR | {"mileage": mileage} for mileage in range(10_000)]
    best = math.inf
    for _ in range(3):
        start = time.process_time()
        read(*cars)
        best = min(best, time.process_time() - start)
    assert best < 2.0  # 0.1 s as measured: only a change of order fails


ODD: tuple[Any, ...] = (
    *(None, "", " ", "-", "N/A", "unknown", True, False, [], {}, 0, -0.0, -1, 1, 2.5, 1e300),
    *(float("nan"), float("inf"), 10**40, "30,384 mi.", "€30,000", "x" * 400, "vw", "Ford "),
    *(
        "AWD",
        "awd",
        "330",
        330,
        "1FTFW1E50MFA00000",
        "2021",
        "007",
        2021,
        2021.0,
        2021.5,
        1899,
        2099,
    ),
)
"""What a field may hold beside what it should."""


@st.composite
def changed_cars(draw: st.DrawFn) -> dict[str, Any]:
    """The usual car with some fields changed, left out or of no name."""
    car = dict(CAR)
    names = [*CAR, "trim", "vin", "dealer", "price", "observed_at"]
    for name in draw(st.lists(st.sampled_from(names), max_size=4)):
        if draw(st.booleans()):
            car[name] = draw(st.sampled_from(ODD))
        else:
            car.pop(name, None)
    return car


@given(st.lists(changed_cars() | JSON, min_size=1, max_size=5), st.sampled_from(["mi", "km"]))
def test_the_short_way_reads_as_the_long_one(cars: list[Any], distance: str) -> None:
    short = read(*cars, distance=distance)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "usual_car", lambda *_: None)
        long = read(*cars, distance=distance)
    assert (short.errors, short.warnings) == (long.errors, long.warnings)
    assert short.rows.tolist() == long.rows.tolist()
    for name, values in long.columns.items():
        assert short.columns[name].dtype == values.dtype
        # By what is written: NaN is no NaN's equal.
        assert repr(short.columns[name].tolist()) == repr(values.tolist())


def test_a_usual_car_goes_the_short_way() -> None:
    """Else the test above compares the long way with itself."""
    last_year = 2026
    assert usual_car(CAR, AS_OF, last_year) is not None
    assert usual_car({**CAR, "vin": "1HGCM82633A004352"}, AS_OF, last_year) is not None
    assert usual_car({**CAR, "year": "2024", "mileage": "16"}, AS_OF, last_year) is not None
    for odd in ({"year": "'24"}, {"drivetrain": "wheels"}, {"colour": "red"}, {"year": 2027}):
        assert usual_car({**CAR, **odd}, AS_OF, last_year) is None


def test_a_misspelt_field_is_told_with_what_may_be_meant() -> None:
    [notes] = read({**CAR, "milage": 3, "Trim": "GT", "zzz": 1}).warnings
    told = {note.field: note.message.partition("; ")[2] for note in notes}
    assert told == {
        "milage": "did you mean mileage?",
        "Trim": "did you mean trim?",
        "zzz": "",
    }
