"""What a crawl fetches, and what a second one does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from carprice_assets.errors import UserError
from carprice_assets.sources.crawl import pending_journal
from carprice_assets.sources.crawl.lock import site_lock

pytestmark = pytest.mark.browser


def test_a_first_crawl_brings_every_car_once(crawls, cars):
    result = crawls.run()

    assert (result.state, result.reason) == ("complete", "")
    assert result.crawl_id == "cars-2026-01-05-1"
    assert (result.seen, result.new, result.done, result.failed) == (12, 12, 12, 0)
    paths = cars.server.paths()
    assert len(paths) == len(set(paths)) == result.requests == 1 + 4 + 12
    agents = {asked.headers["user-agent"] for asked in cars.server.log}
    assert len(agents) == 1
    assert agents.pop().startswith("carprice/")
    payloads = crawls.take_in(result)
    assert payloads == {i: {"id": i, "price": p} for i, p in cars.prices.items()}


def test_a_second_crawl_brings_only_what_is_new_changed_or_gone(crawls, cars, start):
    crawls.take_in(crawls.run())
    cars.server.log.clear()
    cars.prices["c3"] = 9_000
    del cars.prices["c7"]
    cars.prices["c99"] = 30_000

    result = crawls.run(at=start + timedelta(days=1))

    assert result.state == "complete"
    assert (result.new, result.changed, result.missing, result.unchanged) == (1, 1, 1, 10)
    assert (result.done, result.gone) == (2, 1)
    details = [path for path in cars.server.paths() if path.startswith("/car/")]
    assert sorted(details) == ["/car/c3", "/car/c7", "/car/c99"]


def test_the_same_site_again_fetches_no_details(crawls, cars):
    crawls.take_in(crawls.run())
    cars.server.log.clear()

    result = crawls.run()

    assert (result.state, result.done, result.unchanged) == ("complete", 0, 12)
    assert result.crawl_id == "cars-2026-01-05-2"
    assert not [path for path in cars.server.paths() if path.startswith("/car/")]


def test_a_collapsed_search_visits_nobody(crawls, cars):
    crawls.take_in(crawls.run())
    cars.server.log.clear()
    for number in range(1, 9):
        del cars.prices[f"c{number}"]

    result = crawls.run()

    assert result.state == "partial"
    assert result.reason.startswith("collapsed: 8 of 12")
    assert not [path for path in cars.server.paths() if path.startswith("/car/")]


def test_a_full_crawl_asks_for_each_page_of_a_market_that_halved(crawls, cars):
    crawls.take_in(crawls.run())
    cars.server.log.clear()
    for number in range(1, 9):
        del cars.prices[f"c{number}"]

    result = crawls.run(full=True)

    assert (result.state, result.reason) == ("complete", "")
    assert (result.missing, result.gone, result.done) == (8, 8, 4)


def test_a_crawl_not_taken_in_is_in_the_way_of_the_next(crawls):
    with ThreadPoolExecutor(1) as elsewhere:
        result = elsewhere.submit(crawls.run).result()
    records = pending_journal(crawls.folder)
    assert records is not None
    assert records.head["crawl_id"] == result.crawl_id

    with pytest.raises(UserError, match="not taken in yet"):
        crawls.run()


def test_two_crawls_of_a_site_at_once_are_refused(crawls):
    with site_lock(crawls.folder), pytest.raises(UserError, match=r"in use by process \d+"):
        crawls.run()
