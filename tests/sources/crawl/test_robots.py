"""robots.txt."""

from __future__ import annotations

import asyncio

import pytest

from carprice_assets.sources.crawl.robots import MAX_BYTES, Robots, RobotsFile, by_status, parse


def test_disallowed_paths():
    rules = parse(b"User-agent: *\nDisallow: /practice/\nAllow: /practice/ok\nDisallow: /*.pdf$\n")

    assert rules.allows("http://h/cars")
    assert not rules.allows("http://h/practice/x")
    assert rules.allows("http://h/practice/ok")
    assert not rules.allows("http://h/a/b.pdf")


def test_the_group_that_names_the_crawler_counts():
    rules = parse(b"User-agent: *\nDisallow: /\n\nUser-agent: carprice\nDisallow: /no\n")

    assert rules.allows("http://h/yes")
    assert not rules.allows("http://h/no")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        (b"User-agent: *\nCrawl-delay: 4\n", 0.25),
        (b"User-agent: *\nCrawl-delay: 0.01\n", 2.0),
        (b"User-agent: *\nCrawl-delay: 0\n", 2.0),
        (b"User-agent: *\nRequest-rate: 1/10s\n", 0.1),
        (b"User-agent: *\nCrawl-delay: 2\nRequest-rate: 1/10\n", 0.1),
        (b"User-agent: other\nCrawl-delay: 9\n", 2.0),
        (b"", 2.0),
    ],
)
def test_only_slower_than_the_setting(text, rate):
    assert parse(text).slowest(2.0) == pytest.approx(rate)


@pytest.mark.parametrize("status", [400, 404, 410, 418, 451])
def test_no_robots_txt_allows_all(status):
    assert by_status(status).allows("http://h/x")


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503, 304])
def test_unreachable_allows_nothing(status):
    rules = by_status(status)

    assert rules.unreachable == f"status {status}"
    assert not rules.allows("http://h/x")


def test_what_follows_the_size_limit_is_ignored():
    rules = parse(b"User-agent: *\n#" + b"x" * MAX_BYTES + b"\nDisallow: /\n")

    assert rules.allows("http://h/x")


def test_odd_bytes_are_ignored():
    rules = parse(b"\xef\xbb\xbfUser-agent: *\n\xff\xfe junk\nDisallow: /x\n")

    assert not rules.allows("http://h/x")


def test_each_host_has_its_own_fetched_once():
    asked = []

    async def fetch(address):
        asked.append(address)
        await asyncio.sleep(0)
        return RobotsFile(unreachable="gone") if "//b" in address else RobotsFile()

    async def ask():
        robots = Robots(fetch)
        return await asyncio.gather(
            *(robots.allows(a) for a in ("http://a/1", "http://a/2", "http://b:1/", "http://B:1/x"))
        )

    assert asyncio.run(ask()) == [True, True, False, False]
    assert asked == ["http://a/robots.txt", "http://b:1/robots.txt"]
