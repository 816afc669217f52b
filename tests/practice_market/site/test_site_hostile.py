"""Hostile pages are listed on the first search page, each with its own harm."""

from __future__ import annotations

from typing import Any

import pytest

from carprice_assets.practice_market.site import HOSTILE


def detail(site: Any, pages: Any, name: str) -> Any:
    pages.switch(site, hostile=True, hostile_port=4321)
    return site.get(f"/vehicledetail/{HOSTILE[name]}/")


def test_listed_on_the_first_page_only_when_switched(site: Any, pages: Any) -> None:
    assert not set(HOSTILE.values()) & set(pages.ids(pages.cards(site)))
    assert site.get(f"/vehicledetail/{HOSTILE['absurd_price']}/").status_code == 404
    pages.switch(site, hostile=True)
    assert set(HOSTILE.values()) <= set(pages.ids(pages.cards(site)))
    assert not set(HOSTILE.values()) & set(pages.ids(pages.cards(site, 2)))
    assert len(HOSTILE) == len(set(HOSTILE.values())) == 8


def test_script_in_the_dealers_name(site: Any, pages: Any) -> None:
    data = pages.payload(detail(site, pages, "script_in_dealer_name").text)
    assert data["dealer_name"] == "<script>alert(1)</script> Motors"
    assert data["price"].isdecimal()


def test_huge_page(site: Any, pages: Any) -> None:
    answer = detail(site, pages, "huge_page")
    assert len(answer.content) >= 50_000_000
    assert pages.payload(answer.text)["listing_id"] == HOSTILE["huge_page"]


def test_deep_json(site: Any, pages: Any) -> None:
    html = detail(site, pages, "deep_json").text
    assert f'"interior_color":{"[" * 1000}{"]" * 1000},' in html


def test_wrong_charset(site: Any, pages: Any) -> None:
    answer = detail(site, pages, "wrong_charset")
    assert "charset=utf-8" in answer.headers["content-type"]
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode("utf-8")
    data = pages.payload(answer.content.decode("latin-1"))
    assert data["exterior_color"] == "Grün"
    assert "Müller" in data["dealer_name"]


def test_absurd_price(site: Any, pages: Any) -> None:
    assert float(pages.payload(detail(site, pages, "absurd_price").text)["price"]) == 1e308


def test_foreign_address(site: Any, pages: Any) -> None:
    assert detail(site, pages, "foreign_address").status_code == 404
    urls = [item["url"] for item in pages.cards(site)["items"]]
    assert f"http://elsewhere.invalid/vehicledetail/{HOSTILE['foreign_address']}//" in urls


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("redirect_to_metadata", "http://169.254.169.254/latest/meta-data/"),
        ("redirect_to_other_port", "http://127.0.0.1:4321/"),
    ],
)
def test_redirects(site: Any, pages: Any, name: str, target: str) -> None:
    answer = detail(site, pages, name)
    assert answer.status_code == 302
    assert answer.headers["location"] == target


def test_in_the_other_template(eu_site: Any, pages: Any) -> None:
    pages.switch(eu_site, hostile=True)
    (listed,) = pages.linked(eu_site.get("/cars/").text)
    urls = [element["item"]["url"] for element in listed["itemListElement"]]
    assert f"http://elsewhere.invalid/cars/{HOSTILE['foreign_address']}" in urls
    assert sum(url.rpartition("/")[2] in HOSTILE.values() for url in urls) == 8
    car = pages.car(eu_site.get(f"/cars/{HOSTILE['absurd_price']}").text)
    assert float(car["offers"]["price"]) == 1e308
    assert eu_site.get(f"/cars/{HOSTILE['redirect_to_metadata']}").status_code == 302
    assert "[" * 1000 in eu_site.get(f"/cars/{HOSTILE['deep_json']}").text
