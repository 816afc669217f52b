"""Features that a market declares: what a declaration may say, and the key that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from carprice_assets.errors import UserError
from carprice_assets.features.registry import NAMES
from carprice_assets.listings.contract import FIELDS
from carprice_assets.markets import ColumnMapping
from carprice_assets.markets.features import (
    RESERVED,
    DeclaredFeature,
    features_from_json,
    features_to_json,
)
from carprice_assets.markets.mappings import FORMATS as MAPPED
from carprice_assets.markets.market import Market, read_market
from carprice_assets.releases.priced import ADDED
from carprice_assets.releases.rating import FIELD as ASKING_PRICE
from carprice_assets.sources import FORMATS
from carprice_assets.sources.base import PAGE_FIELDS, TEXT_FIELDS

HEAD = 'currency = "EUR"\ndistance = "km"\n'
POWER = '[features.power]\nkind = "number"\nunit = "kW"\nlow = 0\nhigh = 2000\n'
GEARBOX = '[features.gearbox]\nkind = "category"\nvalues = ["Automatic", "Manual"]\n'
COLUMNS = '[sources.columns]\nprice = "eur"\npower = { column = "PS", factor = 0.7355 }\n'


def read(tmp_path: Path, text: str) -> Market:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return read_market(path)


def test_a_declaration_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    market = read(
        tmp_path,
        POWER + GEARBOX + COLUMNS + '[sources.fields.payload]\ngearbox = "transmission"\n',
    )
    assert market.features == (
        DeclaredFeature("gearbox", "category", values=("Automatic", "Manual")),
        DeclaredFeature("power", "number", unit="kW", low=0.0, high=2000.0),
    )
    assert market.feature_sources() == {
        "columns": {"power": ColumnMapping("PS", 0.7355)},
        "payload": {"gearbox": ColumnMapping("transmission")},
    }
    assert market.columns()["power"] == ColumnMapping("PS", 0.7355)
    assert features_from_json(features_to_json(market.features), "x") == market.features


def test_a_market_without_features_is_cleaned_as_before(tmp_path: Path) -> None:
    assert set(read(tmp_path, "").cleaning) == {
        *("currency", "distance", "salt", "price_low", "price_high", "columns"),
    }
    declared = read(tmp_path, POWER + COLUMNS).cleaning
    assert declared["features"][0]["name"] == "power"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[features.Power]\nkind = "number"', "features.Power: a feature's name is lower-case"),
        ('[features.price]\nkind = "number"', "features.price: price means something else"),
        ('[features.imputer]\nkind = "number"', "features.imputer: imputer means something else"),
        ("[features]\npower = 3", "features.power must be a table"),
        ('[features.power]\nunit = "kW"', "features.power.kind must be 'number' or 'category'"),
        ('[features.power]\nkind = "number"\nvalues = ["a"]', "a number has no key 'values'"),
        ('[features.gearbox]\nkind = "category"\nlow = 1', "a category has no key 'low'"),
        ('[features.power]\nkind = "number"\nlow = "1"', "features.power.low must be a number"),
        ('[features.power]\nkind = "number"\nlow = inf', "features.power.low must be a finite"),
        ('[features.power]\nkind = "number"\nlow = nan', "features.power.low must be a number"),
        ('[features.power]\nkind = "number"\nlow = 2\nhigh = 2', "features.power.low must be belo"),
        ('[features.power]\nkind = "number"\nunit = 7', "features.power.unit must be one line"),
        ('[features.gearbox]\nkind = "category"\nvalues = []', "features.gearbox.values must list"),
        (
            '[features.gearbox]\nkind = "category"\nvalues = ["semi-auto", "Semi  Auto"]',
            "features.gearbox.values: 'Semi  Auto' stands twice",
        ),
        (
            '[features.gearbox]\nkind = "category"\nvalues = ["<b>"]',
            "features.gearbox.values: '<b>' holds markup",
        ),
        (POWER, "features.power: no source has it"),
        (POWER + '[sources.columns]\npower = "eur"\nprice = "eur"', "'eur' tells the price"),
        (
            POWER
            + '[sources.columns]\npower = "usd"\nprice = { column = "usd", currency = "EUR" }',
            "sources.columns.power: 'usd' tells the price",
        ),
        (
            POWER + '[sources.fields.schema-org]\npower = "offers.price"',
            "sources.fields.schema-org.power: 'offers.price' tells the price",
        ),
        (POWER + '[sources.columns]\npower = { column = "a", rate = 2 }', "unknown key 'rate'"),
        (
            POWER + '[sources.columns]\npower = { column = "a", factor = 0 }',
            "sources.columns.power.factor must be a number above 0",
        ),
        (
            GEARBOX + '[sources.columns]\ngearbox = { column = "a", factor = 2 }',
            "sources.columns.gearbox: 'factor' belongs to numbers alone",
        ),
        (
            POWER + '[sources.columns]\npower = { column = "a", unit = 2 }',
            "sources.columns.power.unit must be text",
        ),
        (POWER + "[sources.fields.payload]\npower = 3", "sources.fields.payload.power: expected"),
        (POWER + '[sources.fields.xml]\npower = "a"', "sources.fields.xml: no such format"),
        (
            POWER + '[sources.fields.payload]\npower = "a"\nseats = "b"',
            "sources.fields.payload.seats: the market declares no such feature",
        ),
        (
            '[sources.fields.payload]\nseats = "b"',
            "sources.fields.payload.seats: the market declares no such feature",
        ),
    ],
)
def test_the_key_at_fault_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    line = str(caught.value)
    assert line.startswith("market mine: ")
    assert named in line
    assert "\n" not in line


def test_every_name_that_means_something_is_reserved() -> None:
    taken = {field.name for field in FIELDS} | {*TEXT_FIELDS, *PAGE_FIELDS, *NAMES}
    assert taken | {"vehicle", "source", "side", ASKING_PRICE, *ADDED} <= RESERVED


def test_every_file_format_may_be_mapped() -> None:
    assert set(MAPPED) | {"columns", "unreadable"} == set(FORMATS)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"power": {}}, "must be a list of objects"),
        ([3], "must be a list of objects"),
        ([{"kind": "number"}], "has no name"),
        ([{"name": "a", "kind": "number"}] * 2, "stands twice"),
        ([{"name": "a", "kind": "pickle"}], "features.a.kind must be"),
    ],
)
def test_a_broken_list_of_features_is_refused(value: object, named: str) -> None:
    with pytest.raises(UserError, match=named):
        features_from_json(value, "schema.json")
