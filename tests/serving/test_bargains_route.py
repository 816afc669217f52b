"""The list of bargains over HTTP: filters, order, what is kept, and what is refused."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from serving_fakes import FakeSource
from serving_lists import bargain_list, content

from carprice_assets.bargains.published import FOLDER, POINTER, publish
from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.app import create_app
from carprice_serving.bargain_lists import BargainLists, safe_address
from carprice_serving.champions import HomeReleases
from carprice_serving.heads import answer_head
from carprice_serving.settings import Settings

ROUTE = "/api/v1/us/bargains"


@pytest.fixture
def asked(client: Any, source: FakeSource) -> Any:
    """Ask for the list of `us`; gives ids, or the whole answer of another status."""
    source.lists["us"] = bargain_list()

    def ask(**query: Any) -> Any:
        answer = client.get(ROUTE, params=query)
        if answer.status_code != 200:
            return answer
        return [each["listing_id"] for each in answer.json()["bargains"]]

    return ask


def test_the_list_as_it_was_published(client: Any, source: FakeSource) -> None:
    found = source.lists["us"] = bargain_list()
    told = client.get(ROUTE).json()
    assert (told["market"], told["list"], told["day"]) == ("us", found.id, "2024-10-04")
    assert (told["currency"], told["distance_unit"], told["coverage"]) == ("USD", "mi", 0.9)
    assert (told["total"], told["total_apart"], told["offers"]) == (4, 2, 10)
    assert told["stale_days"] == 14
    assert told["detail"].startswith("4 bargains and 2 set apart of 10 current offers")
    assert told["apart"] == []
    first = told["bargains"][0]
    assert (first["make"], first["price"], first["expected"]) == ("Volkswagen", 13_000, 20_000)
    assert (first["low"], first["high"]) == (18_000, 22_000)
    assert (first["saving"], first["saving_share"]) == (7_000, 0.35)
    civic = told["bargains"][2]
    assert (civic["drops"], civic["first_price"], civic["days_on_sale"]) == (2, 17_500, 3)
    assert civic["comparables"]["on_sale"][0]["days_on_sale"] == 10
    assert civic["comparables"]["gone"][0]["price"] == 20_500
    accord = told["bargains"][3]
    assert [doubt["code"] for doubt in accord["doubts"]] == ["missing_mileage"]
    assert "dealer" not in first


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, ["golf-1", "civic-2", "civic-1", "accord-1"]),
        ({"make": "VW"}, ["golf-1"]),
        ({"make": "honda", "model": "civic"}, ["civic-2", "civic-1"]),
        ({"model": "Accord"}, ["accord-1"]),
        ({"max_price": "14,000"}, ["golf-1", "civic-1"]),
        ({"min_saving": 0.3}, ["golf-1", "civic-2", "civic-1"]),
        ({"min_saving": "0,3"}, ["golf-1", "civic-2", "civic-1"]),
        ({"min_year": 2020}, ["golf-1", "civic-2", "accord-1"]),
        ({"sort": "price"}, ["golf-1", "civic-1", "accord-1", "civic-2"]),
        ({"sort": "saving"}, ["civic-2", "golf-1", "civic-1", "accord-1"]),
        ({"sort": "saving_share"}, ["civic-2", "golf-1", "civic-1", "accord-1"]),
        ({"sort": "newest"}, ["golf-1", "civic-1", "accord-1", "civic-2"]),
        ({"sort": "year"}, ["accord-1", "golf-1", "civic-2", "civic-1"]),
        ({"sort": "mileage"}, ["golf-1", "civic-1", "civic-2", "accord-1"]),
        ({"limit": 2}, ["golf-1", "civic-2"]),
        ({"limit": 2, "offset": 3}, ["accord-1"]),
        ({"offset": 9}, []),
        ({"make": "Lada"}, []),
        ({"make": "", "max_price": "", "min_saving": ""}, [
            "golf-1", "civic-2", "civic-1", "accord-1"]),
    ],
)  # fmt: skip
def test_filters_and_order(asked: Any, query: dict[str, Any], ids: list[str]) -> None:
    assert asked(**query) == ids


def test_the_newest_is_the_one_first_seen_last(client: Any, source: FakeSource) -> None:
    """However few days it was seen."""
    made = content()
    made["bargains"][1] |= {
        "first_seen": "2024-09-04",
        "last_seen": "2024-09-04",
        "days_on_sale": 0,
    }
    source.lists["us"] = bargain_list(bargains=made["bargains"])
    told = client.get(ROUTE, params={"sort": "newest"}).json()["bargains"]
    assert [each["listing_id"] for each in told][-1] == "civic-2"


def test_a_name_that_means_nothing_is_refused(client: Any, source: FakeSource) -> None:
    source.lists["us"] = bargain_list()
    asked = client.get(ROUTE, params={"colour": "red", "max_prise": "1", "make": "Honda"})
    assert asked.status_code == 422
    assert [each["field"] for each in asked.json()["errors"]] == ["colour", "max_prise"]
    assert "did you mean max_price?" in asked.json()["detail"]


def test_those_set_apart_share_limit_and_offset(client: Any, source: FakeSource) -> None:
    source.lists["us"] = bargain_list()
    told = client.get(ROUTE, params={"apart": "1", "limit": 1, "offset": 1}).json()
    assert [each["listing_id"] for each in told["bargains"]] == ["civic-2"]
    assert (len(told["apart"]), told["total_apart"]) == (1, 2)
    assert client.get(ROUTE, params={"apart": "1", "offset": 2}).json()["apart"] == []


def test_those_set_apart_come_when_asked_for(client: Any, source: FakeSource) -> None:
    source.lists["us"] = bargain_list()
    apart = client.get(ROUTE, params={"apart": "true", "min_saving": 0.3}).json()["apart"]
    assert {each["listing_id"] for each in apart} == {"typo-1", "salvage-1"}
    assert {each["doubts"][0]["code"] for each in apart} == {"digit_missing", "salvage"}
    cheap = client.get(ROUTE, params={"apart": "1", "max_price": 3_000}).json()
    assert [each["listing_id"] for each in cheap["apart"]] == ["typo-1"]
    assert cheap["total_apart"] == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_price", "cheap"), ("max_price", "-1"), ("max_price", "nan"), ("min_saving", "1"),
        ("min_saving", "20%"), ("min_saving", "0,2,1"), ("min_saving", "nan"),
        ("min_year", "20"), ("min_year", "٢٠٢٠"),
        ("sort", "colour"), ("limit", "0"), ("limit", "101"), ("offset", "-1"), ("apart", "maybe"),
        ("make", "x" * 101), ("limit", "9" * 500),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_read_is_named(asked: Any, field: str, value: str) -> None:
    answer = asked(**{field: value})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_all_bad_fields_are_named_at_once(client: Any) -> None:
    answer = client.get(f"{ROUTE}?limit=x&sort=y&make=a&make=b")
    assert {each["field"] for each in answer.json()["errors"]} == {"limit", "sort", "make"}


def test_a_market_without_a_list_says_so(client: Any) -> None:
    answer = client.get(ROUTE)
    told = answer.json()
    assert (answer.status_code, told["list"], told["bargains"], told["total"]) == (200, None, [], 0)
    assert "no list of bargains yet" in told["detail"]
    assert "etag" not in answer.headers
    for name in ("mars", "..", "%2e%2e"):
        answer = client.get(f"/api/v1/{name}/bargains")
        assert answer.status_code == 404
    assert client.get("/api/v1/mars/bargains").json()["errors"][0]["field"] == "market"


def test_an_unchanged_list_is_not_sent_again(client: Any, source: FakeSource) -> None:
    source.lists["us"] = bargain_list()
    first = client.get(ROUTE)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for named in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = client.get(ROUTE, headers={"if-none-match": named})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(ROUTE, headers={"if-none-match": '"other"'}).status_code == 200
    source.lists["us"] = bargain_list(day="2024-10-05")
    later = client.get(ROUTE, headers={"if-none-match": tag})
    assert (later.status_code, later.json()["day"]) == (200, "2024-10-05")


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://example.org/a?b=1", True), ("http://127.0.0.1/x", True),
        ("javascript:alert(1)", False), ("JAVASCRIPT://x/%0aalert(1)", False),
        ("data:text/html,x", False), ("//example.org", False), ("/x", False), ("", False),
        ("http://[", False), ("https:///path", False), (None, False),
    ],
)  # fmt: skip
def test_an_address_that_no_browser_may_follow_is_left_out(address: Any, safe: bool) -> None:
    assert safe_address(address) == (address if safe else None)


def test_a_listing_without_such_an_address_is_told_without(client: Any, source: FakeSource) -> None:
    made = content()
    made["bargains"][0]["url"] = "javascript:alert(1)"
    source.lists["us"] = bargain_list(bargains=made["bargains"])
    assert client.get(ROUTE).json()["bargains"][0]["url"] is None


# Lists on disk.


def ask(home: Home, path: str = ROUTE) -> Any:
    with TestClient(create_app(Settings(home=home))) as client:
        return client.get(path)


def test_a_damaged_list_is_refused_without_its_place(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    found = publish(ReleaseStore(home.releases), "us", content())
    assert ask(home).json()["list"] == found.id
    path = home.releases / "us" / FOLDER / f"{found.id}.json"
    path.write_bytes(path.read_bytes().replace(b"20000", b"30000"))
    with caplog.at_level(logging.WARNING):
        answer = ask(home)
    assert (answer.status_code, answer.json()["type"]) == (
        503,
        "urn:carprice:problem:list-unreadable",
    )
    assert str(home.root) not in answer.text
    assert "is changed" in caplog.text


def test_the_list_before_stays_while_the_new_one_cannot_be_read(home: Home) -> None:
    times = [0.0]
    lists = BargainLists(HomeReleases(home), retry_seconds=30.0, clock=lambda: times[0])
    assert lists.present("us") is None
    first = publish(ReleaseStore(home.releases), "us", content())
    shown = lists.present("us")
    assert shown is not None
    assert lists.present("us") is shown  # kept, not read anew
    second = publish(ReleaseStore(home.releases), "us", content(day="2024-10-05"))
    path: Path = home.releases / "us" / FOLDER / f"{second.id}.json"
    whole = path.read_bytes()
    path.write_bytes(b"{}")
    assert lists.present("us") is shown
    path.write_bytes(whole)
    times[0] = 29.0
    assert lists.present("us") is shown
    times[0] = 31.0
    later = lists.present("us")
    assert later is not None
    assert (later.found.id, first.id) == (second.id, shown.found.id)
    (home.releases / "us" / POINTER).unlink()
    assert lists.present("us") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"year": "new"}, {"price": -1}, {"saving": -500}, {"saving": None}, {"low": 21_000},
        {"first_seen": "2024-10-05"}, {"last_seen": "2024-10-05"}, {"last_drop": "2031-01-01"},
        {"score": 1.5}, {"days_on_sale": -1}, {"drops": -1}, {"mileage": -1}, {"year": 20_210},
        {"last_seen": "2024-10-01"}, {"comparables": {"on_sale": [], "gone": [{
            "year": 2020, "trim": "", "mileage": None, "stock_type": "Used", "price": 1,
            "last_seen": "2024-10-05", "delisted": None}]}},
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_is_a_malformed_list(home: Home, wrong: dict[str, Any]) -> None:
    made = content()
    made["bargains"][0] |= wrong
    publish(ReleaseStore(home.releases), "us", made)
    assert ask(home).status_code == 503


def test_what_is_no_entry_is_a_malformed_list(home: Home) -> None:
    publish(ReleaseStore(home.releases), "us", content(bargains=[1]))
    assert ask(home).status_code == 503


def test_dear_ones_apart_in_older_lists_are_still_read(home: Home) -> None:
    made = content()
    made["apart"][0] |= {"price": 90_000, "saving": -70_000, "saving_share": -3.5}
    publish(ReleaseStore(home.releases), "us", made)
    assert ask(home, f"{ROUTE}?apart=1").json()["apart"][0]["saving"] == -70_000


def test_a_text_without_end_is_cut(home: Home) -> None:
    made = content()
    made["bargains"][0]["trim"] = "x" * 3_000
    publish(ReleaseStore(home.releases), "us", made)
    assert ask(home).json()["bargains"][0]["trim"] == "x" * 299 + "…"
    page = ask(home, "/bargains?market=us").text
    heading = page.partition('id="bargain-1">')[2].partition("</h2>")[0]
    assert (len(heading), heading[-2:]) == (100, "x…")


# HEAD.


@pytest.mark.parametrize(
    "path", [ROUTE, "/bargains", "/value", "/markets", "/models", "/health", "/schema/openapi.json"]
)
def test_head_is_get_without_a_body(client: Any, source: FakeSource, path: str) -> None:
    source.lists["us"] = bargain_list()
    got, asked = client.get(path), client.head(path)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-type"] == got.headers["content-type"]
    assert asked.headers["content-length"] == got.headers["content-length"]
    assert asked.headers.get("etag") == got.headers.get("etag")


def test_of_an_answer_to_head_no_byte_is_sent() -> None:
    sent: list[Any] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        assert scope["method"] == "GET"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(answer_head(app, {"method": "HEAD"}, None, send))
    assert [each.get("body") for each in sent] == [None, b"", b""]


def test_head_is_refused_as_get_is_and_counted_by_its_route(client: Any) -> None:
    assert client.head(f"{ROUTE}?limit=x").status_code == 422
    assert client.head("/nowhere").status_code == 404
    assert client.head("/api/v1/predict").status_code == 405
    assert 'route="/api/v1/{market}/bargains"' in client.get("/metrics").text
