"""The page of bargains: cards, filters, what is told where there is nothing, and its links."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from litestar.testing import TestClient
from serving_fakes import FakeSource
from serving_lists import bargain_list, content

from carprice_assets.bargains.published import FOLDER, publish
from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

BROWSER = {"accept": "text/html"}
NAMES = ["2020 Volkswagen Golf EX", "2020 Honda Civic Sport", "2019 Honda Civic EX",
         "2021 Honda Accord EX"]  # fmt: skip


@pytest.fixture
def page(client: Any, source: FakeSource) -> Any:
    """The text of the page of `us` with the fields of an address."""
    source.lists["us"] = bargain_list()

    def asked(status: int = 200, **query: Any) -> str:
        answer = client.get("/bargains", params={"market": "us", **query}, headers=BROWSER)
        assert answer.status_code == status
        return unescape(answer.text)

    return asked


def shown(text: str) -> list[str]:
    """Names of the cars among the bargains, in order."""
    return re.findall(r'<h2 id="bargain-\d+">(.*?)</h2>', text)


def card(text: str, name: str) -> str:
    """The card of one car."""
    return next(each for each in text.split("<article")[1:] if f">{name}</h" in each)


def test_a_card_tells_all_that_is_known_of_an_offer(page: Any) -> None:
    text = page()
    assert shown(text) == NAMES
    assert "as last seen up to 4 Oct 2024" in text
    assert "looked for among 10 offers seen within 14 days before" in text
    assert "1 to 4 of 4 bargains" in text
    civic = card(text, "2019 Honda Civic EX")
    for told in ("$14,000", "$6,000 (30\N{NARROW NO-BREAK SPACE}%) below expected", "$18,000",
                 "$20,000", "$22,000", "30,000\N{NO-BREAK SPACE}mi", "3 days", "2, from $17,500",
                 "4 Oct 2024", "On sale", "Lately gone", "$20,500"):  # fmt: skip
        assert told in civic, told
    assert "delisted" in civic
    assert '<svg class="range"' in civic
    assert "Expected $20,000, range $18,000 to $22,000, asked $14,000." in civic
    assert "its mileage is not stated" in card(text, "2021 Honda Accord EX").lower()
    assert "seen on one day" in card(text, "2020 Volkswagen Golf EX")


def test_those_set_apart_are_folded_with_their_reasons(page: Any) -> None:
    text = page()
    before, _, apart = text.partition('<details class="apart">')
    assert "2 more likely no bargains" in apart
    assert "salvage" not in before
    assert "2018 Honda Civic EX" in apart
    assert "Its page says 'salvage'" in apart
    assert "Value it" not in apart
    assert "Open the listing" in apart


def test_links_of_a_card(page: Any) -> None:
    civic = card(page(), "2019 Honda Civic EX")
    listing = re.search(r'<a href="(http[^"]+)" rel="([^"]+)"', civic)
    assert listing
    assert listing.groups() == ("http://127.0.0.1/civic-1", "noopener nofollow")
    value = re.search(r'<a href="(/value[^"]+)"', civic)
    assert value
    assert parse_qs(urlsplit(value[1]).query, keep_blank_values=True) == {
        "market": ["us"], "make": ["Honda"], "model": ["Civic"], "year": ["2019"], "trim": ["EX"],
        "mileage": ["30000"], "stock_type": ["Used"], "asking_price": ["14000"],
        "drivetrain": ["Front-wheel Drive"], "msrp": ["24500"], "cat": [""], "fuel_type": [""],
        "bodystyle": [""], "exterior_color": [""], "interior_color": [""],
    }  # fmt: skip
    assert "fits that have not seen this car" in civic


def test_the_link_states_what_the_listing_states_and_no_more(
    client: Any, source: FakeSource
) -> None:
    """Else the page would fill in what is usual, and value another car than the card does."""
    source.lists["us"] = bargain_list()
    text = unescape(client.get("/bargains").text)
    [address] = re.findall(r'href="(/value[^"]+)"', card(text, "2021 Honda Accord EX"))
    assert parse_qs(urlsplit(address).query, keep_blank_values=True)["mileage"] == [""]
    value = unescape(client.get(address, headers=BROWSER).text)
    assert 'name="mileage" value=""' in value
    assert 'title="Filled in' not in value
    assert "Bargains</em> asks fits that have not seen it" in value


def test_a_list_of_an_older_version_links_what_it_knows(client: Any, source: FakeSource) -> None:
    made = content()
    for entry in (*made["bargains"], *made["apart"]):
        del entry["car"]
    source.lists["us"] = bargain_list(bargains=made["bargains"], apart=made["apart"])
    text = unescape(client.get("/bargains").text)
    [address] = re.findall(r'href="(/value[^"]+)"', card(text, "2019 Honda Civic EX"))
    assert parse_qs(urlsplit(address).query, keep_blank_values=True).keys() == {
        "market", "make", "model", "year", "trim", "mileage", "stock_type", "asking_price",
    }  # fmt: skip
    assert client.get("/api/v1/us/bargains").json()["bargains"][0]["car"] is None


def test_a_car_whose_own_price_was_learned_is_not_said_to_be_unseen(
    client: Any, source: FakeSource
) -> None:
    made = content()
    for entry in made["bargains"]:
        entry["doubts"] = [{"code": "learned_from", "field": "price", "message": "its own price"}]
    source.lists["us"] = bargain_list(bargains=made["bargains"])
    assert "fits that have not seen this car" not in client.get("/bargains").text


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil.example"])
def test_no_link_but_http(client: Any, source: FakeSource, address: str) -> None:
    made = content()
    made["bargains"][0]["url"] = made["apart"][0]["url"] = address
    source.lists["us"] = bargain_list(bargains=made["bargains"], apart=made["apart"])
    text = client.get("/bargains").text
    assert address not in text
    assert text.count("Open the listing") == 4


def test_texts_are_escaped_and_no_seller_is_told(client: Any, source: FakeSource) -> None:
    made = content()
    evil = '<img src=x onerror="alert(1)">'
    made["bargains"][0] |= {"trim": evil, "dealer": "Jane Doe"}
    made["bargains"][0]["doubts"] = [{"code": "x", "field": "page", "message": evil}]
    source.lists["us"] = bargain_list(bargains=made["bargains"])
    text = client.get("/bargains").text
    assert evil not in text
    assert "&lt;img src=x" in text
    assert "Jane Doe" not in text


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({"make": "Honda"}, [1, 2, 3]),
        ({"make": "Honda", "model": "Accord"}, [3]),
        ({"make": "VW"}, [0]),
        ({"max_price": "$14,000"}, [0, 2]),
        ({"min_saving": "0.3"}, [0, 1, 2]),
        ({"min_year": "2021"}, [3]),
        ({"sort": "newest"}, [0, 2, 3, 1]),
    ],
)
def test_the_form_chooses_as_the_api_does(
    page: Any, client: Any, query: dict[str, str], places: list[int]
) -> None:
    text = page(**query)
    assert shown(text) == [NAMES[place] for place in places]
    api = client.get("/api/v1/us/bargains", params=query).json()
    assert [f"{e['year']} {e['make']} {e['model']} {e['trim']}" for e in api["bargains"]] == shown(
        text
    )


def test_what_was_chosen_stays_in_the_form(page: Any) -> None:
    text = page(make="honda", model="civic", min_saving="0.12", sort="price", max_price="20,000")
    selected = re.findall(r'<option value="([^"]*)" selected', text)
    assert selected == ["Honda", "Civic", "0.12", "price"]
    assert 'name="max_price" inputmode="decimal" autocomplete="off" size="9" value="20,000"' in text
    assert '<option value="Accord">Accord (1)</option>' in text
    assert '<option value="Volkswagen">' in text
    assert "12\N{NARROW NO-BREAK SPACE}% or more" in text
    other = page(make="Lada", model="Niva")
    assert re.findall(r'<option value="([^"]*)" selected', other) == ["Lada", "Niva", "rank"]


def test_a_bad_field_is_named_beside_it_and_passed_over(page: Any) -> None:
    text = page(422, max_price="cheap", min_year="2020", offset="x")
    field = re.search(r'<div class="field max_price wrong">.*?</div>', text, re.DOTALL)
    assert field
    assert 'aria-invalid="true" aria-describedby="e-max_price"' in field[0]
    assert 'id="e-max_price">Must be an amount' in field[0]
    assert 'value="cheap"' in field[0]
    assert "offset (must be a whole number" in text
    assert shown(text) == [NAMES[0], NAMES[1], NAMES[3]]


def test_a_name_that_means_nothing_is_told(page: Any) -> None:
    assert "No field of this page, and passed over: colour." in page(colour="red")
    assert "passed over" not in page(sort="price", limit="2")


def test_steps_keep_the_filters(page: Any) -> None:
    text = page(limit="1", make="Honda")
    assert shown(text) == [NAMES[1]]
    assert "Those before" not in text
    after = re.search(r'rel="next" href="([^"]+)"', text)
    assert after
    query = parse_qs(urlsplit(after[1]).query)
    assert query == {"market": ["us"], "make": ["Honda"], "offset": ["1"], "limit": ["1"]}
    last = page(limit="1", make="Honda", offset="2")
    assert shown(last) == [NAMES[3]]
    assert 'rel="prev"' in last
    assert 'rel="next"' not in last


def test_where_there_is_nothing_the_page_says_why(
    page: Any, client: Any, source: FakeSource, settings: Settings
) -> None:
    assert "Nothing in the list passes these filters" in page(make="Lada")
    beyond = page(offset="50", limit="3")
    assert "The list ends before this" in beyond
    assert "It has 4 bargains; this address asks for those after the first 50." in beyond
    assert 'class="steps"' not in beyond
    last = re.search(r'<a href="([^"]+)">Show the last of them', beyond)
    assert last
    query = parse_qs(urlsplit(last[1]).query)
    assert (query["offset"], query["limit"]) == (["3"], ["3"])
    assert shown(page(offset="3", limit="3")) == NAMES[3:]
    source.lists["us"] = bargain_list(bargains=[], apart=[])
    text = client.get("/bargains").text
    assert "No current offer is a bargain" in text
    assert "Set apart" not in text
    del source.lists["us"]
    text = client.get("/bargains").text
    assert "No list of bargains yet" in text
    assert "carprice bargains --market us --anew" in text
    with TestClient(create_app(settings, FakeSource())) as bare:
        assert "No market has a champion yet" in bare.get("/bargains").text
    unknown = client.get("/bargains?market=mars", headers=BROWSER)
    assert unknown.status_code == 404
    assert "Unknown market" in unknown.text


def test_a_list_that_cannot_be_read_is_a_page_too(home: Home) -> None:
    found = publish(ReleaseStore(home.releases), "us", content())
    path = home.releases / "us" / FOLDER / f"{found.id}.json"
    path.write_bytes(b"{}")
    with TestClient(create_app(Settings(home=home))) as client:
        answer = client.get("/bargains?market=us", headers=BROWSER)
    assert answer.status_code == 503
    assert "cannot be read" in answer.text
    assert str(home.root) not in answer.text
