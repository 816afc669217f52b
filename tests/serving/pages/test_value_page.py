"""The page *Value a car*: lists that depend on each other, usual values, answers and errors."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from serving_fakes import FakeSource, FakeValuer, stock

from carprice_assets.markets.features import DeclaredFeature
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

KNOWN = stock(
    {"mileage": 40_200.0, "price": 30_000.0, "drivetrain": "Four-wheel Drive"},
    {"year": 2020.0, "mileage": 50_000.0, "price": 28_000.0, "drivetrain": "Four-wheel Drive"},
    {"year": 2018.0, "mileage": 90_000.0, "price": 20_000.0, "trim": "Lariat"},
    {"year": 2023.0, "mileage": 9_000.0, "price": 41_000.0, "drivetrain": "Four-wheel Drive"},
    {"year": 2024.0, "mileage": 5.0, "price": 50_000.0, "stock_type": "New", "trim": ""},
    {"model": "Maverick", "stock_type": "New", "year": 2024.0},
    {"make": "Kia", "model": "Rio", "year": 2015.0, "drivetrain": "Front-wheel Drive"},
    {"make": "Kia", "model": "EV6", "fuel_type": "Electric"},
)
F150 = {"market": "us", "make": "Ford", "model": "F-150"}


@pytest.fixture
def valuer() -> FakeValuer:
    return FakeValuer(comparables=KNOWN)


def text_of(page: str) -> str:
    """What a person reads."""
    page = re.sub(r"<(head|select|datalist)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def options(page: str, name: str) -> tuple[list[str], str]:
    """The choices of a list, and the one that is chosen."""
    found = re.search(rf'<select [^>]*name="{name}".*?</select>', page, re.DOTALL)
    assert found, name
    words = re.findall(r"<option( value=\"\")?( selected)?>([^<]*)</option>", found[0])
    chosen = [html.unescape(word) for _, selected, word in words if selected]
    return [html.unescape(word) for empty, _, word in words if not empty], "".join(chosen)


def typed(page: str, name: str) -> str:
    """What stands in a field."""
    found = re.search(rf'<input [^>]*name="{name}" value="([^"]*)"', page)
    assert found, name
    return html.unescape(found[1])


def test_the_lists_depend_on_each_other(client: TestClient[Litestar]) -> None:
    first = client.get("/value").text
    assert options(first, "make") == (["Ford", "Kia"], "Choose")
    assert 'name="model"' not in first
    second = client.get("/value", params={"make": "kia"}).text
    assert options(second, "make")[1] == "Kia"
    assert options(second, "model") == (["EV6", "Rio"], "Choose")
    assert 'name="year"' not in second
    third = client.get("/value", params=F150).text
    assert options(third, "model")[1] == "F-150"
    assert re.findall(r'<option value="([^"]+)">', third) == ["Lariat", "XLT"]
    assert options(third, "year")[0] == [str(year) for year in range(2024, 2017, -1)]


def test_what_is_not_given_is_usual(client: TestClient[Litestar]) -> None:
    page = client.get("/value", params=F150).text
    assert options(page, "year")[1] == "2020"
    assert options(page, "stock_type")[1] == "Used"
    assert typed(page, "mileage") == "45000"
    assert options(page, "drivetrain")[1] == "Not stated"  # listings do not agree
    assert typed(page, "asking_price") == typed(page, "trim") == ""
    other = client.get("/value", params=F150 | {"year": "2018"}).text
    assert typed(other, "mileage") == "90000"
    new = client.get("/value", params=F150 | {"stock_type": "New"}).text
    assert options(new, "year")[1] == "2024"
    assert typed(new, "mileage") == ""
    only_new = client.get("/value", params=F150 | {"model": "Maverick"}).text
    assert options(only_new, "stock_type")[1] == "New"
    kia = client.get("/value", params={"make": "Kia", "model": "Rio"}).text
    assert options(kia, "drivetrain")[1] == "Front-wheel Drive"


def test_an_empty_field_is_not_stated(client: TestClient[Litestar]) -> None:
    page = client.get("/value", params=F150 | {"mileage": "", "stock_type": ""}).text
    assert typed(page, "mileage") == ""
    assert options(page, "stock_type")[1] == "Not stated"


def test_a_price_with_its_range(client: TestClient[Litestar]) -> None:
    text = text_of(client.get("/value", params=F150 | {"msrp": "40000"}).text)
    assert "2020 Ford F-150" in text
    assert "$40,000" in text
    assert "90 % of such cars are offered for $36,000 to $44,000" in text.replace("\u202f", " ")
    assert "asking" not in text.replace("asking prices", "").lower().replace("asking price", "")
    assert "Nearest known listings" in text
    assert "40,200 mi" in text.replace("\u00a0", " ")
    assert "release r1" in text


@pytest.mark.parametrize(
    ("asked", "rating", "told"),
    [
        ("30000", "Great", "$10,000 (25 %) less than the price"),
        ("$43,900", "High", "$3,900 (10 %) more than the price"),
        ("90000", "Overpriced", "$50,000 (125 %) more than the price"),
        ("40000", "Fair", "as much as the price"),
    ],
)
def test_an_asking_price_is_rated(
    client: TestClient[Litestar], asked: str, rating: str, told: str
) -> None:
    asking = {"msrp": "40000", "asking_price": asked}
    text = text_of(client.get("/value", params=F150 | asking).text).replace("\u202f", " ")
    assert f" {rating} Asked is" in text
    assert told in text


def test_the_price_is_the_apis(client: TestClient[Litestar]) -> None:
    car = {"make": "Ford", "model": "F-150", "year": 2020, "msrp": 41_234, "mileage": "45000",
           "stock_type": "Used"}  # fmt: skip
    answer = client.post("/api/v1/us/valuations", json={"cars": [car]}).json()
    price = answer["valuations"][0]["price"]
    text = text_of(client.get("/value", params=F150 | {"msrp": "41234"}).text)
    assert f"${price:,.0f}" in text


def test_the_price_is_explained(client: TestClient[Litestar]) -> None:
    text = text_of(client.get("/value", params=F150 | {"msrp": "40000"}).text)
    _, _, why = text.partition("Why this price")
    why, _, _ = why.partition("Nearest known listings")
    assert "Make and model" in why
    assert "Price when new $40,000" in why
    assert "This car $40,000" in why
    assert "+$30,000" in why


def test_the_other_bounds_of_a_page(client: TestClient[Litestar]) -> None:
    unknown = client.get("/value", params=F150 | {"make": "Nobody", "model": "x"})
    assert unknown.status_code == 200
    text = text_of(unknown.text)
    assert "No valuation" in text
    assert "no listing of make 'Nobody' was learned" in text.replace("No listing", "no listing")


def test_suggestions_lead_to_the_same_car(settings: Settings) -> None:
    valuer = FakeValuer(comparables=stock({"make": "Nobodi", "model": "Rio"}))
    asked = {"market": "us", "make": "Nobody", "model": "Rio", "trim": "S & T"}
    with TestClient(create_app(settings, FakeSource(us=valuer))) as client:
        page = client.get("/value", params=asked).text
        assert options(page, "make") == (["Nobody", "Nobodi"], "Nobody")
        [address] = re.findall(r'<a href="(/value\?[^"]+#result)"', page)
        fields = parse_qs(urlsplit(html.unescape(address)).query)
        assert [fields[name] for name in asked] == [["us"], ["Nobodi"], ["Rio"], ["S & T"]]
        assert "$10,000" in client.get(html.unescape(address)).text


def test_a_wrong_field_is_told_beside_it(client: TestClient[Litestar]) -> None:
    answer = client.get("/value", params=F150 | {"year": "18x2"})
    assert answer.status_code == 422
    page = answer.text
    assert "No valuation" in page
    year = re.search(r'<select id="f-year"[^>]*>', page)
    assert year
    assert 'aria-invalid="true"' in year[0]
    assert "e-year" in year[0]
    assert re.search(r'<p class="error" id="e-year">\w', page)
    assert '<a href="#f-year">Year</a>' in page
    assert options(page, "year")[1] == "18x2"


@pytest.mark.parametrize(("asked", "told"), [("18000", False), ("17000", True), ("9", True)])
def test_an_asking_price_too_low_to_be_believed(
    client: TestClient[Litestar], asked: str, told: bool
) -> None:
    """The range of 40,000 begins at 36,000."""
    answer = client.get("/value", params=F150 | {"msrp": "40000", "asking_price": asked})
    assert answer.status_code == 200
    assert "Great" in text_of(answer.text)
    assert ("an error or a fraud than a bargain" in text_of(answer.text)) is told
    assert "another look" not in answer.text


def test_an_asking_price_that_is_none_is_told_beside_it(client: TestClient[Litestar]) -> None:
    answer = client.get("/value", params=F150 | {"asking_price": "much"})
    assert answer.status_code == 422
    assert 'id="e-asking_price"' in answer.text
    assert "$10,000" in answer.text  # it changes no price


def test_fields_alone(client: TestClient[Litestar], valuer: FakeValuer) -> None:
    page = client.get("/value/fields", params=F150).text
    assert "<html" not in page
    for part in ("part-model", "part-details"):
        assert page.count(f'id="{part}"') == 1
    assert options(page, "year")[1] == "2020"
    assert not valuer.asked, "lists cost no valuation"


def test_what_stands_twice_is_refused(client: TestClient[Litestar]) -> None:
    answer = client.get("/value?make=Ford&make=Kia", headers={"accept": "text/html"})
    assert answer.status_code == 422
    assert "Make: stands in the address more than once" in answer.text


def test_other_names_in_the_address_are_no_matter(client: TestClient[Litestar]) -> None:
    answer = client.get("/value", params=F150 | {"utm_source": "x", "vin": "1FTFW1E50LFA00000"})
    assert answer.status_code == 200
    assert "1FTFW1E50LFA00000" not in answer.text


@pytest.mark.parametrize("field", ["make", "model", "trim", "year", "asking_price", "mileage"])
def test_what_is_given_is_escaped(client: TestClient[Litestar], field: str) -> None:
    evil = '"><script>alert(1)</script>'
    page = client.get("/value", params=F150 | {field: evil}).text
    assert "<script>" not in page
    assert "alert(1)" in page


def test_an_unknown_market_and_one_without_champion(settings: Settings) -> None:
    browser = {"accept": "text/html"}
    with TestClient(create_app(settings, FakeSource(us=FakeValuer()))) as client:
        unknown = client.get("/value?market=nowhere", headers=browser)
        assert unknown.status_code == 404
        assert "Unknown market" in unknown.text
        assert 'href="/value?market=us"' in unknown.text
        bare = client.get("/value?market=practice", headers=browser)
        assert bare.status_code == 503
        assert "carprice train --market practice" in bare.text
    with TestClient(create_app(settings, FakeSource())) as client:
        none = client.get("/value", headers=browser)
        assert none.status_code == 503
        assert 'href="/markets"' in none.text


@pytest.fixture
def older(settings: Settings) -> Iterator[TestClient[Litestar]]:
    """A release of an older version, without comparables."""
    with TestClient(create_app(settings, FakeSource(us=FakeValuer()))) as client:
        yield client


def test_a_release_without_comparables_has_lists_too(older: TestClient[Litestar]) -> None:
    page = older.get("/value", params=F150 | {"msrp": "30000"}).text
    assert "Toyota" in options(page, "make")[0]
    assert "Maverick" in options(page, "model")[0]
    assert options(page, "year")[1] == "2024"
    assert "$30,000" in page
    assert "Why this price" not in page


def test_units_are_the_markets(settings: Settings) -> None:
    valuer = FakeValuer(market="us", currency="EUR", distance="km", comparables=KNOWN)
    with TestClient(create_app(settings, FakeSource(us=valuer))) as client:
        text = text_of(client.get("/value", params=F150 | {"msrp": "40000"}).text)
    text = text.replace("\u00a0", " ")
    assert "€40,000" in text
    assert "Mileage km" in text
    assert "40,200 km" in text
    assert "$" not in text
    assert " mi " not in text


def test_features_of_a_markets_own_are_asked_for(settings: Settings) -> None:
    own: tuple[Any, ...] = (
        DeclaredFeature("battery_kwh", "number", "usable energy", "kWh", 5.0, 250.0),
        DeclaredFeature("roof", "category", values=("glass", "steel")),
    )
    valuer = replace(FakeValuer(comparables=KNOWN), features=own)
    with TestClient(create_app(settings, FakeSource(us=valuer))) as client:
        page = client.get("/value", params=F150 | {"roof": "glass"}).text
    assert options(page, "roof") == (["glass", "steel"], "glass")
    assert "Battery kwh" in page
    assert "Usable energy, from 5, to 250" in page
    assert re.search(r"<details class=\"more\" open>", page)


def test_a_market_is_called_by_its_title(client: TestClient[Litestar], source: FakeSource) -> None:
    assert "Value a car us" in text_of(client.get("/value").text)
    source.titles["us"] = "United <States>"
    for address in ("/value", "/models", "/markets"):
        assert "United <States>" in text_of(client.get(address).text)


@pytest.mark.parametrize(
    ("trim", "told"), [("Quantum", True), ("xlt", False), ("XLT Quantum", False), ("", False)]
)
def test_a_trim_that_no_listing_has(client: TestClient[Litestar], trim: str, told: bool) -> None:
    page = text_of(client.get("/value", params=F150 | {"trim": trim}).text)
    assert ("No known listing of this model has a word of 'Quantum' in its trim" in page) is told


@pytest.mark.parametrize(
    ("msrp", "told"),
    [
        ("30000", "3 of 5 lie outside the picture"),
        ("20000", "4 of 5 lie outside the picture"),
        ("400000", "All 5 nearest known listings lie outside the picture."),
    ],
)
def test_listings_without_a_dot_are_told(
    client: TestClient[Litestar], msrp: str, told: str
) -> None:
    assert told in text_of(client.get("/value", params=F150 | {"msrp": msrp}).text)


@pytest.mark.parametrize(("price", "told"), [(30_000.0, True), (31_000.0, False)])
def test_listings_that_share_a_dot_are_told(settings: Settings, price: float, told: bool) -> None:
    known = stock({}, {"price": price})
    app = create_app(settings, FakeSource(us=FakeValuer(comparables=known)))
    with TestClient(app) as client:
        page = text_of(client.get("/value", params=F150 | {"msrp": "30000"}).text)
    assert ("nearest known listings; those of one price share a dot" in page) is told
