"""One spelling for one thing, whatever the text."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from carprice_assets.listings import normalise
from carprice_assets.listings.contract import BODYSTYLES, DRIVETRAINS, FUEL_TYPES, STOCK_TYPES
from carprice_assets.listings.vocabulary import key, load

TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=string.printable + "&;#Âéßŉİΐ\u037e\xa0–", max_size=40),
    st.sampled_from(("&amp;amp;nbsp;", "BANKSÂ\xa0", "&nGt\u037e", "  a\tb ", "AWD", "- C 300")),
)
Clean = Callable[[str], str]
GROUPS = {
    normalise.drivetrain: DRIVETRAINS,
    normalise.fuel_type: FUEL_TYPES,
    normalise.bodystyle: BODYSTYLES,
    normalise.stock_type: STOCK_TYPES,
}
UNARY = (
    *(normalise.tidy, normalise.make, normalise.trim, normalise.color, normalise.category),
    *(normalise.vin, *GROUPS),
)
MODELS = [(name, model) for name in normalise.KNOWN_MAKES for model in normalise.known_models(name)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("VW", "Volkswagen"),
        ("chevy", "Chevrolet"),
        ("  MERCEDES benz ", "Mercedes-Benz"),
        ("Mercedes", "Mercedes-Benz"),
        ("rolls royce", "Rolls-Royce"),
        ("land-rover", "Land Rover"),
        ("Range Rover", "Land Rover"),
        ("Alfa", "Alfa Romeo"),
        ("ram", "RAM"),
        ("infiniti", "INFINITI"),
        ("Citroen", "Citroën"),
        ("some  NEW maker", "Some New Maker"),
        ("Unknown", ""),
        ("", ""),
    ],
)
def test_makes(text: str, name: str) -> None:
    assert normalise.make(text) == name


@pytest.mark.parametrize(
    ("make", "text", "name"),
    [
        ("Ford", "f150", "F-150"),
        ("ford", "Ford F 150 lightning", "F-150 Lightning"),
        ("Honda", "crv hybrid", "CR-V Hybrid"),
        ("Chrysler", "Town &amp; Country", "Town & Country"),
        ("Mazda", "CX-5", "CX-5"),
        ("Mazda", "3", "Mazda3"),
        ("BMW", "330i", "330"),
        ("BMW", "330e", "330e"),
        ("Mercedes-Benz", "C 300", "C-Class"),
        ("Mercedes-Benz", "GLE350", "GLE 350"),
        ("Lexus", "rx450h+", "RX 450h+"),
        ("Land Rover", "Rover Discovery Sport", "Discovery Sport"),
        ("Ford", "  Zephyr   Nine ", "Zephyr Nine"),
        ("Nobody", "one  two", "one two"),
    ],
)
def test_models(make: str, text: str, name: str) -> None:
    assert normalise.model(make, text) == name


@pytest.mark.parametrize(
    ("clean", "words"),
    [
        (
            normalise.drivetrain,
            {
                "All-wheel Drive": ("AWD", "all wheel drive", "quattro AWD", "xDrive", "4MATIC",
                                    "https://schema.org/AllWheelDriveConfiguration"),
                "Four-wheel Drive": ("4x4", "4WD", "4-Wheel Drive", "Four Wheel Drive", "4 x 4",
                                     "FourWheelDriveConfiguration"),
                "Front-wheel Drive": ("FWD", "Front Wheel Drive", "front-wheel drive",
                                      "http://schema.org/FrontWheelDriveConfiguration"),
                "Rear-wheel Drive": ("RWD", "Rear-Wheel Drive",
                                     "schema:RearWheelDriveConfiguration"),
                "": ("2WD", "–", "Unknown", "Quantum drive", "", "n/a"),
            },
        ),
        (
            normalise.fuel_type,
            {
                "Gasoline": ("Gas", "Gasoline Fuel", "Petrol", "Premium Unleaded"),
                "Flexible Fuel": ("E85 Flex Fuel", "Flexible Fuel", "Flex Fuel Vehicle"),
                "Plug-in Hybrid": ("Plug-in Gas/Elec", "Electric with Ga", "Electric with Gas",
                                   "Plug-In Hybrid", "PHEV"),
                "Hybrid": ("Gasoline/Mild Electric Hybrid", "Gas/Electric", "hybrid", "Mild Hybrid",
                           "Diesel Hybrid"),
                "Diesel": ("Bio Diesel", "Turbo Diesel", "diesel"),
                "Electric": ("Electric Fuel System", "EV", "electric"),
                "": ("Hydrogen Fuel Cell", "Compressed Natural Gas", "–", "Coal"),
            },
        ),
        (
            normalise.bodystyle,
            {
                "SUV": ("Sport Utility", "suv", "Crossover"),
                "Pickup Truck": ("Truck", "Crew Cab Pickup", "pickup"),
                "Minivan": ("Mini-van",),
                "Cargo Van": ("cargo van",),
                "Passenger Van": ("Passenger Van",),
                "Convertible": ("Cabriolet", "Roadster"),
                "Wagon": ("Station Wagon",),
                "": ("Van", "Hovercraft", "-"),
            },
        ),
        (
            normalise.stock_type,
            {
                "New": ("new", "Brand New", "NewCondition", "https://schema.org/NewCondition",
                        "http://schema.org/NewCondition", "schema:NewCondition"),
                "Used": ("USED", "Pre-Owned", "Not certified", "UsedCondition",
                         "http://schema.org/UsedCondition"),
                "Certified": ("Ford Certified", "CPO", "Certified Pre-Owned", "certified used"),
                "": ("like new", "old", ""),
            },
        ),
    ],
)  # fmt: skip
def test_groups(clean: Clean, words: dict[str, tuple[str, ...]]) -> None:
    for value, spellings in words.items():
        assert {spelling: clean(spelling) for spelling in spellings} == dict.fromkeys(
            spellings, value
        )


def test_the_contracts_own_words_are_kept() -> None:
    for clean, values in GROUPS.items():
        assert tuple(clean(value) for value in values) == values


def test_words_of_colours_stay_whole() -> None:
    assert (
        normalise.color("  Snow  White w/ Yellow &#39;Glow&#39;") == "Snow White w/ Yellow 'Glow'"
    )
    assert normalise.color("Black/Medium Dark Slate") == "Black/Medium Dark Slate"
    assert normalise.color("–") == ""


def test_categories_are_lower_case_words() -> None:
    assert normalise.category(" SUV_Midsize ") == "suv_midsize"
    assert normalise.category("EV Sedan") == "ev_sedan"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("$24,000", 24_000),
        ("24000.0", 24_000),
        ("1.2e4", 12_000),
        ("30,384 mi.", 30_384),
        ("MSRP $38,635", 38_635),
        ("24.5k", 24_500),
        ("10 km", 10),
        ("12 000 €", 12_000),
        ("USD 5", 5),
        ("-50,000", -50_000),
        ("-$5", -5),
        ("\u2212 3", -3),
        (7, 7),
        (7.5, 7.5),
    ],
)
def test_numbers(value: str | float, number: float) -> None:
    assert normalise.number(value) == number


@pytest.mark.parametrize(
    "value",
    [
        *("", "Not Priced", "–", "F-150", "12,34", "1e999", "nan", "inf", "1 2"),
        *(None, True, math.inf, math.nan, 10**400),
    ],
)
def test_what_holds_no_number(value: str | float | None) -> None:
    assert math.isnan(normalise.number(value))


def test_mileage_states_its_unit() -> None:
    assert normalise.mileage("100 km", "mi") == pytest.approx(62.1371, abs=1e-3)
    assert normalise.mileage("100 miles", "km") == pytest.approx(160.9344)
    assert normalise.mileage("100 mi.", "mi") == 100
    assert normalise.mileage("100", "km") == 100
    assert normalise.mileage(100, "mi") == 100
    assert normalise.mileage("10k", "mi") == 10_000


def test_currency_is_read_where_stated() -> None:
    assert [normalise.currency(text) for text in ("€5", "5 cad", "US$ 5", "$5", "5")] == [
        "EUR", "CAD", "USD", "", "",
    ]  # fmt: skip


def test_vins_are_checked_by_their_digit() -> None:
    valid = "1M8GDM9AXKP042788"  # the worked example of the standard
    assert normalise.vin(" 1m8gdm9axkp042788") == valid
    assert normalise.vin(valid.replace("AX", "A1")) == ""
    assert normalise.vin(valid[:-1]) == ""
    assert normalise.vin(valid.replace("D", "O")) == ""


def test_suggestions_come_nearest_first() -> None:
    assert normalise.suggest("Toyta", normalise.KNOWN_MAKES)[0] == "Toyota"
    assert normalise.suggest("camery", normalise.known_models("toyota"))[0] == "Camry"
    assert normalise.suggest("", normalise.KNOWN_MAKES) == ()
    assert normalise.suggest("Toyota", normalise.KNOWN_MAKES, count=0) == ()


def test_the_vocabulary_is_wide_and_without_doubles() -> None:
    makes = load().makes.values()
    assert len(makes) >= 75
    assert sum(len(make.models) for make in makes) >= 1_200
    for make in makes:
        assert len({key(model) for model in make.models}) == len(make.models), make.name
        assert set(make.lettered.values()) <= set(make.models), make.name
        assert {entry.model for entry in make.entries.values()} <= set(make.models), make.name


@pytest.mark.parametrize("change", [str.upper, str.lower, lambda text: f" {text}\t"])
def test_case_and_spaces_change_no_known_name(change: Clean) -> None:
    for make, model in MODELS:
        assert (normalise.make(change(make)), normalise.model(make, change(model))) == (make, model)


@given(TEXTS)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    for clean in UNARY:
        once = clean(text)
        assert clean(once) == once, clean.__name__


@given(st.sampled_from([*normalise.KNOWN_MAKES, "Nobody", ""]), TEXTS)
def test_models_cleaned_twice_are_the_same(make: str, text: str) -> None:
    once = normalise.model(make, text)
    assert normalise.model(make, once) == once


@given(TEXTS)
def test_groups_give_their_words_or_nothing(text: str) -> None:
    for clean, values in GROUPS.items():
        assert clean(text) in (*values, "")


@example("&NOT")
@example("a&nbsp;b")
@example("&Auml;")
@given(st.text(alphabet=string.ascii_letters + string.digits + " -&/", max_size=30))
def test_case_and_outer_spaces_change_nothing(text: str) -> None:
    for clean in (normalise.make, normalise.category, *GROUPS):
        assert clean(text.upper()) == clean(f"  {text.lower()} "), clean.__name__


@given(st.one_of(TEXTS, st.floats(), st.integers(), st.none(), st.booleans()))
def test_numbers_never_raise(value: str | float | None) -> None:
    for found in (normalise.number(value), normalise.mileage(value, "mi")):
        assert not math.isinf(found)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_what_python_writes(value: float) -> None:
    text = str(value)
    assume(not re.fullmatch(r"-?[1-9]\d{0,2}\.\d{3}", text))  # reads as thousands
    assert normalise.number(text) == value


def test_long_texts_are_cut() -> None:
    assert len(normalise.color("x" * 100_000)) == normalise.LONGEST
    assert normalise.make("&amp;" * 100_000) != ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30.000 km", 30_000),
        ("30.000", 30_000),
        ("23.900 €", 23_900),
        ("23.900,50", 23_900.5),
        ("1.234.567", 1_234_567),
        ("24000.000", 24_000),
        ("0.123", 0.123),
        ("12.34", 12.34),
        ("24.5k", 24_500),
    ],
)
def test_dots_before_three_digits_group_thousands(text: str, value: float) -> None:
    assert normalise.number(text) == pytest.approx(value)
