"""How a crawl behaves when it is told to slow down, to stay out, or to go."""

from __future__ import annotations

import socket
from datetime import timedelta
from email.utils import format_datetime

import pytest

from carprice_assets.sources.crawl import pending_journal

pytestmark = pytest.mark.browser

INTERSTITIAL = b"<html><title>Just a moment...</title></html>"


def test_retry_after_is_kept_by_the_whole_host(crawls, cars, reply):
    cars.faults["/car/c2"] = [reply(status=429, headers={"Retry-After": "2"})]

    result = crawls.run(concurrency=2)

    assert result.state == "complete"
    log = cars.server.log
    refused = next(asked for asked in log if asked.status == 429)
    after = [asked for asked in log if asked.at > refused.answered]
    # One other request may have been on its way when the answer came.
    waited = [asked.at - refused.answered for asked in after]
    assert sum(each < 2 for each in waited) <= 1
    assert cars.server.paths().count("/car/c2") == 2


def test_a_wait_of_hours_pauses_the_crawl_until_then(crawls, cars, reply, start):
    cars.faults["/car/c2"] = [reply(status=503, headers={"Retry-After": "7200"})]

    result = crawls.run(concurrency=1)

    assert result.state == "paused"
    assert result.reason.startswith("asked to wait until ")
    assert len(result.pending) == result.new - result.done > 0
    asked = len(cars.server.log)
    assert crawls.run(at=start).state == "paused"
    assert len(cars.server.log) == asked
    later = crawls.run(at=start + timedelta(days=400), resume_days=365 * 2)
    assert later.state == "complete"
    assert cars.server.paths().count("/car/c1") == 1


def test_an_interstitial_ends_the_crawl(crawls, cars, reply):
    cars.always["/car/c2"] = reply(INTERSTITIAL, 503)

    result = crawls.run(concurrency=1)

    assert result.state == "refused"
    assert result.reason == f"interstitial at {cars.server.url}/car/c2"
    assert cars.server.paths().count("/car/c2") == 1
    assert "/car/c12" not in cars.server.paths()
    assert f"{cars.server.url}/car/c2" in result.pending
    assert pending_journal(crawls.folder) is not None


def test_an_interstitial_at_200_while_rendering_ends_the_crawl(crawls, cars, rendering):
    cars.extra = "<script>document.title = 'Just a moment...'</script>"

    assert crawls.run(rendering).state == "refused"


def test_three_refusals_in_a_row_end_the_crawl(crawls, cars, reply):
    cars.per_page = 20
    for number in (8, 9, 10, 11):
        cars.always[f"/car/c{number}"] = reply(status=403)

    result = crawls.run(concurrency=1)

    assert result.state == "refused"
    assert result.reason.startswith("refused with 403, 403, 403")
    assert cars.server.paths().count("/car/c8") == 1
    assert "/car/c11" not in cars.server.paths()


def test_a_single_refusal_fails_its_page_alone(crawls, cars, reply):
    cars.always["/car/c2"] = reply(status=403)

    result = crawls.run()

    assert (result.state, result.reason) == ("partial", "1 page failed: http_403 1")
    assert result.failures == {f"{cars.server.url}/car/c2": "http_403"}


@pytest.mark.parametrize("status", [403, 503])
def test_robots_unreachable_means_stop(crawls, cars, reply, status):
    cars.robots = reply(status=status)

    result = crawls.run(attempts=2)

    assert result.state == ("unreachable" if status == 503 else "refused")
    assert result.reason == f"robots.txt unreachable: status {status}"
    assert set(cars.server.paths()) == {"/robots.txt"}
    assert len(cars.server.log) == (2 if status == 503 else 1)


@pytest.mark.long
def test_robots_behind_an_interstitial_means_stop(crawls, cars, reply):
    cars.robots = reply(INTERSTITIAL)

    result = crawls.run()
    assert (result.state, result.reason[:39]) == (
        "refused",
        "robots.txt unreachable: an interstitial",
    )


@pytest.mark.long
def test_no_site_at_all_means_stop(crawls, cars):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        cars.server.url = f"http://127.0.0.1:{probe.getsockname()[1]}"

    assert crawls.run(attempts=1).state == "unreachable"


@pytest.mark.long
def test_no_robots_txt_allows_all(crawls, cars, reply):
    cars.robots = reply(status=404)

    assert crawls.run().state == "complete"


