"""A crawl that saw too little is told apart from a market that has little."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from invented_journals import Journal

from carprice_assets.listings.ledger import take_in
from carprice_assets.markets import Market

IDS = [f"id-{n}" for n in range(100)]


def crawl(
    day: int, seen: int, state: str = "complete", reason: str = "", failed: int = 0
) -> Journal:
    journal = Journal(f"2026-01-{day:02}").search(*IDS[:seen]).searched()
    for listing in IDS[:9]:
        journal.offer(listing, why="aged")
    for listing in IDS[9 : 9 + failed]:
        journal.failed(listing, why="aged")
    return journal.end(state, reason)


CASES = {
    "as ever": (crawl(9, 61), ""),
    "half": (crawl(9, 30), ""),
    "under half": (crawl(9, 29), "29 listings were seen, under 50% of the 60 that the last"),
    "under half, cut": (crawl(9, 29, "partial", "max_pages"), "29 listings were seen"),
    "partial": (crawl(9, 60, "partial", "1 page failed", failed=1), ""),
    "a fifth failed": (crawl(9, 60, "partial", "2 pages failed", failed=2), ""),
    "over a fifth": (
        crawl(9, 60, "partial", "failed", failed=3),
        "23% of the pages failed (limit 20%), 3 of them by timeout, as http://127.0.0.1/",
    ),
    "refused": (crawl(9, 60, "refused", "interstitial"), "the crawl ended refused: interstitial"),
    "abandoned": (crawl(9, 60, "abandoned"), "the crawl ended abandoned"),
    "collapsed": (
        crawl(9, 60, "partial", "collapsed: 60 of 100 are missing"),
        "the crawl ended partial: collapsed: 60 of 100 are missing",
    ),
    "paused": (crawl(9, 2, "paused", "daily budget used"), ""),
    "paused, and much failed": (crawl(9, 60, "paused", "daily budget used", failed=9), ""),
}


@pytest.mark.parametrize("case", CASES)
def test_collapse(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path, case: str
) -> None:
    # The median is 60: of the last three complete crawls, whatever partial ones came between.
    earlier = [(1, 100, "complete"), (2, 60, "complete"), (3, 50, "complete"), (4, 4, "partial")]
    for day, seen, state in [*earlier, (5, 70, "complete")]:
        take_in(con, market, crawl(day, seen, state).write(tmp_path))
    journal, sentence = CASES[case]
    path = journal.write(tmp_path)
    taken = take_in(con, market, path)
    assert taken.collapse.broken.startswith(sentence)
    assert bool(taken.collapse.broken) is bool(sentence) is taken.crawl.collapsed
    assert taken.collapse.usual == 60
    assert take_in(con, market, path).collapse == taken.collapse


def test_a_first_crawl_that_sees_no_car_is_no_crawl(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    taken = take_in(con, market, Journal().search().searched().end().write(tmp_path))
    assert taken.collapse.broken == "the search pages showed no car at all"


def test_a_full_crawl_may_find_that_a_market_shrank(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    take_in(con, market, crawl(1, 60).write(tmp_path))
    shrunk = Journal("2026-01-02", full=True).search(*IDS[:20]).searched().end()
    taken = take_in(con, market, shrunk.write(tmp_path))
    assert (taken.collapse.broken, taken.collapse.usual) == ("", 60)
    assert taken.delisted == 40


def test_a_first_crawl_has_nothing_to_be_compared_with(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    taken = take_in(con, market, crawl(1, 20).write(tmp_path))
    assert (taken.collapse.seen, taken.collapse.usual) == (20, None)
    assert taken.collapse.broken == ""
