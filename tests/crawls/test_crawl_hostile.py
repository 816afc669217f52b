"""Pages that mean harm end as rejected rows with reasons; nothing else is touched for them."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from crawl_kit import asked, pages, raw_ids, rows, scrape
from practice_sites import RunningSite

from carprice_assets.defs import launch
from carprice_assets.defs.automation import LISTINGS
from carprice_assets.practice_market.site import HOSTILE
from carprice_assets.practice_market.site.hostile import FOREIGN_HOST

pytestmark = pytest.mark.browser

REJECTED = {
    "script_in_dealer_name": "unsafe_text",
    "huge_page": "page_too_large",
    "deep_json": "page_too_deep",
    "wrong_charset": "wrong_charset",
    "absurd_price": "price_out_of_range",
}
REDIRECTS = {
    "redirect_to_metadata": "169.254.169.254 is no host of the site",
    "redirect_to_other_port": r"127\.0\.0\.1:\d+ is no host of the site",
}
LONG_SCHEMA_ORG = pytest.param("schema-org", marks=pytest.mark.long)
GIGABYTE = 1_000_000_000

MEASURED = """
import json, resource, sys
from carprice_assets.cli import main
try:
    main(["crawl", "-m", "small"])
except SystemExit as ended:
    code = ended.code
sizes = [resource.getrusage(who).ru_maxrss * 1024 for who in
         (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print("MEASURED", json.dumps([code or 0, *sizes]))
"""
"""The command, and the largest resident sizes of its process and of one of its children."""


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """Listens where a hostile page redirects to."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def caught(trap: socket.socket) -> bool:
    """Whether anybody has connected."""
    try:
        trap.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def hostile_site(serve: Any, trap: socket.socket, template: str) -> RunningSite:
    """A site whose first search page lists the hostile pages as well."""
    site = serve(size=40, per_page=20, template=template)
    site.faults(hostile=True, hostile_port=trap.getsockname()[1])
    return site


def rejections(site: RunningSite) -> dict[str, str]:
    """Listing id to reason."""
    return dict(rows(site.home, "SELECT listing_id, reason FROM rejected_listings"))


@pytest.mark.parametrize("template", ["carscom", LONG_SCHEMA_ORG])
def test_each_hostile_page_ends_with_its_reason(
    serve: Any, trap: socket.socket, template: str
) -> None:
    site = hostile_site(serve, trap, template)
    with launch.instance(site.home) as instance:
        outcome = launch.materialize(instance, "small", LISTINGS)
    assert outcome.success, outcome.error

    found = rejections(site)
    by_name = {name: found.get(listing) for name, listing in HOSTILE.items()}
    assert {name: by_name[name] for name in REJECTED} == REJECTED
    details = dict(
        rows(
            site.home,
            "SELECT listing_id, concat(state, ' ', reason, ': ', detail) FROM pages"
            " WHERE page = 'detail' AND list_contains(?, listing_id)",
            [HOSTILE[name] for name in REDIRECTS],
        )
    )
    for name, words in REDIRECTS.items():
        assert re.fullmatch(f"failed redirect_refused: {words}", details[HOSTILE[name]])

    # What the list names at another host was never asked for, so it is known by its address.
    foreign = rows(site.home, "SELECT url FROM rejected_listings WHERE reason = 'foreign_address'")
    assert len(foreign) == 1
    assert foreign[0][0].startswith(f"{FOREIGN_HOST}/")
    assert HOSTILE["foreign_address"] in foreign[0][0]

    # Nobody was asked but the site, and it but once for each of these pages.
    assert not caught(trap)
    for name, listing in HOSTILE.items():
        assert len(asked(site, listing)) == (name != "foreign_address")

    # All good listings are there, and no hostile one among them.
    good = {row[0] for row in rows(site.home, "SELECT listing_id FROM listings")}
    assert good.isdisjoint(HOSTILE.values())
    assert good | set(found) >= site.on_sale(0)
    assert len(good) >= 35
    assert raw_ids(site) >= site.on_sale(0)


@pytest.mark.long
def test_a_page_of_fifty_megabytes_fits_into_little_memory(serve: Any, trap: socket.socket) -> None:
    site = hostile_site(serve, trap, "carscom")
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED],
        env={**os.environ, "CARPRICE_HOME": str(site.home.root)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    told = ended.stdout.rpartition("MEASURED")[2]
    assert told, ended.stderr
    code, own, largest_child = json.loads(told)
    assert code == 0, ended.stderr
    assert HOSTILE["huge_page"] in pages(site, "site-2026-01-05-1", "failed").values()
    assert own < GIGABYTE
    assert largest_child < GIGABYTE


@pytest.mark.parametrize("template", ["carscom", LONG_SCHEMA_ORG])
def test_a_search_without_end_ends(serve: Any, template: str) -> None:
    site = serve(size=40, per_page=20, template=template)
    site.faults(endless=True)
    crawl = scrape(site).crawl
    assert (crawl.state, crawl.search_complete) == ("complete", True)
    assert raw_ids(site) == site.on_sale(0)
    part = "/shopping/cards" if template == "carscom" else "/cars/?"
    assert len(asked(site, part)) == 2 + 2  # two pages running without a listing that is new
