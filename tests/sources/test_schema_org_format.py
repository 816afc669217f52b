"""From JSON-LD cars to listings: every form of a property, units and currencies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from carprice_assets.home import Home
from carprice_assets.listings import cleaning, raw
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market
from carprice_assets.markets.market import SplitRules

EURO = Market("eu", "", "EUR", "km", SplitRules("s"))
SCHEMA = "https://schema.org"
VIN = "1M8GDM9AXKP042788"  # the textbook example of a valid check digit
CAR: dict[str, Any] = {
    "@type": "Car",
    "name": "2019 VW Golf",
    "brand": {"@type": "Brand", "name": "VW"},
    "model": "Golf",
    "vehicleConfiguration": "Comfortline",
    "vehicleModelDate": "2019",
    "vehicleIdentificationNumber": VIN,
    "color": "Pure White",
    "vehicleInteriorColor": "Titan Black",
    "driveWheelConfiguration": f"{SCHEMA}/FrontWheelDriveConfiguration",
    "bodyType": "Hatchback",
    "fuelType": "Petrol",
    "category": "Compact",
    "itemCondition": f"{SCHEMA}/UsedCondition",
    "mileageFromOdometer": {"@type": "QuantitativeValue", "value": 48000, "unitCode": "KMT"},
    "offers": {
        "@type": "Offer",
        "price": 15900,
        "priceCurrency": "EUR",
        "seller": {"@type": "AutoDealer", "name": "Autohaus Nord"},
        "priceSpecification": {"priceType": f"{SCHEMA}/ListPrice", "price": "28000"},
    },
}
OFFER: dict[str, Any] = CAR["offers"]
LIST_PRICE = {"priceType": "https://schema.org/ListPrice", "price": 28000}


@pytest.fixture
def con(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    with Warehouse.of(home).connect() as opened:
        yield opened


Clean = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def clean(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Clean:
    """Cleans payloads, with ids 0, 1, ...; the rows of ``listings`` in order."""

    def take(*payloads: Any, market: Market = EURO) -> list[dict[str, Any]]:
        path = tmp_path / "spool.jsonl"
        lines = [
            {"listing_id": str(i), "url": None, "scraped_at": "2024-01-02", "payload": payload}
            for i, payload in enumerate(payloads)
        ]
        path.write_text("\n".join(map(json.dumps, lines)))
        raw.append(con, market, "schema-org", path)
        cleaning.rebuild(con, market)
        found = con.execute("SELECT * FROM listings ORDER BY listing_id")
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return take


def test_every_field_is_read(clean: Clean) -> None:
    (found,) = clean(CAR)
    expected = {
        "make": "Volkswagen",
        "model": "Golf",
        "trim": "Comfortline",
        "year": 2019,
        "vin": VIN,
        "price": 15900,
        "msrp": 28000,
        "mileage": 48000,
        "stock_type": "Used",
        "drivetrain": "Front-wheel Drive",
        "fuel_type": "Gasoline",
        "bodystyle": "Hatchback",
        "cat": "compact",
        "exterior_color": "Pure White",
        "interior_color": "Titan Black",
        "dealer": "Autohaus Nord",
        "source": "schema-org",
    }
    assert {key: found[key] for key in expected} == expected


FORMS: list[tuple[dict[str, Any], str, Any]] = [
    ({"brand": "VW"}, "make", "Volkswagen"),
    ({"brand": ["VW"]}, "make", "Volkswagen"),
    ({"brand": [{"name": "VW"}]}, "make", "Volkswagen"),
    ({"brand": None, "manufacturer": {"name": "VW"}}, "make", "Volkswagen"),
    ({"brand": {"logo": "x"}, "manufacturer": "VW"}, "make", "Volkswagen"),
    ({"brand": {"logo": "x"}}, "make", "Volkswagen"),  # of the name
    ({"model": {"@type": "ProductModel", "name": "Golf"}}, "model", "Golf"),
    ({"vehicleModelDate": 2018}, "year", 2018),
    ({"vehicleModelDate": None, "productionDate": "2017-05-01"}, "year", 2017),
    ({"offers": [OFFER | {"price": 15000}, {"price": 1}]}, "price", 15000),
    ({"offers": [OFFER]}, "msrp", 28000),
    ({"offers": [OFFER]}, "dealer", "Autohaus Nord"),
    ({"offers": OFFER | {"price": "15.900 €"}}, "price", 15900),
    ({"offers": OFFER | {"price": None, "priceSpecification": {"price": 15800}}}, "price", 15800),
    (
        {"offers": {"priceSpecification": [LIST_PRICE, {"price": 15700, "priceCurrency": "EUR"}]}},
        "price",
        15700,
    ),
    ({"offers": OFFER | {"priceSpecification": [{"price": 1}, LIST_PRICE]}}, "msrp", 28000),
    ({"offers": OFFER | {"priceSpecification": {"priceType": "MSRP", "price": 9}}}, "msrp", 9),
    ({"offers": OFFER | {"priceSpecification": {"price": 28000}}}, "msrp", None),
    (
        {"offers": OFFER | {"priceSpecification": LIST_PRICE | {"priceCurrency": "CHF"}}},
        "msrp",
        None,
    ),
    ({"mileageFromOdometer": "48.000 km"}, "mileage", 48000),
    ({"mileageFromOdometer": 48000}, "mileage", 48000),
    ({"mileageFromOdometer": {"value": "48,000 km", "unitCode": "KMT"}}, "mileage", 48000),
    ({"mileageFromOdometer": {"value": 1000, "unitCode": "SMI"}}, "mileage", 1609.344),
    ({"mileageFromOdometer": {"value": 1000, "unitText": "miles"}}, "mileage", 1609.344),
    ({"mileageFromOdometer": {"value": 1000, "unitCode": "MTR"}}, "mileage", None),
    ({"itemCondition": "http://schema.org/NewCondition"}, "stock_type", "New"),
    ({"itemCondition": "NewCondition"}, "stock_type", "New"),
    ({"itemCondition": "Certified Pre-Owned"}, "stock_type", "Certified"),
    ({"itemCondition": None, "offers": OFFER | {"itemCondition": "Used"}}, "stock_type", "Used"),
    ({"hasCertification": {"name": "Certified pre-owned"}}, "stock_type", "Certified"),
    ({"hasCertification": [{"name": "Certified pre-owned"}]}, "stock_type", "Certified"),
    ({"hasCertification": {"name": "Euro 6"}}, "stock_type", "Used"),
    ({"driveWheelConfiguration": "AllWheelDriveConfiguration"}, "drivetrain", "All-wheel Drive"),
    ({"driveWheelConfiguration": {"@id": "schema:RearWheelDriveConfiguration"}}, "drivetrain",
     "Rear-wheel Drive"),
    ({"fuelType": None, "vehicleEngine": {"fuelType": "Diesel"}}, "fuel_type", "Diesel"),
    ({"fuelType": None, "vehicleEngine": [{"fuelType": "Diesel"}]}, "fuel_type", "Diesel"),
    ({"fuelType": ["Electric"]}, "fuel_type", "Electric"),
    ({"bodyType": {"name": "SUV"}}, "bodystyle", "SUV"),
    ({"color": {"a": {"b": 1}}}, "exterior_color", None),
    ({"vehicleIdentificationNumber": {"a": 1}}, "vin", None),
]  # fmt: skip


def test_every_form_of_a_property_is_read(clean: Clean) -> None:
    """One cleaning for all forms, since the cost of a warehouse is that of a test."""
    found = clean(*(CAR | change for change, _, _ in FORMS))
    by_id = {row["listing_id"]: row for row in found}
    read = [by_id.get(str(i), {}).get(field, "rejected") for i, (_, field, _) in enumerate(FORMS)]
    for (change, field, expected), value in zip(FORMS, read, strict=True):
        if isinstance(expected, float):
            assert value == pytest.approx(expected), (change, field)
        else:
            assert value == expected, (change, field)


def test_a_market_of_miles_converts_kilometres(clean: Clean) -> None:
    (found,) = clean(CAR, market=replace(EURO, distance="mi"))
    assert found["mileage"] == pytest.approx(48000 / 1.609344)
    assert found["price"] == 15900


def test_another_currency_is_refused(clean: Clean, con: duckdb.DuckDBPyConnection) -> None:
    specified = {"priceSpecification": {"price": 9000, "priceCurrency": "USD"}}
    kept = clean(
        CAR,
        CAR | {"offers": OFFER | {"priceCurrency": "USD"}},
        CAR | {"offers": specified},
        CAR | {"offers": OFFER | {"price": "$9000", "priceCurrency": None}},
        CAR | {"offers": OFFER | {"priceCurrency": "eur"}},
    )
    assert [row["listing_id"] for row in kept] == ["0", "4"]
    assert con.execute("SELECT reason, count(*) FROM rejected_listings GROUP BY 1").fetchall() == [
        ("other_currency", 3)
    ]


@pytest.mark.parametrize(
    "payload",
    [None, "words", 7, [CAR], {}, {"offers": 7}, {"offers": [[[]]]}, {"brand": {"name": {"a": 1}}},
     {"offers": {"priceSpecification": 5}}, CAR | {"offers": {"price": True}},
     CAR | {"offers": {"price": {"deep": 1}}}],
)  # fmt: skip
def test_a_payload_beyond_repair_is_rejected_not_raised(clean: Clean, payload: Any) -> None:
    assert [row["listing_id"] for row in clean(payload, CAR)] == ["1"]
