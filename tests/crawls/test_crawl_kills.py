"""`carprice crawl` killed at any moment: the same command goes on, loses and doubles nothing."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from crawl_kit import Command, rows, target, until
from practice_sites import RunningSite

from carprice_assets.home import Home
from carprice_assets.sources.crawl import JOURNAL

pytestmark = pytest.mark.browser

SLOW = {"rate": 60, "concurrency": 4}
"""So that a crawl lasts some seconds in which it can be killed."""
TABLES = {
    "raw_listings": "* EXCLUDE (seq)",
    "listings": "*",
    "rejected_listings": "*",
    "price_history": "*",
    "sightings": "*",
    "vehicles": "*",
}
CHILD_SECONDS = 60.0
"""In which orphans of a killed command end: they need one, on a slow day some more."""


@dataclass
class Kill:
    """What was so when a command was killed."""

    at: float
    settled: frozenset[str]
    alive: bool


def tables(home: Home) -> dict[str, Any]:
    """Content of the tables, with the final state of every page of every crawl."""
    found: dict[str, Any] = {
        name: sorted(map(repr, rows(home, f"SELECT {columns} FROM {name}")))
        for name, columns in TABLES.items()
    }
    states = "url, page, listing_id, why, state, reason"
    # A process killed after its crawl was over leaves the next one a new crawl: its search only.
    found["pages"] = sorted(map(repr, rows(home, f"SELECT DISTINCT {states} FROM pages")))
    return found


def other_home(site: RunningSite, root: Path) -> Home:
    """A second home whose market is crawled at the same site."""
    home = Home(root)
    shutil.copytree(site.home.markets, home.markets)
    return home


def kill_when(command: Command, condition: Callable[[], bool]) -> Kill:
    """Start the command and kill it once ``condition`` holds; no child outlives it."""
    command.start()
    command.until(condition)
    command.freeze()
    lines = command.journal()
    kill = Kill(
        time.time(),
        frozenset(
            target(line["url"])
            for line in lines
            if line["kind"] == "page" and line["state"] in ("done", "gone")
        ),
        alive=bool(lines) and lines[-1]["kind"] != "end",
    )
    command.kill()
    until(lambda: not command.left(), CHILD_SECONDS)
    return kill


def after_so_many(command: Command, pages: int, more: float = 0.0) -> Callable[[], bool]:
    """Once the journal tells of ``pages`` settled pages, and ``more`` seconds later.

    Where it tells of as many before the command starts, once there is one more.
    """
    pages = max(pages, len(command.settled()) + 1)
    since: list[float] = []

    def reached() -> bool:
        if not since and len(command.settled()) >= pages:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] >= more

    return reached


def while_taken_in(command: Command) -> Callable[[], bool]:
    """Once the journal is being taken in: a work folder is there that no killed command left."""
    left = set(command.folder.glob(".taking-*"))
    return lambda: not left.issuperset(command.folder.glob(".taking-*")) and _has_ended(command)


def _has_ended(command: Command) -> bool:
    lines = command.journal()
    return bool(lines) and lines[-1]["kind"] == "end"


def nothing_asked_again(site: RunningSite, kills: list[Kill]) -> int:
    """Assert that no page settled at a kill was asked for after it; gives their number."""
    arrived = [(line["at"], line["path"]) for line in site.log()]
    again = {
        path for kill in kills for at, path in arrived if at > kill.at and path in kill.settled
    }
    assert again == set()
    return sum(len(kill.settled) for kill in kills)


def run_states(home: Home) -> list[dg.DagsterRunStatus]:
    """How the runs of a home ended, by an instance that clears nothing."""
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        return [run.status for run in instance.get_runs()]


def test_a_crawl_that_is_killed_once(serve: Any, tmp_path: Path) -> None:
    site = serve(size=60, per_page=15, site=SLOW)
    calm = other_home(site, tmp_path / "calm")
    Command(calm).run()
    before = len(site.log())
    command = Command(site.home)
    kill = kill_when(command, after_so_many(command, 32))
    assert kill.alive
    assert any("chrom" in line for line in command.children.values())
    assert "going on with crawl" in command.run()
    assert nothing_asked_again(site, [kill]) >= 32
    asked = [line["path"] for line in site.log()[before:] if "/vehicledetail/" in line["path"]]
    assert len(set(asked)) == 60
    assert len(asked) <= 60 + SLOW["concurrency"]  # those on their way when it was killed
    assert tables(site.home) == tables(calm)
    # The next start marked the killed run as failed. Runs come newest first.
    assert run_states(site.home) == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


@pytest.mark.long
@pytest.mark.parametrize("template", ["carscom", "schema-org"])
def test_a_crawl_killed_at_ten_moments(serve: Any, tmp_path: Path, template: str) -> None:
    """The first day of a site and a later one, the second crawl killed ten times."""
    site = serve(size=240, per_page=24, template=template, site=SLOW)
    calm = other_home(site, tmp_path / "calm")
    Command(calm).run()
    shutil.copytree(calm.root, site.home.root, dirs_exist_ok=True)
    site.advance(9)
    before = len(site.log())
    Command(calm).run()
    asked_calmly = len(site.log()) - before
    truth = site.truth(0, 9)
    details = len(truth.new | truth.changed | truth.gone)
    searches = -(-len(site.on_sale(9)) // 24) + 1

    draw = random.Random(f"kills-{template}")
    command = Command(site.home)
    # One before the crawl begins, two early in its search, five later, two while it is taken in.
    targets = sorted(
        [draw.randint(1, searches // 2) for _ in range(2)]
        + [draw.randint(searches, searches + details - 25) for _ in range(5)]
    )
    kills: list[Kill] = []
    moment = time.monotonic() + draw.uniform(0.5, 3.0)
    kills.append(kill_when(command, lambda: time.monotonic() >= moment))
    for pages in targets:
        kills.append(kill_when(command, after_so_many(command, pages, draw.uniform(0, 0.2))))
    for _ in range(2):
        kills.append(kill_when(command, while_taken_in(command)))
    assert len(kills) == 10
    assert [kill.alive for kill in kills[1:8]] == [True] * 7
    assert not any(kill.alive for kill in kills[8:])
    assert (command.folder / JOURNAL).exists()
    command.run()

    assert nothing_asked_again(site, kills) > 3 * details
    again = len(site.log()) - before - 2 * asked_calmly
    # At each kill so many pages may be on their way, and each start asks for robots.txt and the
    # scripts of rendered pages.
    assert 0 <= again <= len(targets) * (SLOW["concurrency"] + 5)
    assert tables(site.home) == tables(calm)
    lost = rows(site.home, "SELECT count(*) FROM sightings WHERE delisted_at IS NOT NULL")
    assert lost == [(len(truth.gone),)]
    states = run_states(site.home)
    assert set(states) == {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}
    assert states.count(dg.DagsterRunStatus.FAILURE) in (9, 10)  # the first may not have begun
    assert states.count(dg.DagsterRunStatus.SUCCESS) == 2
    crawls = rows(site.home, "SELECT crawl_id, state FROM crawls ORDER BY 1")
    assert crawls == rows(calm, "SELECT crawl_id, state FROM crawls ORDER BY 1")
    assert [state for _, state in crawls] == ["complete", "complete"]
