"""A market's own features from the raw payload to the dataset, in every format."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.listings import cleaning, dataset, raw, split
from carprice_assets.listings.conformity import violations
from carprice_assets.listings.contract import text_array
from carprice_assets.listings.declared import declared_alike, read_number, read_word
from carprice_assets.listings.intake import read_cars
from carprice_assets.listings.unstored import clean_file
from carprice_assets.markets import DeclaredFeature, Market

POWER = DeclaredFeature("power", "number", unit="kW", low=0, high=2000)
LITRES = DeclaredFeature("engine", "number", unit="l", low=0.1, high=10)
GEARBOX = DeclaredFeature("gearbox", "category", values=("Automatic", "Manual", "None"))
REGION = DeclaredFeature("region", "category")
ORDER = DeclaredFeature("order", "number")  # a word of SQL
FEATURES = (LITRES, GEARBOX, ORDER, POWER, REGION)
FIELDS = {
    "engine": "l",
    "gearbox": "box",
    "order": "o",
    "power": {"column": "specs.ps[0]", "factor": 0.5},
    "region": "where",
}
CAR = {"make": "Ford", "model": "Focus", "year": "2019", "price": "9000"}


@pytest.fixture
def declaring(market: Market) -> Market:
    sources = {"fields": {"payload": FIELDS}}
    return replace(market, features=FEATURES, sources=sources)


@pytest.mark.parametrize(
    ("feature", "given", "expected"),
    [
        (POWER, "150", 150),
        (POWER, "150 KW", 150),
        (POWER, "110,5 kW", 110.5),
        (POWER, "1,100kw", 1100),
        (POWER, "1.100", 1.1),
        (replace(POWER, low=50), "1.100", 1100),
        (LITRES, "1.998", 1.998),
        (LITRES, "1.5 L", 1.5),
        (POWER, "150 PS", math.nan),
        (POWER, "much", math.nan),
        (POWER, 150, 150),
        (POWER, 1e400, math.nan),
        (POWER, "n/a", math.nan),
    ],
)
def test_numbers_are_read_as_people_write_them(
    feature: DeclaredFeature, given: str | float, expected: float
) -> None:
    assert read_number(feature, given) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("feature", "given", "expected"),
    [
        (GEARBOX, " AUTOMATIC", "Automatic"),
        (GEARBOX, "none", "None"),
        (GEARBOX, "CVT", ""),
        (REGION, "  New-York   City ", "new york city"),
        (REGION, "5.0", "5"),
        (REGION, "n/a", ""),
    ],
)
def test_case_and_spaces_of_words_do_not_matter(
    feature: DeclaredFeature, given: str, expected: str
) -> None:
    assert read_word(feature, given) == expected


def rows() -> list[tuple[str, str, dict[str, Any]]]:
    own: list[dict[str, Any]] = [
        {"l": 1.998, "box": "automatic", "o": 7, "specs": {"ps": [200]}, "where": "North  Side"},
        {"l": "1,6", "box": "MANUAL", "o": "x", "specs": {"ps": [9000]}, "where": "north side"},
        {"l": "20", "box": "CVT", "o": None, "specs": {"ps": [[1]]}, "where": True},
        {"l": "-", "box": "--", "specs": "none", "where": 12.0},
        {},
    ]
    return [(f"id-{i}", "2024-05-01", CAR | more) for i, more in enumerate(own)]


def test_declared_features_are_typed_and_their_repairs_counted(
    con: duckdb.DuckDBPyConnection, declaring: Market, payloads: Callable[..., Path]
) -> None:
    raw.append(con, declaring, "payload", payloads(rows()))
    summary = cleaning.rebuild(con, declaring)
    assert (summary.listings, summary.rejected) == (5, 0)
    found = con.execute("SELECT numbers, words FROM listings ORDER BY listing_id").fetchall()
    assert found[0] == (
        {"engine": 1.998, "order": 7.0, "power": 100.0},
        {"gearbox": "Automatic", "region": "north side"},
    )
    assert found[1][0] == {"engine": 1.6, "order": None, "power": None}
    assert [words["gearbox"] for _, words in found] == ["Automatic", "Manual", *[None] * 3]
    assert [words["region"] for _, words in found] == [
        "north side",
        "north side",
        "true",
        "12",
        None,
    ]
    assert dict(summary.repairs.numbers) == {"engine": 1, "order": 1, "power": 1}
    assert dict(summary.repairs.unmapped) == {"gearbox": 1}
    assert summary.repairs.samples["gearbox"] == {"CVT": 1}
    assert dict(summary.repairs.known) == {
        "engine": 2, "gearbox": 2, "order": 1, "power": 1, "region": 4
    }  # fmt: skip
    assert violations(con, declaring) == {}


def test_markup_in_a_word_rejects_the_row(
    con: duckdb.DuckDBPyConnection, declaring: Market, payloads: Callable[..., Path]
) -> None:
    bad = ("bad", "2024-05-01", CAR | {"where": "<script>alert(1)</script>"})
    raw.append(con, declaring, "payload", payloads([*rows(), bad]))
    assert dict(cleaning.rebuild(con, declaring).reasons) == {"unsafe_text": 1}
    detail = con.execute("SELECT detail FROM rejected_listings").fetchall()
    assert detail == [("region: <script>alert(1)</script>",)]


def test_a_broken_declaration_of_a_stored_value_is_seen(
    con: duckdb.DuckDBPyConnection, declaring: Market, payloads: Callable[..., Path]
) -> None:
    raw.append(con, declaring, "payload", payloads(rows()))
    cleaning.rebuild(con, declaring)
    narrow = replace(POWER, high=50)
    other = replace(GEARBOX, values=("O'Brien",))
    features = (LITRES, other, ORDER, narrow, REGION)
    assert violations(con, replace(declaring, features=features)) == {"gearbox": 2, "power": 1}


def test_the_dataset_carries_values_and_declaration(
    con: duckdb.DuckDBPyConnection,
    declaring: Market,
    payloads: Callable[..., Path],
    tmp_path: Path,
) -> None:
    raw.append(con, declaring, "payload", payloads(rows()))
    cleaning.rebuild(con, declaring)
    split.assign(con, declaring)
    folder = tmp_path / "dataset"
    folder.mkdir()
    dataset.build(con, declaring, folder)
    assert dataset.read_features(folder) == FEATURES
    sides = [dataset.read_side(folder, side) for side in dataset.FILES]
    order = np.concatenate([side["listing_id"] for side in sides]).argsort()
    power, region, sql_word = (
        np.concatenate([side[name] for side in sides])[order]
        for name in ("power", "region", "order")
    )
    assert np.array_equal(power, [100, *[np.nan] * 4], equal_nan=True)
    assert region.tolist() == ["north side", "north side", "true", "12", ""]
    assert np.array_equal(sql_word, [7, *[np.nan] * 4], equal_nan=True)
    dataset.require_current(declaring, folder)
    narrow = replace(declaring, features=(LITRES, GEARBOX, ORDER, replace(POWER, high=9), REGION))
    with pytest.raises(UserError, match=r"another declaration of features\.power: import again"):
        dataset.require_current(narrow, folder)
    with pytest.raises(UserError, match=r"another declaration of features\.engine"):
        dataset.require_current(replace(declaring, features=(), sources={}), folder)
    moved = replace(declaring, sources={"fields": {"payload": FIELDS | {"region": "town"}}})
    with pytest.raises(
        UserError,
        match=r"made with fields\.payload\.region .*, the market file says .town.: import",
    ):
        dataset.require_current(moved, folder)


def test_listings_of_another_declaration_make_no_dataset(
    con: duckdb.DuckDBPyConnection,
    market: Market,
    declaring: Market,
    payloads: Callable[..., Path],
    tmp_path: Path,
) -> None:
    raw.append(con, market, "payload", payloads(rows()))
    cleaning.rebuild(con, market)
    split.assign(con, market)
    assert con.execute("SELECT DISTINCT numbers, words FROM listings").fetchall() == [(None, None)]
    with pytest.raises(UserError, match=r"features\.engine: its listings were cleaned under"):
        dataset.build(con, declaring, tmp_path)
    dataset.build(con, market, tmp_path)
    assert "features" not in json.loads((tmp_path / "dataset.json").read_text())
    assert "power" not in dataset.read_side(tmp_path, "train")


def test_a_table_format_gives_them_by_column(market: Market, tmp_path: Path) -> None:
    file = tmp_path / "cars.csv"
    cars = ["136,manual", '"136 ps ",MANUAL', "136PS,", "100 kW,", "136 hp,"]
    lines = [f"{i},Opel,Astra,2020,9000,{own}" for i, own in enumerate(cars)]
    file.write_text("\n".join(["id,brand,type,y,eur,PS,Gear.Box", *lines, ""]))
    columns = {
        "listing_id": "id", "make": "brand", "model": "type", "year": "y", "price": "eur",
        "power": {"column": "PS", "factor": 0.7355, "unit": "PS"}, "gearbox": "Gear.Box",
    }  # fmt: skip
    mapped = replace(market, features=(GEARBOX, POWER), sources={"columns": columns})
    cleaned = clean_file(mapped, "columns", file, date(2024, 5, 1))
    power = cleaned.columns["power"]
    assert power[:3] == pytest.approx([136 * 0.7355] * 3)
    assert np.isnan(power[3:]).all()  # another unit than the column's is not multiplied
    assert cleaned.columns["gearbox"].tolist() == ["Manual", "Manual", "", "", ""]
    assert dict(cleaned.repairs.numbers) == {"power": 2}


def test_a_file_without_the_mapped_column_is_refused(market: Market, tmp_path: Path) -> None:
    file = tmp_path / "cars.csv"
    file.write_text("id,brand,type,y,eur\n1,Opel,Astra,2020,9000\n")
    columns = {
        "listing_id": "id", "make": "brand", "model": "type", "year": "y", "price": "eur",
        "power": "PS",
    }  # fmt: skip
    mapped = replace(market, features=(POWER,), sources={"columns": columns})
    with pytest.raises(UserError, match="lacks the column PS"):
        clean_file(mapped, "columns", file, date(2024, 5, 1))


def asked(**own: Any) -> Any:
    car = {"make": "Ford", "model": "Focus", "year": 2019, **own}
    return read_cars([car], as_of=19_900.0, distance="mi", features=FEATURES)


def test_a_request_may_carry_them() -> None:
    intake = asked(power="150 kW", gearbox="manual ", region=True, engine=1.998)
    assert intake.errors == intake.warnings == [()]
    values = {name: values[0] for name, values in intake.columns.items() if name in FIELDS}
    assert values["power"] == 150
    assert (values["gearbox"], values["region"], values["engine"]) == ("Manual", "true", 1.998)
    assert math.isnan(values["order"])
    assert asked(gearbox="None").columns["gearbox"].tolist() == ["None"]
    none = asked()
    assert none.errors == none.warnings == [()]
    assert none.columns["region"].tolist() == [""]


@pytest.mark.parametrize(
    ("own", "code", "field"),
    [
        ({"power": 2001}, "out_of_range", "power"),
        ({"power": -1}, "out_of_range", "power"),
        ({"power": "fast"}, "wrong_type", "power"),
        ({"power": True}, "wrong_type", "power"),
        ({"power": [1]}, "wrong_type", "power"),
        ({"gearbox": {}}, "wrong_type", "gearbox"),
    ],
)
def test_a_request_with_a_wrong_value_is_an_error_of_that_car(
    own: dict[str, Any], code: str, field: str
) -> None:
    intake = asked(**own)
    assert [(note.code, note.field) for note in intake.errors[0]] == [(code, field)]


def test_a_word_outside_a_closed_list_is_a_warning() -> None:
    intake = asked(gearbox="CVT")
    assert [(note.code, note.field) for note in intake.warnings[0]] == [("unknown_word", "gearbox")]
    assert intake.columns["gearbox"].tolist() == [""]


def test_another_market_knows_no_such_field() -> None:
    car = {"make": "Ford", "model": "Focus", "year": 2019, "power": 150}
    intake = read_cars([car], as_of=19_900.0, distance="mi")
    assert [note.code for note in intake.warnings[0]] == ["unknown_field"]
    assert "power" not in intake.columns


def test_kilowatts_are_not_taken_for_horsepower() -> None:
    columns = {"year": np.array([2020.0]), "power": np.array([110.0]), "region": text_array(["a"])}
    horses = replace(POWER, unit="PS")
    assert set(declared_alike(columns, (POWER, REGION), (horses,))) == {"year", "region"}
    assert set(declared_alike(columns, (POWER, REGION), (replace(POWER, high=9),))) == set(columns)
