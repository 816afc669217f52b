"""A crawl that was killed, interrupted or left to age."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from carprice_assets.sources.crawl import pending_journal, read

pytestmark = pytest.mark.browser

SCRIPT = """
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import CarsAdapter
from carprice_assets.markets import Site
from carprice_assets.sources.crawl import crawl
# Started by a shell's background job, a process is deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
site = Site("cars", "carscom", {start!r}, rate=2000.0, concurrency=2)
crawl(site, "m", Path({folder!r}), {{}}, started_at=datetime(2026, 1, 5, 12, tzinfo=UTC),
      adapter=CarsAdapter())
"""


def start_crawl(crawls):
    text = SCRIPT.format(
        tests=str(Path(__file__).parent), start=crawls.site().start, folder=str(crawls.folder)
    )
    return subprocess.Popen(
        [sys.executable, "-c", text], stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_until(what, seconds=60):
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.01)


def slow_cars(cars, reply):
    """Forty cars, of which the later ones take a second each: time enough to break off."""
    cars.prices = {f"c{number}": number for number in range(40)}
    detail = cars.detail

    def slow(listing):
        return reply(detail(listing).body, delay=0.05 if len(cars.server.log) < 25 else 1.0)

    cars.detail = slow
    return detail


def test_a_killed_crawl_goes_on_without_asking_again(crawls, cars, reply):
    quick = slow_cars(cars, reply)
    process = start_crawl(crawls)
    with process:
        journal = crawls.folder / "journal.jsonl"
        wait_until(lambda: len(cars.server.log) > 20)
        os.kill(process.pid, signal.SIGKILL)
    cars.detail = quick
    before = read(journal)
    assert before.state == "running"
    assert before.pending

    result = crawls.run()

    assert (result.state, result.done) == ("complete", 40)
    assert result.crawl_id == before.head["crawl_id"]
    paths = cars.server.paths()
    settled = {url.removeprefix(cars.server.url) for url in before.pages}
    assert settled
    assert {paths.count(path) for path in settled} == {1}
    assert set(crawls.take_in(result)) == set(cars.prices)


def test_an_interrupted_crawl_leaves_a_journal_and_no_browser(crawls, cars, reply):
    quick = slow_cars(cars, reply)
    process = start_crawl(crawls)
    with process:
        wait_until(lambda: len(cars.server.log) > 20)
        os.killpg(process.pid, signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    cars.detail = quick

    assert error.splitlines()[-1] == "KeyboardInterrupt"
    wait_until(lambda: not group_lives(process.pid))
    result = crawls.run()
    assert (result.state, result.done) == ("complete", 40)
    # A request counts when it leaves: what the interrupt broke off may not have arrived.
    assert 0 <= result.requests - len(cars.server.log) <= crawls.site().concurrency


def group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_failed_pages_stay_failed_after_a_kill(crawls, cars, reply):
    cars.always["/car/c2"] = reply(status=500)
    result = crawls.run(attempts=1)
    journal = result.journal
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(line for line in lines if b'"kind":"end"' not in line)[:-5])
    cars.always.clear()
    cars.server.log.clear()

    result = crawls.run()

    assert result.state == "partial"
    assert "/car/c2" not in cars.server.paths()


def test_an_old_crawl_is_abandoned_and_the_next_call_begins_anew(crawls, cars, start):
    assert crawls.run(daily_budget=8).state == "paused"
    cars.server.log.clear()
    later = start + timedelta(days=4)

    result = crawls.run(at=later, resume_days=3)

    assert result.state == "abandoned"
    assert len(result.pending) + result.done == result.new
    assert not cars.server.log
    assert pending_journal(crawls.folder).state == "abandoned"
    crawls.take_in(result)
    assert crawls.run(at=later).crawl_id == "cars-2026-01-09-1"


@pytest.mark.long
def test_a_crawl_of_another_adapter_is_abandoned(crawls, rendering):
    crawls.run(daily_budget=8)
    rendering.name = "schema-org"

    assert crawls.run(rendering).state == "abandoned"