def test_a_start_that_robots_disallows_is_refused(crawls, cars, reply):
    cars.robots = reply(b"User-agent: carprice\nDisallow: /search\n")

    result = crawls.run()

    assert (result.state, cars.server.paths()) == ("refused", ["/robots.txt"])
    assert result.reason.startswith("robots.txt disallows ")


def test_disallowed_details_fail_without_a_request(crawls, cars, reply):
    cars.robots = reply(b"User-agent: *\nDisallow: /car/c3\n")

    result = crawls.run()

    assert result.state == "partial"
    assert result.failures == {f"{cars.server.url}/car/c3": "robots"}
    assert "/car/c3" not in cars.server.paths()


def test_a_redirect_to_a_disallowed_path_is_not_followed(crawls, cars, reply):
    cars.always["/car/c3"] = reply(status=302, headers={"Location": "/private/c3"})

    result = crawls.run()

    assert result.failures == {f"{cars.server.url}/car/c3": "robots"}
    assert not [path for path in cars.server.paths() if "private" in path]


@pytest.mark.long
def test_the_crawl_delay_of_robots_txt_is_kept(crawls, cars, reply):
    cars.robots = reply(b"User-agent: *\nCrawl-delay: 0.2\n")
    for number in range(4, 13):
        del cars.prices[f"c{number}"]

    crawls.run()

    times = sorted(asked.at for asked in cars.server.log)
    assert len(times) == 6
    # The first two are robots.txt itself and what follows at once.
    assert times[-1] - times[1] > 4 * 0.2


def test_redirects_elsewhere_are_refused(crawls, cars, reply):
    port = cars.server.port
    elsewhere = [
        f"http://localhost:{port}/car/c9", "http://10.0.0.1/", "//169.254.169.254/x", "file:///x"
    ]  # fmt: skip
    for number, location in enumerate(elsewhere, 1):
        cars.always[f"/car/c{number}"] = reply(status=302, headers={"Location": location})

    result = crawls.run()

    refused = {f"{cars.server.url}/car/c{number}" for number in range(1, 5)}
    assert result.failures == dict.fromkeys(refused, "redirect_refused")
    assert cars.server.paths().count("/car/c9") == 1


def test_redirects_within_the_site_are_followed_a_few_times(crawls, cars, reply):
    cars.always["/car/c3"] = reply(status=301, headers={"Location": "/moved#x"})
    cars.always["/moved"] = cars.detail("c3")
    cars.always["/car/c4"] = reply(status=302, headers={"Location": "/car/c4"})

    result = crawls.run()

    assert result.failures == {f"{cars.server.url}/car/c4": "redirect_refused"}
    assert cars.server.paths().count("/car/c4") == 6
    assert result.done == 11


def test_the_budget_pauses_and_the_next_day_goes_on(crawls, cars, start):
    result = crawls.run(daily_budget=20, budget_used=11)

    assert (result.state, result.requests) == ("paused", 9)
    assert result.reason == "daily budget of 20 requests used"
    assert len(cars.server.log) == 9
    assert result.pending
    assert crawls.run(daily_budget=20, budget_used=11).state == "paused"
    assert len(cars.server.log) == 9

    done = {path for path in cars.server.paths() if path != "/robots.txt"}
    result = crawls.run(at=start + timedelta(days=400), daily_budget=20, resume_days=800)
    assert (result.state, result.done) == ("complete", 12)
    assert cars.server.paths().count("/car/c12") == 1
    assert len(cars.server.log) == len(done) + 2 + (16 - len(done))
    assert result.crawl_id.endswith("-1")


def test_a_budget_used_before_the_crawl_begins(crawls, cars, start):
    result = crawls.run(daily_budget=5, budget_used=5)

    assert (result.state, result.crawl_id, result.day) == ("paused", "", start.date())
    assert not cars.server.log


def test_pages_of_the_site_are_told_by_its_own_clock(crawls, cars, reply, start):
    day = format_datetime(start + timedelta(days=40), usegmt=True)
    cars.robots = reply(headers={"Date": day})
    cars.always["/car/c3"] = reply(cars.detail("c3").body, headers={"Date": day})

    result = crawls.run(clock="site")

    assert result.crawl_id == "cars-2026-02-14-1"
    pages = pending_journal(crawls.folder).pages
    assert pages[f"{cars.server.url}/car/c3"]["day"] == "2026-02-14"
