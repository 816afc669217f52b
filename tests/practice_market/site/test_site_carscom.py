"""The template carscom shows what the simulator has, as a real marketplace's pages do."""

from __future__ import annotations

from functools import partial
from itertools import count, pairwise, takewhile
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser
from selectolax.lexbor import LexborNode as Node

from carprice_assets.practice_market import DirtRates, Settings, payload_of, scrape, simulate
from carprice_assets.practice_market.changes import changes
from carprice_assets.practice_market.dirt import Rolls

LAST_PAGE = 5
MARKET = simulate(Settings(seed=7, size=300))


def steady(card: Node) -> str:
    """Text of a card without what may be another every day."""
    for volatile in card.css(".deal-badge, .rating"):
        volatile.decompose()
    return card.text(separator="|", strip=True)


def all_cards(site: Any, pages: Any) -> dict[str, str]:
    """Listing id to steady text, of all cards of the search."""
    page_of = partial(pages.cards, site)
    return {
        each: steady(HTMLParser(markup).css_first(".vehicle-card"))
        for found in takewhile(lambda found: found["items"], map(page_of, count(1)))
        for each, markup in zip(pages.ids(found), found["cards"], strict=True)
    }


def test_results_page_holds_no_list_before_its_script_ran(site: Any) -> None:
    answer = site.get("/shopping/results/", params={"page": "2", "stock_type": "all"})
    assert answer.status_code == 200
    assert "itemListElement" not in answer.text
    assert "vehicle-card" not in answer.text
    script = HTMLParser(answer.text).css_first("script[src^='/static/']").attributes["src"]
    assert "itemListElement" in site.get(script).text


def test_search_lists_every_car_and_repeats_some_on_the_next_page(site: Any, pages: Any) -> None:
    rates = DirtRates()
    found = [pages.cards(site, page) for page in range(1, LAST_PAGE + 1)]
    listed = [pages.ids(each) for each in found]
    assert {each for page in listed for each in page} == {c.listing_id for c in MARKET.stock(0)}
    again = {
        car.listing_id
        for car in MARKET.stock(0)
        if Rolls(car.listing_id)["repeated"] < rates.repeated
    }
    for before, here in pairwise(listed):
        assert set(before) & set(here) == again & set(before[:60])
    assert sum(map(len, listed)) > 300
    assert pages.cards(site, LAST_PAGE + 1)["items"] == []


def test_items_lead_to_the_cards_with_two_slashes(site: Any, pages: Any) -> None:
    found = pages.cards(site)
    for place, (item, markup) in enumerate(zip(found["items"], found["cards"], strict=True), 1):
        card = HTMLParser(markup).css_first("div.vehicle-card")
        listing_id = card.attributes["data-listing-id"]
        assert item["@type"] == "ListItem"
        assert item["position"] == place
        assert item["url"] == f"http://testserver.local/vehicledetail/{listing_id}//"
        assert item["name"] == card.css_first("h2.title").text()
        href = card.css_first("a.vehicle-card-link").attributes["href"]
        assert href == f"/vehicledetail/{listing_id}/"


def test_card_words(site: Any, pages: Any) -> None:
    payloads = {found.listing_id: found.payload for found in scrape(MARKET, 0)}
    secondary: set[str] = set()
    for page in range(1, LAST_PAGE + 1):
        found = pages.cards(site, page)
        for listing_id, markup in zip(pages.ids(found), found["cards"], strict=True):
            payload, card = payloads[listing_id], HTMLParser(markup)
            kind = card.css_first("p.stock-type").text()
            assert kind.endswith(" Certified") == payload["cpo_indicator"]
            price = card.css_first("span.primary-price").text()
            digits = "".join(c for c in str(payload["price"] or "") if c.isdigit())
            assert price == (f"${int(digits):,}" if digits else "Not Priced")
            miles = card.css_first("div.mileage")
            assert (miles is None) == (payload["mileage"] is None)
            assert card.css_first("div.dealer-name span.rating") is not None
            if second := card.css_first("span.secondary-price"):
                secondary.add(second.text().split(" $")[0])
    assert secondary == {"MSRP", "price drop"}


@pytest.mark.parametrize(("was", "now"), [(4, 12), (0, 15)])
def test_cards_change_exactly_when_payloads_do(site: Any, pages: Any, was: int, now: int) -> None:
    """From day 0 to 15, cars without a price shown are re-priced for the first time."""
    site.post("/practice/day", json={"day": was})
    before = all_cards(site, pages)
    site.post("/practice/day", json={"day": now})
    after = all_cards(site, pages)
    truth = changes(MARKET, was, now)
    assert truth.changed
    assert after.keys() - before.keys() == truth.new
    assert before.keys() - after.keys() == truth.gone
    both = before.keys() & after.keys()
    assert {each for each in both if before[each] != after[each]} == truth.changed


def test_sponsored_car_is_of_another_page_and_no_item(site: Any, pages: Any) -> None:
    found = pages.cards(site, 1)
    tile = HTMLParser(found["sponsored"])
    assert tile.css_first(".vehicle-card") is None
    advertised = tile.css_first("a").attributes["href"].split("/")[2]
    assert advertised not in pages.ids(found)
    assert advertised in pages.ids(pages.cards(site, 2))


def test_filters_of_the_search(site: Any, pages: Any) -> None:
    words = {"new": "New", "used": "Used", "cpo": "Certified"}
    for key, stock_type in words.items():
        expected = sum(car.vehicle.stock_type == stock_type for car in MARKET.stock(0))
        assert pages.cards(site, stock_type=key)["found"] == expected
    assert pages.cards(site, make="toyota")["found"] == sum(
        car.vehicle.make == "Toyota" for car in MARKET.stock(0)
    )


def test_detail_page_holds_the_payload_among_noise(site: Any, pages: Any) -> None:
    rates = DirtRates()
    for car in MARKET.stock(0)[:20]:
        answer = site.get(f"/vehicledetail/{car.listing_id}//")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        data, expected = pages.payload(answer.text), payload_of(car, rates)
        assert {key: data[key] for key in expected} == expected
        assert len(data) - len(expected) >= 50
        kinds = [thing["@type"] for thing in pages.linked(answer.text)]
        assert kinds == ["WebSite", "BreadcrumbList"]
        assert 25_000 < len(answer.content) < 60_000


def test_carousel_never_holds_the_main_car(site: Any, pages: Any) -> None:
    car = MARKET.stock(0)[5]
    html = site.get(f"/vehicledetail/{car.listing_id}/").text
    tree = HTMLParser(html)
    shown = [card.attributes["data-listing-id"] for card in tree.css(".carousel .vehicle-card")]
    assert len(shown) == len(set(shown)) >= 3
    assert car.listing_id not in shown
    assert tree.css_first("script.carousel-data") is not None


def test_page_of_an_unchanged_car_keeps_all_but_the_volatile(site: Any, pages: Any) -> None:
    kept = sorted(changes(MARKET, 0, 1).unchanged)[:10]

    def shown(listing_id: str) -> tuple[str, dict[str, Any]]:
        html = site.get(f"/vehicledetail/{listing_id}/").text
        tree = HTMLParser(html)
        for volatile in tree.css(".deal-badge, .rating, .carousel, script"):
            volatile.decompose()
        data = pages.payload(html)
        tokens = ("session_id", "trip_id", "request_id", "page_key", "visitor_token", "ab_seed")
        assert all(data.pop(token) for token in tokens)
        return tree.html or "", data

    before = [shown(each) for each in kept]
    site.post("/practice/advance", json={"days": 1})
    assert [shown(each) for each in kept] == before
