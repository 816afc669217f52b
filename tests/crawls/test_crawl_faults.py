"""A site that fails: its crawl ends whole, or names exactly what is missing."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from crawl_kit import asked, detail_ids, pages, raw_ids, scrape
from practice_sites import RunningSite

pytestmark = pytest.mark.browser

EVERY_WAY = ("too_many", "server_error", "slow", "cut", "truncated")
MIXED = dict.fromkeys(EVERY_WAY, 0.01) | {"slow_seconds": 0.4}
"""Together 5 % of the requests."""
# Fewer 429s than of the others: three running, which a seed cannot rule out, are a refusal.
EACH = dict.fromkeys(EVERY_WAY, 0.05) | {"slow_seconds": 0.4, "too_many": 0.02}


def unseen_of(site: RunningSite, addresses: list[str]) -> set[str]:
    """Listings of some search pages, by the order in which the site lists its stock."""
    stock = [car.listing_id for car in site.simulated.stock(site.state()["day"])]
    numbers = [int(parse_qs(urlsplit(address).query)["page"][0]) for address in addresses]
    size = site.per_page
    return {each for number in numbers for each in stock[(number - 1) * size : number * size]}


def check_names(site: RunningSite, crawl_id: str) -> set[str]:
    """What is missing is what the ledger names; gives the missing listings.

    A detail page is named by itself, listings that were never seen by their search page.
    """
    missing = site.on_sale(site.state()["day"]) - raw_ids(site)
    named = pages(site, crawl_id, "failed", "pending")
    details = {listing for listing in named.values() if listing}
    searches = [address for address, listing in named.items() if not listing]
    assert details <= missing
    assert missing - details <= unseen_of(site, searches)
    return missing


@pytest.mark.long
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(MIXED, id="five percent"),
        pytest.param(MIXED | {"retry_after": 0, "seed": 2}, id="five other percent"),
        pytest.param(EACH, id="five percent of each"),
    ],
)
@pytest.mark.parametrize("template", ["carscom", "schema-org"])
def test_a_site_that_fails_now_and_then(serve: Any, template: str, faults: dict[str, Any]) -> None:
    site = serve(size=300, per_page=50, template=template)
    site.faults(**faults)
    crawl = scrape(site).crawl
    met = Counter(line["fault"] for line in site.log() if line["fault"])
    assert len(met) >= 3, met
    assert crawl.state in ("complete", "partial"), crawl.reason
    missing = check_names(site, crawl.crawl_id)
    assert bool(missing) == (crawl.state == "partial")
    site.faults()
    before = len(asked(site))
    again = scrape(site).crawl
    assert again.state == "complete"
    assert raw_ids(site) == site.on_sale(0)
    assert len([path for path in asked(site)[before:] if _is_detail(path)]) == len(missing)


def _is_detail(path: str) -> bool:
    parts = path.partition("?")[0].strip("/").split("/")
    return parts[0] == "vehicledetail" or (parts[0] == "cars" and len(parts) == 2)


def test_pages_that_fail_too_often_are_named_and_fetched_next_time(serve: Any) -> None:
    """One attempt a page: what meets a fault stays failed."""
    site = serve(size=120, per_page=30, site={"attempts": 1})
    shares = dict.fromkeys(("server_error", "cut", "truncated"), 0.05)
    site.faults(**shares, kinds=["detail"])
    crawl = scrape(site).crawl
    assert crawl.state == "partial"
    missing = check_names(site, crawl.crawl_id)
    hit = {
        line["path"].split("/")[2]
        for line in site.log()
        if line["fault"] in shares and "/vehicledetail/" in line["path"]
    }
    assert missing == hit
    assert len(missing) == crawl.failed >= 5
    assert f"{len(missing)} pages failed: " in (crawl.reason or "")
    assert crawl.pending == 0

    site.faults()
    before = len(detail_ids(site))
    assert scrape(site).crawl.state == "complete"
    assert sorted(detail_ids(site)[before:]) == sorted(missing)
    assert raw_ids(site) == site.on_sale(0)


@pytest.mark.long
def test_search_pages_that_fail_are_named(serve: Any) -> None:
    site = serve(size=200, per_page=10, template="schema-org", site={"attempts": 1})
    site.faults(server_error=0.15, kinds=["search"], seed=3)
    crawl = scrape(site).crawl
    assert crawl.state == "partial"
    assert "search cut: page" in (crawl.reason or "")
    assert check_names(site, crawl.crawl_id)
    assert not crawl.search_complete
    site.faults()
    assert scrape(site).crawl.state == "complete"
    assert raw_ids(site) == site.on_sale(0)


def test_an_interstitial_among_faults_ends_the_crawl_with_the_rest_named(serve: Any) -> None:
    site = serve(size=150, per_page=150, site={"concurrency": 1})
    site.faults(**MIXED, interstitial=0.04, kinds=["detail"], seed=5)
    crawl = scrape(site).crawl
    assert crawl.state == "refused"
    assert (crawl.reason or "").startswith("interstitial at http://127.0.0.1:")
    assert crawl.seen == 150
    rest = set(pages(site, crawl.crawl_id, "failed", "pending").values())
    assert rest == site.on_sale(0) - raw_ids(site)
    met = [line for line in site.log() if line["fault"] == "interstitial"]
    assert not [line for line in site.log() if line["at"] > met[0]["at"]]  # nothing leaves after it
    site.faults()
    before = len(detail_ids(site))
    assert scrape(site).crawl.state == "complete"
    assert sorted(detail_ids(site)[before:]) == sorted(rest)
    assert raw_ids(site) == site.on_sale(0)


ONCE = {
    # Three 429s running are a refusal: two workers meet two before each asks again.
    "too_many": {"retry_after": 0, "kinds": ["detail"]},
    "server_error": {},
    "slow": {"slow_seconds": 5.0},
    "cut": {},
    "truncated": {},
}


@pytest.mark.parametrize("template", ["carscom", "schema-org"])
@pytest.mark.parametrize("fault", EVERY_WAY)
@pytest.mark.long
def test_a_fault_that_every_page_meets_once_heals(serve: Any, template: str, fault: str) -> None:
    workers = 1 if fault == "too_many" else 8
    limits = {"concurrency": workers, "timeout": 3.0 if fault in ("slow", "truncated") else 30.0}
    site = serve(size=16, per_page=8, template=template, site=limits)
    site.faults(**{fault: 1.0, "times": 1}, **ONCE[fault])
    crawl = scrape(site).crawl
    assert (crawl.state, crawl.reason) == ("complete", None)
    assert raw_ids(site) == site.on_sale(0)
    assert sum(line["fault"] == fault for line in site.log()) >= 16


ATTEMPTS = 3
SEARCH = 3 * ATTEMPTS
"""Requests for search pages, when none of them can be read: three pages running."""
FOR_EVER = {
    # Three 429s running, and nothing else.
    ("carscom", "too_many"): ("refused", 3),
    ("carscom", "server_error"): ("partial", SEARCH),
    ("carscom", "slow"): ("partial", SEARCH),
    ("carscom", "cut"): ("partial", SEARCH),
    # The page itself is whole; the JSON that its script asks for is not. Script and style once.
    ("carscom", "truncated"): ("partial", 2 * SEARCH + 2),
    ("carscom", "interstitial"): ("refused", 1),
    ("schema-org", "too_many"): ("refused", 3),
    ("schema-org", "server_error"): ("partial", SEARCH),
    ("schema-org", "slow"): ("partial", SEARCH),
    ("schema-org", "cut"): ("partial", SEARCH),
    ("schema-org", "truncated"): ("partial", SEARCH),
    ("schema-org", "interstitial"): ("refused", 1),
}


@pytest.mark.long
@pytest.mark.parametrize(("template", "fault"), FOR_EVER)
def test_a_fault_for_ever_ends_soon_and_plainly(serve: Any, template: str, fault: str) -> None:
    state, most = FOR_EVER[template, fault]
    timeout = 2.0 if fault in ("slow", "truncated") else 30.0
    site = serve(
        size=16, per_page=8, template=template, site={"attempts": ATTEMPTS, "timeout": timeout}
    )
    site.faults(**{fault: 1.0}, slow_seconds=60.0, retry_after=0)
    crawl = scrape(site).crawl
    assert crawl.state == state
    assert crawl.reason
    assert crawl.seen == 0
    found = asked(site)
    assert found[0] == "/robots.txt"
    if fault in ("slow", "truncated"):  # a time-out may come before a page's later requests
        assert len(found) - 1 <= most
    else:
        assert len(found) - 1 == most
    assert crawl.requests == len(found)
    assert raw_ids(site) == set()


@pytest.mark.parametrize(
    ("fault", "state", "most"),
    [
        ("server_error", "partial", 12 * 2),
        pytest.param("truncated", "partial", 12 * 2, marks=pytest.mark.long),
        pytest.param("cut", "partial", 12 * 2, marks=pytest.mark.long),
        # Two at once: a 429 counts for both, and the next two wait until it was heard.
        pytest.param("too_many", "refused", 3 * 2, marks=pytest.mark.long),
        pytest.param("interstitial", "refused", 2, marks=pytest.mark.long),
    ],
)
def test_details_that_fail_for_ever_cost_their_attempts(
    serve: Any, fault: str, state: str, most: int
) -> None:
    site = serve(size=12, per_page=12, site={"attempts": 2, "concurrency": 2})
    site.faults(**{fault: 1.0}, kinds=["detail"], retry_after=0)
    crawl = scrape(site).crawl
    assert crawl.state == state
    assert crawl.seen == 12
    assert set(pages(site, crawl.crawl_id, "failed", "pending").values()) == site.on_sale(0)
    if state == "partial":
        assert len(detail_ids(site)) == most
        assert max(Counter(detail_ids(site)).values()) == 2
    else:
        assert len(detail_ids(site)) <= most
