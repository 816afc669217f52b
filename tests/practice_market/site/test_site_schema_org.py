"""The template schema-org publishes the same cars as `Car`, in euros and kilometres."""

from __future__ import annotations

from itertools import count, takewhile
from typing import Any

import pytest

from carprice_assets.practice_market import Settings, scrape, simulate
from carprice_assets.practice_market.changes import changes
from carprice_assets.practice_market.site import SiteSettings
from carprice_assets.practice_market.site.schema_org_data import converted, price_of

MARKET = simulate(Settings(seed=7, size=300))
PAYLOADS = {found.listing_id: found.payload for found in scrape(MARKET, 0)}
EU = SiteSettings("eu", rate=0.92, currency="EUR", distance="km")
LAST_PAGE = 5


def items(site: Any, pages: Any, page: int) -> list[dict[str, Any]]:
    answer = site.get("/cars/", params={"page": str(page)})
    assert answer.status_code == 200
    (listed,) = pages.linked(answer.text)
    assert listed["@type"] == "ItemList"
    return [element["item"] for element in listed["itemListElement"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24000", 22080),
        ("$24,000", "€22,080"),
        ("Not Priced", "Not Priced"),
        ("1e308", "1e308"),
        (None, None),
    ],
)
def test_converted(text: str | None, expected: object) -> None:
    assert converted(text, 0.92, {"$": "€"}) == expected


def test_search_lists_every_car(eu_site: Any, pages: Any) -> None:
    found = [item for page in range(1, LAST_PAGE + 1) for item in items(eu_site, pages, page)]
    assert {item["url"].rpartition("/")[2] for item in found} == PAYLOADS.keys()
    assert len(found) > len(PAYLOADS)
    assert items(eu_site, pages, LAST_PAGE + 1) == []
    for item in found:
        payload = PAYLOADS[item["url"].rpartition("/")[2]]
        assert item["@type"] == "Car"
        assert item["offers"].get("price") == price_of(payload, "price", EU)
        assert ("mileageFromOdometer" in item) == (payload["mileage"] is not None)


def test_car_of_a_detail_page(eu_site: Any, pages: Any) -> None:
    graphs = first = wheels = list_prices = 0
    for listing_id, payload in list(PAYLOADS.items())[:60]:
        html = eu_site.get(f"/cars/{listing_id}").text
        car, scripts = pages.car(html), pages.linked(html)
        assert car["sku"] == listing_id
        assert car["url"] == f"http://testserver.local/cars/{listing_id}"
        assert car["brand"] == {"@type": "Brand", "name": payload["make"]}
        assert car["vehicleModelDate"] == payload["year"]
        assert car.get("vehicleIdentificationNumber") == payload["vin"]
        assert car["itemCondition"].endswith(f"/{payload['stock_type']}Condition")
        assert ("hasCertification" in car) == payload["cpo_indicator"]
        assert car["offers"]["seller"] == {"@type": "AutoDealer", "name": payload["dealer_name"]}
        assert "msrp" not in html
        if str(payload["price"]).isdecimal():
            assert car["offers"]["price"] == round(int(str(payload["price"])) * 0.92)
            assert car["offers"]["priceCurrency"] == "EUR"
        if str(payload["mileage"]).isdecimal():
            miles = car["mileageFromOdometer"]
            assert miles["unitCode"] == "KMT"
            assert miles["value"] == round(int(str(payload["mileage"])) * 1.609344)
        if listed := car["offers"].get("priceSpecification"):
            assert listed["priceType"].endswith("/ListPrice")
            list_prices += 1
        assert ("priceSpecification" in car["offers"]) == (payload["msrp"] is not None)
        graphs += any("@graph" in script for script in scripts)
        first += scripts[0]["@type"] == "ItemList" if "@type" in scripts[0] else 0
        wheels += "schema.org/" in (car.get("driveWheelConfiguration") or "")
    assert min(graphs, first, wheels, list_prices) >= 5
    assert max(graphs, first, wheels) <= 55


def test_similar_cars_are_others(eu_site: Any, pages: Any) -> None:
    listing_id = next(iter(PAYLOADS))
    lists = [
        thing
        for thing in pages.linked(eu_site.get(f"/cars/{listing_id}").text)
        if thing.get("@type") == "ItemList"
    ]
    others = [element["item"]["url"] for element in lists[0]["itemListElement"]]
    assert len(others) >= 3
    assert not any(listing_id in other for other in others)


def test_stubs_change_exactly_when_payloads_do(eu_site: Any, pages: Any) -> None:
    def shown(day: int) -> dict[str, str]:
        eu_site.post("/practice/day", json={"day": day})
        found = takewhile(bool, (items(eu_site, pages, page) for page in count(1)))
        return {item["url"].rpartition("/")[2]: str(item) for page in found for item in page}

    before, after = shown(4), shown(12)
    truth = changes(MARKET, 4, 12)
    both = before.keys() & after.keys()
    assert truth.changed
    assert {each for each in both if before[each] != after[each]} == truth.changed


def test_script_and_key_of_other_layouts(eu_site: Any, pages: Any) -> None:
    address = f"/cars/{next(iter(PAYLOADS))}"
    pages.switch(eu_site, layout="renamed")
    car = pages.car(eu_site.get(address).text)
    assert "brand" not in car
    assert "brand_name" in car
    assert "price" not in car["offers"]
    pages.switch(eu_site, layout="moved")
    assert pages.linked(eu_site.get(address).text) == []
