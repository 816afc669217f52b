"""What a site's own access log says of the crawler's manners."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from crawl_kit import asked, detail_ids, raw_ids, scrape
from practice_sites import RunningSite

from carprice_assets.markets import load_market
from carprice_assets.sources.crawl import CrawlResult, crawl
from carprice_assets.sources.sites.base import Card, SearchPage
from carprice_assets.sources.sites.carscom import CarsCom

pytestmark = pytest.mark.browser

DISALLOWED = ("/practice/", "/account/", "/shopping/compare/", "/api/")
CONTACT = "https://carprice.example/crawler"


def most_within(site: RunningSite, seconds: float) -> int:
    """Most requests that arrived within any window of so many seconds."""
    arrived = [line["at"] for line in site.log()]
    return max(sum(at <= each < at + seconds for each in arrived) for at in arrived)


def most_at_once(site: RunningSite) -> int:
    """Most requests that were being answered at one moment."""
    spans = [(line["at"], line["at"] + line["seconds"]) for line in site.log()]
    return max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)


def crawl_alone(site: RunningSite, adapter: Any = None) -> CrawlResult:
    """A crawl without the ledger, by another adapter than the site's where one is given."""
    settings = load_market(site.home, site.market).sites()["site"]
    folder = site.home.spool / site.market / "site"
    return crawl(settings, site.market, folder, {}, started_at=datetime.now(UTC), adapter=adapter)


def test_rate_robots_agent_and_what_is_never_fetched(serve: Any) -> None:
    site = serve(
        size=24,
        per_page=12,
        site={"rate": 6, "contact": CONTACT, "render": ["search", "detail"]},
    )
    assert scrape(site).crawl.state == "complete"
    assert raw_ids(site) == site.on_sale(0)
    log = site.log()
    assert len(log) >= 24 + 2 * 3
    for seconds in (1, 3, 5):
        assert most_within(site, seconds) <= 6 * seconds
    span = log[-1]["at"] - log[0]["at"]
    assert len(log) <= 6 * span + 1
    assert {line["user_agent"] for line in log} == {f"carprice/0.1.0 (+{CONTACT})"}
    paths = [line["path"] for line in log]
    assert paths[0] == "/robots.txt"
    assert paths.count("/robots.txt") == 1
    assert not [path for path in paths if path.startswith(DISALLOWED)]
    kept = (
        "/robots.txt",
        "/shopping/",
        "/vehicledetail/",
        "/static/results.js",
        "/static/site.css",
    )
    assert not [path for path in paths if not path.startswith(kept)]
    assert paths.count("/static/results.js") == paths.count("/static/site.css") == 1


def test_a_listed_address_that_robots_disallows_is_left_alone(serve: Any) -> None:
    site = serve(size=12, per_page=12)

    class Luring(CarsCom):
        """Finds among the cards also what robots.txt disallows."""

        def read_search(self, html: str, address: str) -> Any:
            found = super().read_search(html, address)
            if isinstance(found, SearchPage) and found.cards:
                lures = [Card(f"lure-{n}", site.url + p, "") for n, p in enumerate(DISALLOWED)]
                return replace(found, cards=(*lures, *found.cards))
            return found

    result = crawl_alone(site, Luring())
    assert result.state == "partial"
    assert "4 pages failed: robots 4" in result.reason
    assert result.done == 12
    assert {site.url + path for path in DISALLOWED} == set(result.failures)
    assert not [path for path in asked(site) if path.startswith(DISALLOWED)]


def test_never_more_at_once_than_the_setting(serve: Any) -> None:
    site = serve(size=18, per_page=18, site={"concurrency": 3})
    site.faults(slow=1.0, slow_seconds=0.5, kinds=["detail"])
    assert scrape(site).crawl.state == "complete"
    assert most_at_once(site) == 3


def test_retry_after_is_kept(serve: Any) -> None:
    # One at a time: what is on its way when a 429 comes arrives after it.
    site = serve(size=10, per_page=10, site={"concurrency": 1})
    site.faults(too_many=0.2, retry_after=2, times=1, seed=4)
    assert scrape(site).crawl.state == "complete"
    assert raw_ids(site) == site.on_sale(0)
    told = 0
    for line, following in pairwise(site.log()):
        if line["status"] == 429:
            told += 1
            assert following["at"] - line["at"] >= 2.0
    assert told >= 2


@pytest.mark.long
def test_retry_after_holds_back_all_workers(serve: Any) -> None:
    """With four at once only what had left before the 429 may still arrive."""
    site = serve(size=40, per_page=40, site={"concurrency": 4})
    site.faults(too_many=0.1, retry_after=2, times=1, kinds=["detail"], seed=4)
    assert scrape(site).crawl.state == "complete"
    log = site.log()
    told = [line for line in log if line["status"] == 429]
    assert len(told) >= 2
    for line in told:
        assert sum(line["at"] < other["at"] < line["at"] + 2 for other in log) <= 3


@pytest.mark.long
def test_crawl_delay_slows_the_crawl_down(serve: Any) -> None:
    delay = 0.4
    site = serve(size=8, per_page=8, template="schema-org")
    site.faults(robots_delay=delay)
    assert scrape(site).crawl.state == "complete"
    log = site.log()[1:]  # robots.txt itself comes first
    assert len(log) == 8 + 2
    assert log[-1]["at"] - log[0]["at"] >= delay * (len(log) - 1) * 0.9
    for seconds in (1, 2, 4):
        assert most_within(site, seconds) <= seconds / delay + 1


@pytest.mark.parametrize(
    ("robots", "state", "reason", "requests"),
    [
        ("500", "unreachable", "robots.txt unreachable: status 500", 2),
        ("disallow_all", "refused", "robots.txt disallows", 1),
    ],
)
def test_robots_that_say_no_are_all_that_is_fetched(
    serve: Any, robots: str, state: str, reason: str, requests: int
) -> None:
    site = serve(size=8, site={"attempts": 2})
    site.faults(robots=robots)
    ended = scrape(site).crawl
    assert ended.state == state
    assert (ended.reason or "").startswith(reason)
    assert asked(site) == ["/robots.txt"] * requests
    assert raw_ids(site) == set()


@pytest.mark.long
def test_no_robots_txt_allows_all(serve: Any) -> None:
    site = serve(size=8, per_page=8)
    site.faults(robots="missing")
    assert scrape(site).crawl.state == "complete"
    assert set(detail_ids(site)) == site.on_sale(0)
