"""Pages made whole by Chromium, and what such a page may not do."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from carprice_assets.errors import UserError
from carprice_assets.sources.crawl import browser as browser_module
from carprice_assets.sources.crawl import crawler, read
from carprice_assets.sources.crawl.browser import find_chromium
from carprice_assets.sources.crawl.pace import Budget
from carprice_assets.sources.crawl.visit import Visitor

pytestmark = pytest.mark.browser

SCRIPT = """
const made = document.createElement('template');
fetch('/data' + location.pathname + location.search).then(r => r.text()).then(t => {
  document.body.insertAdjacentHTML('beforeend', t);
});
"""


@pytest.fixture
def scripted(cars, reply):
    """Every page is empty until its script has run."""
    cars.extra = ""
    plain = cars.answer

    def answer(path, headers):
        if path == "/app.js":
            return reply(SCRIPT.encode(), headers={"Content-Type": "text/javascript"})
        if path.startswith("/data/"):
            return plain(path.removeprefix("/data"), headers)
        if path.startswith(("/search", "/car/")):
            return reply(f'<body><script src="/app.js"></script>{cars.extra}</body>'.encode())
        return plain(path, headers)

    cars.server.site = answer
    return cars


def test_pages_rendered_by_script_are_read(crawls, scripted, rendering):
    result = crawls.run(rendering)

    assert (result.state, result.done) == ("complete", 12)
    paths = scripted.server.paths()
    assert paths.count("/app.js") == 1
    assert len(paths) == len(set(paths)) == result.requests
    line = read(result.journal).pages[f"{scripted.server.url}/car/c1"]
    assert line["requests"] in (2, 3)
    agents = {asked.headers["user-agent"] for asked in scripted.server.log}
    assert len(agents) == 1
    assert agents.pop().startswith("carprice/")


def test_the_setting_decides_what_is_rendered(crawls, scripted, rendering):
    scripted.per_page = 3
    for number in range(4, 13):
        del scripted.prices[f"c{number}"]

    result = crawls.run(rendering, render=("search",), attempts=1)

    assert result.seen == 3
    assert set(result.failures.values()) == {"no_data"}


def test_images_trackers_and_other_hosts_are_blocked(crawls, cars, rendering):
    port = cars.server.port
    cars.extra = f"""
        <link rel="preconnect" href="{cars.server.url}"><link rel="prefetch" href="/prefetched">
        <link rel="icon" href="/icon.png">
        <style>@font-face {{font-family: f; src: url(/font.woff)}} body {{font-family: f;
          background: url(/background.png)}}</style>
        <img src="/image.png"><video src="/film.mp4" autoplay></video>
        <img src="http://localhost:{port}/pixel.gif">
        <script src="http://localhost:{port}/tracker.js"></script>
        <script src="/private/disallowed.js"></script>
        <iframe src="http://localhost:{port}/frame"></iframe>
        <script>
          navigator.sendBeacon('/beacon', 'x');
          try {{ new WebSocket('ws://127.0.0.1:{port}/socket') }} catch (e) {{}}
          new EventSource('/events');
          window.open('/popup');
          navigator.serviceWorker && navigator.serviceWorker.register('/worker.js');
          new Worker('/worker-script.js');
        </script>"""

    result = crawls.run(rendering)

    assert result.state == "complete"
    others = [
        path for path in cars.server.paths()
        if path != "/robots.txt" and not path.startswith(("/car/", "/search"))
    ]  # fmt: skip
    # A worker's script is a script of the site.
    assert set(others) <= {"/worker-script.js"}
    assert {asked.headers["host"] for asked in cars.server.log} == {f"127.0.0.1:{port}"}


def test_a_page_does_not_take_the_crawler_elsewhere(crawls, cars, rendering):
    cars.extra = "<script>location.href = '/elsewhere'</script>"

    assert crawls.run(rendering).state == "complete"
    assert "/elsewhere" not in cars.server.paths()


@pytest.mark.long
def test_redirects_of_a_pages_requests_are_checked(crawls, scripted, rendering, reply):
    port = scripted.server.port
    plain = scripted.server.site

    def answer(path, headers):
        if path == "/data/car/c1":
            return reply(status=302, headers={"Location": "/data2/car/c1"})
        if path == "/data/car/c2":
            return reply(status=302, headers={"Location": f"http://localhost:{port}/data/car/c3"})
        return plain(path.replace("/data2/", "/data/"), headers)

    scripted.server.site = answer

    result = crawls.run(rendering, timeout=1.0, attempts=1)

    assert result.failures == {f"{scripted.server.url}/car/c2": "no_data"}
    assert {asked.headers["host"] for asked in scripted.server.log} == {f"127.0.0.1:{port}"}


@pytest.mark.long
def test_a_page_that_never_gets_ready_is_asked_again_and_fails(crawls, scripted, rendering, reply):
    scripted.always["/car/c2"] = reply(b"<p>nothing</p>")

    result = crawls.run(rendering, timeout=1.0)

    assert result.failures == {f"{scripted.server.url}/car/c2": "no_data"}
    assert scripted.server.paths().count("/car/c2") == 2


def test_a_wait_of_hours_asked_of_a_pages_request_pauses_the_crawl(
    crawls, scripted, rendering, reply
):
    scripted.always["/search?page=1"] = reply(status=429, headers={"Retry-After": "7200"})

    result = crawls.run(rendering)

    assert result.state == "paused"
    # Only the page's script asks for the data behind "/data", which answers so.
    paths = scripted.server.paths()
    assert paths == ["/robots.txt", "/search?page=1", "/app.js", "/data/search?page=1"]


def test_a_429_to_a_pages_request_pauses_the_host(crawls, scripted, rendering, reply):
    plain = scripted.server.site
    refusals = [reply(status=429, headers={"Retry-After": "2"})]
    scripted.server.site = lambda path, headers: (
        refusals.pop() if path == "/data/car/c2" and refusals else plain(path, headers)
    )

    result = crawls.run(rendering, concurrency=1)

    assert result.state == "complete"
    log = scripted.server.log
    at = next(i for i, asked in enumerate(log) if asked.status == 429)
    assert all(asked.at - log[at].answered >= 2 for asked in log[at + 1 :])


@pytest.mark.long
def test_a_page_that_does_not_hold_still_is_given_up(crawls, cars, rendering):
    cars.prices = {"c1": 1}
    cars.extra = "<script>setTimeout(() => { while (true) {} }, 50)</script>"
    rendering.renders = frozenset({"detail"})
    rendering.ready = {"detail": "#never"}

    result = crawls.run(rendering, timeout=1.0, attempts=1)

    assert result.failures == {f"{cars.server.url}/car/c1": "timeout"}


def test_cookies_are_shared_between_rendering_and_plain_requests(crawls, cars, rendering, reply):
    cars.extra = "<script>document.cookie = 'seen=' + 'script'</script>"
    cars.robots = reply(headers={"Set-Cookie": "visit=robots; Path=/"})
    rendering.renders = frozenset({"search"})

    crawls.run(rendering, concurrency=1)

    last = cars.server.log[-1]
    assert last.path.startswith("/car/")
    assert last.headers["cookie"] == "visit=robots; seen=script"


def visitor_of(crawls, adapter, uses, **settings):
    return Visitor(crawls.site(**settings), adapter, Budget(10_000), uses=uses)


def test_contexts_are_recycled_and_keep_their_cookies(crawls, cars, rendering, reply):
    cars.robots = reply(headers={"Set-Cookie": "visit=robots; Path=/"})

    async def work():
        visitor = visitor_of(crawls, rendering, 3)
        try:
            await visitor.robots.of(crawls.site().start)
            for number in range(1, 9):
                await visitor.visit("detail", f"{cars.server.url}/car/c{number}")
            return visitor.browser.contexts, visitor.browser.launches
        finally:
            await visitor.close()

    assert asyncio.run(work()) == (3, 1)
    assert {asked.headers.get("cookie") for asked in cars.server.log[1:]} == {"visit=robots"}


def children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found += [int(stat.parent.name), *children(int(stat.parent.name))]
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes by /proc")
@pytest.mark.parametrize(
    ("victim", "launches"),
    [
        pytest.param("run-driver", 2, marks=pytest.mark.long),
        ("--headless", 2),
        pytest.param("--type=renderer", 1, marks=pytest.mark.long),
    ],
)
def test_a_killed_browser_is_started_again(crawls, cars, rendering, victim, launches, reply):
    async def work():
        visitor = visitor_of(crawls, rendering, 100, attempts=3)
        try:
            await visitor.robots.of(crawls.site().start)
            cars.faults["/car/c2"] = [reply(b"<script>fetch('/slow')</script>")]
            cars.always["/slow"] = reply(delay=0.5)
            visit = asyncio.create_task(visitor.visit("detail", f"{cars.server.url}/car/c2"))
            while "/slow" not in cars.server.paths():
                await asyncio.sleep(0.01)
            for pid in processes_of(victim):
                os.kill(pid, signal.SIGKILL)
            return (await visit).state, visitor.browser.launches
        finally:
            await visitor.close()

    assert asyncio.run(work()) == ("done", launches)
    assert cars.server.paths().count("/car/c2") == 2


def processes_of(kind):
    """Driver, browser or renderers below this process."""
    commands = {}
    for pid in children(os.getpid()):
        try:
            commands[pid] = (Path("/proc") / str(pid) / "cmdline").read_text()
        except OSError:
            continue
    if kind == "--headless":
        return [p for p, line in commands.items() if kind in line and "--type=" not in line]
    return [pid for pid, line in commands.items() if kind in line]


def test_no_chromium_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    own = tmp_path / "own"

    with pytest.raises(UserError, match="no Chromium: none of chromium, ") as raised:
        find_chromium(own)

    assert "\n" not in str(raised.value)
    own.touch()
    assert find_chromium(own) == own


def test_a_browser_that_does_not_start_is_told_in_one_line(crawls, tmp_path, monkeypatch):
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(browser_module, "find_chromium", lambda own: fake)

    with pytest.raises(UserError, match="does not start: ") as raised:
        crawls.run()

    assert "\n" not in str(raised.value)
    assert crawler.read(crawls.folder / "journal.jsonl").head == {}
