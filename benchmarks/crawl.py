"""Detail pages a second: this crawler beside Scrapy, on the same pages at the same concurrency.

Usage: python benchmarks/crawl.py [--pages 1500] [--rounds 3] [--rendered 150]

A practice site serves the pages from a process of its own. Each round runs both, one after the
other, each in a process of its own; both obey robots.txt, keep cookies, read the same fields out of
each page and write them as JSON lines. Neither is held back by a rate. Counted is from the first
page's end to the last one's, so that the start of a browser or of Twisted is in neither figure; it
stands beside. Then the crawler alone, with every detail page rendered in Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carprice_assets.home import Home
from carprice_assets.markets import load_market
from carprice_assets.practice_market.site import site_settings
from carprice_assets.sources.crawl.crawler import crawl
from carprice_assets.sources.crawl.journal import NAME, Journal, lines
from carprice_assets.sources.sites.carscom import KEPT

CONCURRENCY = 8
MARKET = """
title = "Benchmark"
currency = "USD"
distance = "mi"
[sources.practice]
size = {size}
[sources.site]
adapter = "carscom"
start = "http://127.0.0.1:{port}/shopping/results/?stock_type=all"
clock = "site"
rate = 10000
concurrency = {concurrency}
daily_budget = 10000000
"""


def ours(home: Home, addresses: list[str], kinds: list[str], target: Path) -> dict[str, Any]:
    """Crawl the details alone: a journal whose search is over already is gone on with."""
    from dataclasses import replace

    site = replace(load_market(home, "bench").sites()["site"], render=tuple(kinds))
    folder = target / "spool"
    folder.mkdir(parents=True)
    now = datetime.now(UTC)
    day = now.date().isoformat()
    journal = Journal.open(folder)
    pages = [
        {"url": url, "listing_id": url.split("/")[-2], "why": "new", "fingerprint": ""}
        for url in addresses
    ]
    journal.append(
        {"kind": "crawl", "crawl_id": "bench", "scrape_id": "bench", "market": "bench",
         "site": "site", "adapter": "carscom", "format": "payload", "day": day,
         "started_at": now.isoformat(), "full": False},
        {"kind": "plan", "pages": pages},
        {"kind": "search_end", "complete": True, "why": "none"},
    )  # fmt: skip
    journal.close()
    began = time.monotonic()
    result = crawl(site, "bench", folder, {}, started_at=now)
    whole = time.monotonic() - began
    ends = [
        datetime.fromisoformat(line["at"]).timestamp()
        for line in lines(folder / NAME)
        if line["kind"] == "page"
    ]
    return {"pages": result.done, "seconds": max(ends) - min(ends), "whole": whole}


def scrapy(home: Home, addresses: list[str], kinds: list[str], target: Path) -> dict[str, Any]:
    """The same pages by Scrapy."""
    import scrapy as library
    from scrapy.crawler import CrawlerProcess

    ends: list[float] = []

    class Details(library.Spider):
        name = "details"
        start_urls = addresses

        def parse(self, response: Any) -> Any:
            text = response.css("script#initial-activity-data::text").get()
            found = json.loads(text)
            payload = {key: found[key] for key in KEPT if key in found}
            ends.append(time.time())
            yield {"listing_id": found["listing_id"], "url": response.url, "payload": payload}

    began = time.monotonic()
    process = CrawlerProcess(
        {
            "CONCURRENT_REQUESTS": CONCURRENCY,
            "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
            "DOWNLOAD_DELAY": 0,
            "ROBOTSTXT_OBEY": True,
            "USER_AGENT": "carprice-benchmark",
            "TELNETCONSOLE_ENABLED": False,
            "LOG_ENABLED": False,
            "FEEDS": {str(target / "items.jsonl"): {"format": "jsonlines"}},
        }
    )
    process.crawl(Details)
    process.start()
    whole = time.monotonic() - began
    return {"pages": len(ends), "seconds": max(ends) - min(ends), "whole": whole}


def in_process(home: Home, what: str, kinds: list[str], pages: int) -> dict[str, Any]:
    """Run one of the two in a process of its own, and read its figures."""
    command = [sys.executable, __file__, "--child", what, "--pages", str(pages)]
    for kind in kinds:
        command += ["--kind", kind]
    done = subprocess.run(
        command,
        env={**os.environ, "CARPRICE_HOME": str(home.root)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    if figures["pages"] != pages:
        raise SystemExit(f"{what}: {figures['pages']} of {pages} pages")
    return figures


def child(what: str, kinds: list[str], pages: int) -> None:
    """One measured run."""
    home = Home.current()
    settings = site_settings(load_market(home, "bench"))
    ids = [car.listing_id for car in settings.open_market().stock(0)][:pages]
    origin = f"http://{settings.host}:{settings.port}"
    addresses = [f"{origin}/vehicledetail/{name}/" for name in ids]
    with tempfile.TemporaryDirectory() as folder:
        run = ours if what == "ours" else scrapy
        print(json.dumps(run(home, addresses, kinds, Path(folder))))


def compare(home: Home, pages: int, rounds: int, rendered: int) -> None:
    """The table of all rounds."""
    print(f"{pages:,} detail pages, {CONCURRENCY} at once, {rounds} rounds; pages a second")
    print(f"{'round':<8}{'carprice':>10}{'Scrapy':>10}{'ratio':>8}   start-up s (carprice, Scrapy)")
    ratios: list[float] = []
    for number in range(1, rounds + 1):
        order = ("ours", "scrapy") if number % 2 else ("scrapy", "ours")
        found = {what: in_process(home, what, [], pages) for what in order}
        rate = {what: pages / figures["seconds"] for what, figures in found.items()}
        spare = {what: figures["whole"] - figures["seconds"] for what, figures in found.items()}
        ratios.append(rate["ours"] / rate["scrapy"])
        print(
            f"{number:<8}{rate['ours']:>10.0f}{rate['scrapy']:>10.0f}{ratios[-1]:>8.2f}"
            f"   {spare['ours']:.1f}, {spare['scrapy']:.1f}"
        )
    median = statistics.median(ratios)
    print(f"median ratio {median:.2f} ({'at least' if median >= 1 else 'BELOW'} Scrapy's)")
    rendered = min(rendered, pages)
    figures = in_process(home, "ours", ["detail"], rendered)
    print(f"every page rendered in Chromium: {rendered / figures['seconds']:.1f} pages a second")


def main() -> None:
    """Start the site, measure, end it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pages", type=int, default=1_500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rendered", type=int, default=150)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--kind", action="append", default=[], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.kind, given.pages)
        return
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        home = Home(Path(folder))
        home.markets.mkdir(parents=True)
        text = MARKET.format(size=given.pages, port=port, concurrency=CONCURRENCY)
        (home.markets / "bench.toml").write_text(text)
        site = subprocess.Popen(
            [sys.executable, "-m", "carprice_assets.practice_market.site", "--market", "bench"],
            env={**os.environ, "CARPRICE_HOME": str(home.root)},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert site.stdout is not None
            site.stdout.readline()  # told once it listens
            compare(home, given.pages, given.rounds, given.rendered)
        finally:
            site.terminate()
            site.wait(30)


if __name__ == "__main__":
    main()
