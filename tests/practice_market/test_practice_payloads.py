"""Payloads have the marketplace's shape, its faults, and no hint of the truth."""

from __future__ import annotations

from collections import Counter

import pytest

from carprice_assets.practice_market import DirtRates, Market, Settings, scrape, simulate
from carprice_assets.practice_market import dirt as faults

Payload = dict[str, object]

KEYS = {
    "listing_id",
    "vin",
    "canonical_mmty",
    "canonical_mmt",
    "make",
    "model",
    "trim",
    "year",
    "stock_type",
    "cpo_indicator",
    "price",
    "msrp",
    "mileage",
    "bodystyle",
    "cat",
    "fuel_type",
    "drivetrain",
    "exterior_color",
    "interior_color",
    "dealer_name",
    "dealer_zip",
    "customer_id",
    "seller_type",
    "price_badge",
    "market_name",
    "local_zone",
    "page_channel",
    "no_accidents",
    "single_owner",
    "clean_title",
    "personal_use_only",
    "photo_count",
}


@pytest.fixture(scope="module")
def payloads() -> dict[str, Payload]:
    """All payloads of a market large enough to show every fault."""
    market = simulate(Settings(size=8000))
    return {found.listing_id: found.payload for found in scrape(market, 0)}


def share(values: list[object], *wanted: object) -> float:
    return sum(value in wanted for value in values) / len(values)


def test_shape(market: Market) -> None:
    for found in scrape(market, 2):
        assert set(found.payload) == KEYS
        assert found.payload["listing_id"] == found.listing_id
        assert found.url == f"http://127.0.0.1/vehicledetail/{found.listing_id}/"
        assert found.scraped_at == market.date_of(2)
        assert all(
            value is None or isinstance(value, str | bool) for value in found.payload.values()
        )


def test_same_seed_same_payloads(market: Market) -> None:
    again = simulate(market.settings)
    list(scrape(again, 3))
    assert list(scrape(again, 9)) == list(scrape(market, 9))
    other = simulate(Settings(seed=8, size=1500))
    assert not {f.listing_id for f in scrape(other, 9)} & {f.listing_id for f in scrape(market, 9)}


def test_unchanged_listings_keep_their_payload(market: Market) -> None:
    prices = [{car.listing_id: car.price for car in market.stock(day)} for day in (0, 14)]
    before, after = (
        {found.listing_id: found.payload for found in scrape(market, day)} for day in (0, 14)
    )
    both = before.keys() & after.keys()
    same = {each for each in both if prices[0][each] == prices[1][each]}
    assert same
    assert both - same
    for each in both:
        differing = {key for key in KEYS if before[each][key] != after[each][key]}
        assert differing <= (set[str]() if each in same else {"price"})
    assert any(before[each]["price"] != after[each]["price"] for each in both - same)


def test_some_listings_are_met_twice(market: Market) -> None:
    met = Counter(found.listing_id for found in scrape(market, 0))
    assert set(met) == {car.listing_id for car in market.stock(0)}
    assert set(met.values()) == {1, 2}
    assert 0.015 < (sum(met.values()) - len(met)) / len(met) < 0.05


def test_bargains_differ_in_price_alone(payloads: dict[str, Payload]) -> None:
    planted = simulate(Settings(size=8000, days=1)).planted_bargains()
    assert len(planted) > 40
    clean = simulate(Settings(size=8000, days=1, bargain_cut=(0.0, 0.0)))
    unplanted = {found.listing_id: found.payload for found in scrape(clean, 0)}
    for each in planted:
        assert {k: v for k, v in payloads[each].items() if k != "price"} == {
            k: v for k, v in unplanted[each].items() if k != "price"
        }


def test_prices_and_years(payloads: dict[str, Payload]) -> None:
    prices = [payload["price"] for payload in payloads.values()]
    assert 0.01 < share(prices, None, "Not Priced") < 0.03
    assert share(prices, "1") > 0
    assert share(prices, "1234567") > 0
    assert 0.02 < sum(str(price).startswith("$") for price in prices) / len(prices) < 0.06
    years = [payload["year"] for payload in payloads.values()]
    assert 0 < share(years, "1901", "3000") < 0.01


def test_msrp_and_mileage(payloads: dict[str, Payload]) -> None:
    new = [payload for payload in payloads.values() if payload["stock_type"] == "New"]
    old = [payload for payload in payloads.values() if payload["stock_type"] == "Used"]
    assert 0.2 < share([payload["msrp"] for payload in new], None, "0") < 0.3
    assert 0.03 < share([payload["msrp"] for payload in new], "0") < 0.11
    assert share([payload["msrp"] for payload in old], None, "0") > 0.95
    assert share([payload["mileage"] for payload in new], None) > 0.8
    assert 0 < share([payload["mileage"] for payload in old], None) < 0.02
    assert share([payload["mileage"] for payload in old], "9999999") > 0
    assert any(str(payload["mileage"]).endswith(" mi.") for payload in old)
    certified = [payload for payload in payloads.values() if payload["cpo_indicator"]]
    assert {payload["stock_type"] for payload in certified} == {"Used"}


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("drivetrain", {"AWD", "4x4", "4WD", "FWD", "RWD", "Unknown", "All-wheel Drive", None}),
        ("fuel_type", {"Gas", "Plug-in Gas/Elec", "Electric with Ga", "Plug-In Hybrid", "", None}),
        ("make", {"VW", "Chevy", "chevrolet", "CHEVROLET ", "Chevrolet", "Volkswagen"}),
        ("interior_color", {"Bk", "", None, "Black"}),
        ("exterior_color", {"", None, "Oxford White"}),
        ("vin", {"", None}),
        ("cat", {"", None, "suv_midsize"}),
        ("bodystyle", {"", None, "SUV"}),
        ("dealer_zip", {"", None}),
        ("trim", {"", None}),
    ],
)
def test_mixed_vocabularies(
    payloads: dict[str, Payload], field: str, words: set[str | None]
) -> None:
    assert words <= {payload[field] for payload in payloads.values()}


def test_dealer_names_hold_entities(payloads: dict[str, Payload]) -> None:
    names = [str(payload["dealer_name"]) for payload in payloads.values()]
    assert any("&#39;" in name for name in names)
    assert any("&amp;" in name for name in names)
    assert not any("'" in name for name in names)


def test_a_market_can_be_clean() -> None:
    market = simulate(Settings(size=300, dirt=DirtRates.none()))
    cars = {car.listing_id: car for car in market.stock(5)}
    found = list(scrape(market, 5))
    assert len(found) == len(cars)
    for each in found:
        car = cars[each.listing_id]
        truth = {
            "make": car.vehicle.make,
            "fuel_type": car.vehicle.fuel_type,
            "drivetrain": car.vehicle.drivetrain,
            "interior_color": car.vehicle.interior_color,
            "vin": car.vehicle.vin,
            "price": str(car.price),
            "msrp": str(car.vehicle.msrp),
            "mileage": str(car.vehicle.mileage),
            "year": str(car.vehicle.year),
        }
        assert {key: each.payload[key] for key in truth} == truth


def test_wrong_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="price_null"):
        DirtRates(price_null=1.5)


def test_fields_roll_apart() -> None:
    ids = [f"listing-{number}" for number in range(2000)]
    price, year = ([faults.Rolls(each)[field] for each in ids] for field in ("price", "year"))
    assert 0.45 < sum(price) / len(ids) < 0.55
    both = sum(a < 0.5 and b < 0.5 for a, b in zip(price, year, strict=True))
    assert 0.2 < both / len(ids) < 0.3
