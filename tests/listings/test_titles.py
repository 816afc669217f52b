"""Run-together titles come apart into the same models whatever the source."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carprice_assets.listings import normalise
from carprice_assets.listings.titles import Title, model_and_trim, parse_title, split_model_trim

REAL_DATA = Path(
    os.environ.get(
        "CARPRICE_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"
    )
)  # fmt: skip
MODELS = [(name, model) for name in normalise.KNOWN_MAKES for model in normalise.known_models(name)]
WORDS = st.lists(
    st.one_of(
        st.sampled_from(("Ford", "BMW", "Land", "Rover", "C", "300", "3", "Series", "330i", "S")),
        st.sampled_from(("line", "Mercedes-Benz", "2020", "Used", "&amp;", "M", "Mazda", "–")),
        st.text(max_size=6),
    ),
    max_size=7,
).map(" ".join)


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        (
            "2023 Mazda CX-50 2.5 S Premium Plus Package",
            Title(2023, "Mazda", "CX-50", "2.5 S Premium Plus Package"),
        ),
        ("2022 Jeep Grand Cherokee L Summit", Title(2022, "Jeep", "Grand Cherokee L", "Summit")),
        ("2022 Jeep Grand Cherokee Laredo", Title(2022, "Jeep", "Grand Cherokee", "Laredo")),
        (
            "2021 Land Rover Range Rover Sport HSE",
            Title(2021, "Land Rover", "Range Rover Sport", "HSE"),
        ),
        ("2021 Range Rover Evoque S", Title(2021, "Land Rover", "Range Rover Evoque", "S")),
        ("Used 2022 Porsche 911 Turbo S", Title(2022, "Porsche", "911", "Turbo S")),
        ("Certified 2020 VW Jetta GLI", Title(2020, "Volkswagen", "Jetta GLI", "")),
        ("2019 BMW 330 i xDrive", Title(2019, "BMW", "330", "i xDrive")),
        ("2019 bmw 330i xDrive", Title(2019, "BMW", "330", "i xDrive")),
        ("2019 BMW 3 Series 330i", Title(2019, "BMW", "330", "i")),
        ("2019 BMW 3 Series M Sport", Title(2019, "BMW", "3 Series", "M Sport")),
        ("2019 BMW X3 M Competition", Title(2019, "BMW", "X3 M", "Competition")),
        ("2019 BMW X3 M40i", Title(2019, "BMW", "X3", "M40i")),
        (
            "2021 Mercedes-Benz C-Class C 300 4MATIC",
            Title(2021, "Mercedes-Benz", "C-Class", "C 300 4MATIC"),
        ),
        ("2018 Mercedes C300", Title(2018, "Mercedes-Benz", "C-Class", "C300")),
        ("2022 Mercedes-Benz GLE 350 Base", Title(2022, "Mercedes-Benz", "GLE 350", "Base")),
        ("2022 Audi TT S line", Title(2022, "Audi", "TT", "S line")),
        ("2023 Hyundai Elantra N Line", Title(2023, "Hyundai", "Elantra", "N Line")),
        ("2023 Hyundai Elantra N Base", Title(2023, "Hyundai", "Elantra N", "Base")),
        ("2020 Chevrolet Silverado 2500HD LT", Title(2020, "Chevrolet", "Silverado 2500", "HD LT")),
        (
            "2005 Chrysler Town &amp; Country LX",
            Title(2005, "Chrysler", "Town & Country", "LX"),
        ),
        ("Ford F150", Title(None, "Ford", "F-150", "")),
        ("2001 Foo Bar Baz", Title(2001, "Foo", "Bar", "Baz")),
        ("1927 Ford Model Z Roadster", Title(1927, "Ford", "Model Z", "Roadster")),
        ("2030 Lexus QX 900 Base", Title(2030, "Lexus", "QX 900", "Base")),
        ("2020", Title(2020, "", "", "")),
        ("", Title(None, "", "", "")),
    ],
)
def test_titles(title: str, parts: Title) -> None:
    assert parse_title(title) == parts


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        (("BMW", "330i", "xDrive"), ("330", "i xDrive")),
        (("BMW", "330i", "i xDrive"), ("330", "i xDrive")),
        (("Mercedes-Benz", "C 300", "4MATIC"), ("C-Class", "C 300 4MATIC")),
        (("Mercedes-Benz", "Sprinter", "2500 High Roof"), ("Sprinter 2500", "High Roof")),
        (("Ford", "F-150 XLT", ""), ("F-150", "XLT")),
        (("Ford", "Ford F-150", "XLT"), ("F-150", "XLT")),
        (("Ford", "Ninety Nine", "XLT"), ("Ninety Nine", "XLT")),
        (("Land", "Rover Range Rover Velar S", ""), ("Range Rover Velar", "S")),
    ],
)
def test_a_model_with_trim_words(given: tuple[str, str, str], settled: tuple[str, str]) -> None:
    assert model_and_trim(*given) == settled


def test_every_known_model_is_found_behind_its_make() -> None:
    for make, model in MODELS:
        assert parse_title(f"2020 {make} {model}") == Title(2020, make, model, "")
        assert split_model_trim(make.upper(), model.lower())[0] == model


@given(WORDS)
def test_titles_never_raise_and_lose_no_year(text: str) -> None:
    title = parse_title(text)
    assert title.year is None or 1900 <= title.year <= 2100
    assert parse_title(f"  {text}\t") == title


@given(st.sampled_from([*normalise.KNOWN_MAKES, "Nobody", ""]), WORDS, WORDS)
def test_settled_models_stay_settled(make: str, model: str, trim: str) -> None:
    once = model_and_trim(make, model, trim)
    assert model_and_trim(make, *once) == once


@given(WORDS)
def test_a_parsed_title_parses_the_same_again(text: str) -> None:
    _, make, model, trim = parse_title(f"2020 {text}")
    assert model_and_trim(make, model, trim) == (model, trim)


def real_file(name: str) -> Path:
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"no {name} in CARPRICE_REAL_DATA")
    return path


def known(title: Title) -> bool:
    return title.model in normalise.known_models(title.make)


def test_real_cards_have_known_makes_and_models() -> None:
    path = real_file("carscom_2023_cards.parquet")
    parquet = pytest.importorskip("pyarrow.parquet")
    counts = parquet.read_table(path, columns=["title"])["title"].value_counts().to_pylist()
    titles = {row["values"]: row["counts"] for row in counts if row["values"]}
    rows = sum(titles.values())
    parsed = {text: parse_title(text) for text in titles}
    makes = sum(n for text, n in titles.items() if parsed[text].make in normalise.KNOWN_MAKES)
    models = sum(n for text, n in titles.items() if known(parsed[text]))
    assert makes / rows > 0.99
    assert models / rows > 0.97
    assert sum(map(known, parsed.values())) / len(parsed) > 0.97
    assert all(title.year for title in parsed.values())


def test_real_titles_put_together_come_apart_the_same() -> None:
    path = real_file("carscom_2024_export.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    same = 0
    for row in rows:
        title = parse_title(f"{row['year']} {row['make']} {row['model']} {row['trim']}")
        make = normalise.make(row["make"])
        same += (title.make, title.model) == (make, normalise.model(make, row["model"]))
        assert model_and_trim(make, row["model"], row["trim"]) == (title.model, title.trim)
    assert same / len(rows) > 0.95
