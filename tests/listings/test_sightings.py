"""When a listing counts as gone, rule by rule; and what cleaning makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from invented_journals import Journal, car, whole

from carprice_assets.files import folder_hashes
from carprice_assets.listings import cleaning, dataset, raw, split
from carprice_assets.listings.ledger import take_in
from carprice_assets.listings.taking import Taken
from carprice_assets.markets import Market

D1, D3, D5 = "2026-01-01", "2026-01-03", "2026-01-05"
IDS = ("a", "b", "c", "d")
Build = Callable[[], Journal]


@pytest.fixture
def take(con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path) -> Callable[..., Taken]:
    return lambda journal: take_in(con, market, journal.write(tmp_path))


def sighting(con: duckdb.DuckDBPyConnection, listing: str) -> tuple[Any, ...]:
    """Day of the month of first_seen, last_seen, fetched and delisted_at."""
    rows = con.execute(
        "SELECT day(first_seen), day(last_seen), day(fetched), day(delisted_at) FROM sightings"
        " WHERE listing_id = $id",
        {"id": listing},
    ).fetchall()
    assert len(rows) == 1
    return rows[0]


def seen_without_a(day: str = D3) -> Journal:
    return Journal(day).search("b", "c", "d")


# What a crawl of day 3 makes of listing a, which was read on day 1.
RULES: dict[str, tuple[Build, tuple[Any, ...]]] = {
    "its card": (lambda: Journal(D3).search(*IDS).searched().end(), (1, 3, 1, None)),
    "its page": (
        lambda: seen_without_a().offer("a", why="missing").searched().end(),
        (1, 3, 3, None),
    ),
    "a gone page": (lambda: seen_without_a().searched().gone("a").end(), (1, 1, 3, 3)),
    "a gone page, then a partial end": (
        lambda: seen_without_a().searched().gone("a").failed("b").end("partial", "1 failed"),
        (1, 1, 3, 3),
    ),
    "a gone page, then a pause": (lambda: seen_without_a().gone("a").end("paused"), (1, 1, 3, 3)),
    "a gone page, then a refusal": (
        lambda: seen_without_a().gone("a").end("refused", "interstitial"),
        (1, 1, 3, 3),
    ),
    "a gone page, no end": (lambda: seen_without_a().gone("a"), (1, 1, 3, 3)),
    "a gone page behind a card": (
        lambda: Journal(D3).search(*IDS).searched().gone("a", why="aged").end(),
        (1, 3, 3, 3),
    ),
    "a card on the day after the gone page": (
        lambda: seen_without_a().gone("a").end("paused").next_day().search("a").searched().end(),
        (1, 4, None, None),
    ),
    "absence, complete": (lambda: seen_without_a().searched().end(), (1, 1, 1, 3)),
    "absence, but its page failed": (
        lambda: seen_without_a().searched().failed("a", why="missing").end("partial", "1 failed"),
        (1, 1, 1, None),
    ),
    "absence, partial": (
        lambda: seen_without_a().searched().end("partial", "1 failed"),
        (1, 1, 1, None),
    ),
    "absence, search cut": (
        lambda: seen_without_a().searched(complete=False).end("partial", "max_pages"),
        (1, 1, 1, None),
    ),
    "absence, search cut, said to be complete": (
        lambda: seen_without_a().searched(complete=False).end(),
        (1, 1, 1, None),
    ),
    "absence, paused": (lambda: seen_without_a().searched().end("paused"), (1, 1, 1, None)),
    "absence, running": (lambda: seen_without_a().searched(), (1, 1, 1, None)),
    "absence, refused": (
        lambda: seen_without_a().searched().end("refused", "interstitial"),
        (1, 1, 1, None),
    ),
    "absence, abandoned": (
        lambda: seen_without_a().searched().end("abandoned"),
        (1, 1, 1, None),
    ),
    "absence, collapsed": (lambda: Journal(D3).search("d").searched().end(), (1, 1, 1, None)),
    "absence, much failed": (
        lambda: seen_without_a().failed("b", why="aged").searched().end(),
        (1, 1, 1, None),
    ),
    "its page is no car": (
        lambda: seen_without_a().searched().unreadable("a", why="missing").end("partial"),
        (1, 3, 3, None),
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_what_delists(
    con: duckdb.DuckDBPyConnection, take: Callable[..., Taken], rule: str
) -> None:
    build, expected = RULES[rule]
    take(whole(IDS, D1))
    assert sighting(con, "a") == (1, 1, 1, None)
    taken = take(build())
    assert sighting(con, "a") == expected
    assert taken.delisted == (expected[3] is not None)
    assert take(build()).delisted == 0
    assert sighting(con, "a") == expected


def test_a_held_crawl_delists_nothing(
    con: duckdb.DuckDBPyConnection, take: Callable[..., Taken]
) -> None:
    ids = [f"id-{n}" for n in range(30)]
    take(whole(ids, D1))
    journal = Journal(D3).search(*ids[1:]).plan(*ids[1:], why="full")
    for listing in ids[1:]:
        journal.offer(listing, {"Renamed": "Ford"}, why="full")
    taken = take(journal.searched().gone("id-0").end())
    assert (taken.state, taken.held, taken.delisted) == ("held", True, 0)
    assert sighting(con, "id-0") == sighting(con, "id-1") == (1, 1, 1, None)


def test_a_listing_comes_back(con: duckdb.DuckDBPyConnection, take: Callable[..., Taken]) -> None:
    take(whole(IDS, D1))
    take(seen_without_a().searched().end())
    take(seen_without_a("2026-01-04").searched().end())
    assert sighting(con, "a") == (1, 1, 1, 3)  # the first day without it stays
    take(Journal(D5).search(*IDS).plan("a").searched().failed("a").end("partial", "1 failed"))
    assert sighting(con, "a") == (1, 5, None, None)  # its page was not read since
    take(Journal("2026-01-06").search(*IDS).plan("a").offer("a").searched().end())
    assert sighting(con, "a") == (1, 6, 6, None)


def test_an_old_journal_does_no_harm(
    con: duckdb.DuckDBPyConnection, take: Callable[..., Taken]
) -> None:
    take(whole(IDS, D1))
    old = Journal(D3).search("a", "b", "d").offer("a", why="changed").searched().gone("b").end()
    take(Journal(D5).search("a", "b", "c").offer("b", why="aged").searched().end())
    assert (sighting(con, "b"), sighting(con, "d")) == ((1, 5, 5, None), (1, 1, 1, 5))
    take(old)
    assert sighting(con, "a") == (1, 5, 3, None)
    assert sighting(con, "b") == (1, 5, 5, None)
    assert sighting(con, "c") == (1, 5, 1, None)
    assert sighting(con, "d") == (1, 3, 1, 5)


def fingerprint(con: duckdb.DuckDBPyConnection, listing: str) -> str | None:
    found = con.execute("SELECT fingerprint FROM sightings WHERE listing_id = $i", {"i": listing})
    return found.fetchall()[0][0]


def test_the_fingerprint_is_that_of_the_page_last_read(
    con: duckdb.DuckDBPyConnection, take: Callable[..., Taken]
) -> None:
    take(whole(IDS, D1))
    prints = {"a": "new-a", "b": "new-b"}
    journal = Journal(D3).search(*IDS, prints=prints).searched()
    journal.offer("a", why="changed", fingerprint="new-a").failed("b", fingerprint="new-b")
    take(journal.end("partial", "1 failed"))
    assert (fingerprint(con, "a"), fingerprint(con, "b")) == ("new-a", "f-b")
    take(Journal(D5).search("a", "b", "c").searched().offer("d", why="missing").end())
    assert fingerprint(con, "d") is None  # which card belongs to what was read is not known
    assert sighting(con, "d") == (1, 5, 5, None)


def life(con: duckdb.DuckDBPyConnection, listing: str) -> tuple[int, int, int | None]:
    rows = con.execute(
        "SELECT day(first_seen), day(last_seen), day(delisted_at) FROM listings"
        " WHERE listing_id = $id",
        {"id": listing},
    ).fetchall()
    return rows[0]


def test_cleaning_takes_the_ledgers_word(
    con: duckdb.DuckDBPyConnection, market: Market, take: Callable[..., Taken], payloads: Any
) -> None:
    take(whole(IDS, D1))
    take(Journal(D3).search("b", "c", "d").searched().gone("a").end())
    raw.append(con, market, "payload", payloads([("file", D1, car())]))
    cleaning.rebuild(con, market)
    assert life(con, "a") == (1, 1, 3)
    assert life(con, "b") == (1, 3, None)
    assert life(con, "file") == (1, 1, None)
    raw.append(con, market, "payload", payloads([("a", "2026-01-02", car(8000))]))
    cleaning.rebuild(con, market)
    assert life(con, "a") == (1, 2, 3)
    raw.append(con, market, "payload", payloads([("a", D5, car(7000)), ("b", "2026-01-02", car())]))
    summary = cleaning.rebuild(con, market)
    assert life(con, "a") == (1, 5, None)  # a later row: it is on offer after all
    assert life(con, "b") == (1, 3, None)
    sums = cleaning.accounts(con, market)
    assert (sums["twice"], sums["strays"], sums["lost"]) == (0, 0, 0)
    assert sums["raw"] == summary.listings + summary.rejected + summary.superseded


def test_gone_only_where_every_site_says_so(
    con: duckdb.DuckDBPyConnection, market: Market, take: Callable[..., Taken], tmp_path: Path
) -> None:
    take(whole(["a", "b"], D1))
    take(whole(["a", "b"], D1, site="autos"))
    take(Journal(D3).search("b").searched().gone("a").end())
    cleaning.rebuild(con, market)
    assert life(con, "a") == (1, 1, None)
    take(Journal(D5, site="autos").search("b").searched().gone("a").end())
    cleaning.rebuild(con, market)
    assert life(con, "a") == (1, 1, 5)
    elsewhere = whole(["a"], D5, market="other").write(tmp_path)
    take_in(con, replace(market, name="other"), elsewhere)
    cleaning.rebuild(con, market)
    assert life(con, "a") == (1, 1, 5)


def test_the_dataset_is_the_same_after_an_unchanged_crawl(
    con: duckdb.DuckDBPyConnection, market: Market, take: Callable[..., Taken], tmp_path: Path
) -> None:
    ids = [f"id-{n}" for n in range(40)]
    found: list[Any] = []
    crawls = (whole(ids, D1), Journal(D3).search(*ids[1:]).searched().gone("id-0").end())
    for turn, journal in enumerate(crawls):
        taken = take(journal)
        cleaning.rebuild(con, market)
        split.assign(con, market)
        folder = tmp_path / f"dataset-{turn}"
        folder.mkdir()
        dataset.build(con, market, folder)
        found.append((folder_hashes(folder), taken.data_version))
    assert con.execute("SELECT max(last_seen), max(delisted_at) FROM listings").fetchall() == [
        (date(2026, 1, 3), date(2026, 1, 3))
    ]
    assert found[0] == found[1]
