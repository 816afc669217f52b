"""Faults of a site: asked again where that helps, named where it does not."""

from __future__ import annotations

import pytest

from carprice_assets.sources.crawl import read

pytestmark = pytest.mark.browser


def test_faults_that_pass_cost_another_attempt_each(crawls, cars, reply):
    whole = cars.detail("c4").body
    cars.faults = {
        "/search?page=2": [reply(status=500), reply(cars.search(2).body, cut=True)],
        "/car/c1": [reply(status=502), reply(status=503)],
        "/car/c2": [reply(b"x" * 1000, cut=True)],
        "/car/c3": [reply(delay=3)],
        "/car/c4": [reply(whole[:-20] + b"</script>"), reply(whole[:-20] + b"</script>")],
        "/car/c5": [reply(b"<p>busy</p>")],
        "/robots.txt": [reply(status=500)],
    }

    result = crawls.run(timeout=1.5)

    assert result.state == "complete"
    pages = read(result.journal).pages
    attempts = {
        path: pages[cars.server.url + path]["attempts"] for path in cars.faults if "x" not in path
    }
    assert attempts == {
        "/search?page=2": 3, "/car/c1": 3, "/car/c2": 2, "/car/c3": 2, "/car/c4": 3, "/car/c5": 2
    }  # fmt: skip
    assert result.requests == len(cars.server.log)


def test_faults_that_stay_are_named(crawls, cars, reply):
    cars.always = {
        "/car/c1": reply(status=500),
        "/car/c2": reply(b"<p>nothing</p>"),
        "/car/c3": reply(b'<script id="car">{"id": </script>'),
        "/car/c4": reply(b"x", cut=True, headers={"Content-Length": "50"}),
        "/car/c5": reply(status=418),
        "/car/c6": reply(b"<p>sold already</p>"),
        "/car/c7": reply(status=410),
    }

    result = crawls.run(attempts=3)

    assert result.state == "partial"
    assert result.reason.startswith("5 pages failed: ")
    reasons = {url.rpartition("/")[2]: reason for url, reason in result.failures.items()}
    assert reasons == {
        "c1": "http_500", "c2": "no_data", "c3": "bad_data", "c4": "network", "c5": "http_418"
    }  # fmt: skip
    assert (result.done, result.gone, result.failed, result.pending) == (5, 2, 5, ())
    asked = {number: cars.server.paths().count(f"/car/c{number}") for number in range(1, 8)}
    assert asked == {1: 3, 2: 2, 3: 3, 4: 3, 5: 1, 6: 1, 7: 1}


def test_hostile_pages_are_unreadable(crawls, cars, reply):
    cars.always = {
        "/car/c1": reply(b"x" * 50_000_000),
        "/car/c2": reply(b"Citro\xebn" + cars.detail("c2").body),
        "/car/c3": reply(b'<script id="car">{"id": "c3", "price": 1e999}</script>'),
    }
    cars.prices["c5"] = "http"

    result = crawls.run()

    pages = read(result.journal).pages
    faults = {u.rpartition("/")[2]: p["reason"] for u, p in pages.items() if p.get("unreadable")}
    assert faults == {"c1": "page_too_large", "c2": "wrong_charset", "c3": "bad_value"}
    assert all("payload" not in p for p in pages.values() if p.get("unreadable"))
    assert cars.server.paths().count("/car/c1") == 1


def test_a_card_at_another_host_is_never_asked_for(crawls, cars, reply):
    elsewhere = f"http://localhost:{cars.server.port}/car/c9"
    page = f'<ul id="list"><li data-id="x" data-print="1"><a href="{elsewhere}"></a></li></ul>'
    cars.faults["/search?page=1"] = [reply(page.encode())]

    result = crawls.run()

    line = read(result.journal).pages[elsewhere]
    assert (line["state"], line["reason"], line["unreadable"]) == (
        "failed", "foreign_address", True,
    )  # fmt: skip
    assert (line["requests"], line["attempts"]) == (0, 0)
    assert all(asked.headers["host"].startswith("127") for asked in cars.server.log)


@pytest.mark.long
def test_a_search_that_repeats_itself_for_ever_ends(crawls, cars):
    last = cars.search(3)
    for number in range(4, 10):
        cars.always[f"/search?page={number}"] = last

    result = crawls.run()

    assert result.state == "complete"
    assert read(result.journal).search_end["why"] == "no new listings"
    assert "/search?page=6" not in cars.server.paths()


def test_a_search_that_never_ends_is_cut(crawls, cars):
    cars.per_page = 1

    result = crawls.run(max_pages=7)

    assert (result.state, result.reason) == ("partial", "search cut: max_pages (7)")
    assert result.done == 7


def test_a_failed_search_page_does_not_hide_the_next(crawls, cars, reply):
    crawls.take_in(crawls.run())
    cars.always["/search?page=2"] = reply(status=500)
    cars.server.log.clear()

    result = crawls.run(attempts=2)

    assert result.state == "partial"
    assert "page 2 failed (http_500)" in result.reason
    assert result.seen == 7
    # Without a complete search nobody is taken to be missing.
    assert result.missing == 0


def test_a_changed_layout_stops_the_crawl(crawls, cars, reply):
    cars.prices = {f"c{number}": number for number in range(60)}
    cars.per_page = 60
    cars.detail = lambda listing: reply(b"<main>all new</main>")

    result = crawls.run(attempts=2)

    assert result.state == "partial"
    assert result.reason == "layout: 20 details running had no data"
    assert result.failed >= 20
    assert len(result.pending) == 60 - result.failed


@pytest.mark.long
def test_an_adapter_that_breaks_fails_its_page_alone(crawls, cars, rendering):
    read_detail = rendering.read_detail

    def broken(html, address):
        if address.endswith("c3"):
            raise RecursionError("too deep")
        return read_detail(html, address)

    rendering.renders = frozenset()
    rendering.read_detail = broken

    result = crawls.run(rendering, attempts=1)

    assert result.failures == {f"{cars.server.url}/car/c3": "adapter_error"}
