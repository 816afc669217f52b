"""Every fault does what it is called, on the share of requests it is switched to."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from carprice_assets.practice_market import Settings, simulate
from carprice_assets.practice_market.site import Faults
from carprice_assets.practice_market.site.faults import SHARES, fault_of, kind_of

CARS = [car.listing_id for car in simulate(Settings(seed=7, size=300)).stock(0)]
DETAIL = f"/vehicledetail/{CARS[0]}/"


def test_no_fault_unless_switched(site: Any) -> None:
    assert {site.get(f"/vehicledetail/{each}/").status_code for each in CARS} == {200}


def test_too_many(open_site: Any) -> None:
    site = open_site(Faults(too_many=1.0, retry_after=7))
    answer = site.get(DETAIL)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert site.get("/shopping/cards").status_code == 429
    for free in ("/robots.txt", "/", "/static/site.css", "/practice/state"):
        assert site.get(free).status_code == 200


def test_server_errors(site: Any, pages: Any) -> None:
    pages.switch(site, server_error=1.0)
    statuses = {site.get(f"/vehicledetail/{each}/").status_code for each in CARS[:40]}
    assert statuses == {500, 502, 503}


def test_interstitial(site: Any, pages: Any) -> None:
    pages.switch(site, interstitial=1.0)
    answers = [site.get(f"/vehicledetail/{each}/") for each in CARS[:20]]
    assert {answer.status_code for answer in answers} == {403, 503}
    assert all("<title>Just a moment…</title>" in answer.text for answer in answers)


def test_slow(site: Any, pages: Any) -> None:
    pages.switch(site, slow=1.0, slow_seconds=0.2)
    began = time.perf_counter()
    assert pages.payload(site.get(DETAIL).text)["listing_id"] == CARS[0]
    assert time.perf_counter() - began >= 0.2


def test_truncated(site: Any, pages: Any) -> None:
    pages.switch(site, truncated=1.0)
    answer = site.get(DETAIL)
    assert answer.status_code == 200
    assert answer.text.endswith("</html>")
    with pytest.raises(json.JSONDecodeError):
        pages.payload(answer.text)
    with pytest.raises(json.JSONDecodeError):
        site.get("/shopping/cards").json()
    assert "</html>" in site.get("/shopping/results/").text


def test_truncated_json_of_schema_org(eu_site: Any, pages: Any) -> None:
    pages.switch(eu_site, truncated=1.0)
    for path in ("/cars/", f"/cars/{CARS[0]}"):
        with pytest.raises(json.JSONDecodeError):
            pages.linked(eu_site.get(path).text)


def test_layouts(site: Any, pages: Any) -> None:
    pages.switch(site, layout="renamed")
    data = pages.payload(site.get(DETAIL).text)
    assert not {"price", "make"} & data.keys()
    assert {"asking_price", "brand_name"} <= data.keys()
    pages.switch(site, layout="moved")
    tree = HTMLParser(site.get(DETAIL).text)
    assert tree.css_first("#initial-activity-data") is None
    assert "listing_id" in tree.css_first("#page-bootstrap-state").text()
    pages.switch(site)
    assert "price" in pages.payload(site.get(DETAIL).text)


def test_endless(site: Any, pages: Any) -> None:
    last = pages.cards(site, 5)
    assert pages.cards(site, 50)["items"] == []
    pages.switch(site, endless=True)
    assert pages.ids(pages.cards(site, 50)) == pages.ids(last)


def test_kinds_limit_the_faults(site: Any, pages: Any) -> None:
    pages.switch(site, too_many=1.0, kinds=["search"])
    assert site.get(DETAIL).status_code == 200
    assert site.get("/shopping/results/").status_code == 429


def test_times_limit_the_faults_of_a_path(site: Any, pages: Any) -> None:
    pages.switch(site, server_error=1.0, times=2)
    assert [site.get(DETAIL).status_code == 200 for _ in range(4)] == [False, False, True, True]
    assert site.get(f"/vehicledetail/{CARS[1]}/").status_code != 200


def test_draws_are_repeatable_and_hit_their_shares() -> None:
    shares = dict.fromkeys(SHARES, 0.05)
    faults = Faults(**shares)
    targets = [f"/vehicledetail/{number}/" for number in range(4000)]
    first = [fault_of(faults, "detail", target, 1) for target in targets]
    assert first == [fault_of(faults, "detail", target, 1) for target in targets]
    assert first != [fault_of(faults, "detail", target, 2) for target in targets]
    assert first != [fault_of(Faults(**shares, seed=2), "detail", target, 1) for target in targets]
    for name in SHARES:
        assert 0.035 < first.count(name) / len(targets) < 0.065


def test_same_requests_meet_the_same_faults(open_site: Any) -> None:
    def statuses(site: Any) -> list[int]:
        paths = [f"/vehicledetail/{each}/" for each in CARS[:15]]
        return [site.get(path).status_code for _ in range(3) for path in paths]

    faults = Faults(too_many=0.2, server_error=0.2, interstitial=0.2)
    first, again = statuses(open_site(faults)), statuses(open_site(faults))
    assert first == again
    assert len(set(first)) > 3


def test_kinds() -> None:
    kinds = {
        "/shopping/results/": "search",
        "/shopping/cards": "search",
        "/cars/": "search",
        "/vehicledetail/1b//": "detail",
        "/cars/1b": "detail",
        "/": None,
        "/robots.txt": None,
        "/images/1b/1.svg": None,
        "/practice/state": None,
    }
    assert {path: kind_of(path) for path in kinds} == kinds


@pytest.mark.parametrize(
    ("switch", "status", "line"),
    [
        ({}, 200, "Disallow: /practice/"),
        ({"robots": "disallow_all"}, 200, "Disallow: /\n"),
        ({"robots": "missing"}, 404, ""),
        ({"robots": "500"}, 500, ""),
        ({"robots_delay": 0.5}, 200, "Crawl-delay: 0.5"),
    ],
)
def test_robots(site: Any, pages: Any, switch: dict[str, object], status: int, line: str) -> None:
    pages.switch(site, **switch)
    answer = site.get("/robots.txt")
    assert answer.status_code == status
    assert line in answer.text
