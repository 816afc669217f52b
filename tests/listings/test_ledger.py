"""A crawl's journal in the warehouse: whole, once, and what the crawler asks of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from invented_journals import Journal, car, whole
from ledger_kit import before, content, rich

from carprice_assets.home import Home
from carprice_assets.listings import cleaning, raw
from carprice_assets.listings.ledger import (
    Known,
    known,
    last_refusal,
    requests_since,
    take_in,
)
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market
from carprice_assets.sources.crawl import journal as crawl_journal


def test_a_crawl_is_told_whole(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    before(con, market, tmp_path)
    path = rich().write(tmp_path)
    taken = take_in(con, market, path)
    crawl = taken.crawl
    assert (crawl.crawl_id, crawl.scrape_id) == ("cars-2026-01-05-1",) * 2
    assert (taken.state, crawl.own_state, taken.ended, taken.held) == (
        *("partial", "partial"),
        *(True, False),
    )
    assert crawl.reason == crawl.own_reason == "1 page failed"
    assert crawl.started_at == datetime(2026, 1, 5, 9)
    assert crawl.ended_at is not None
    assert crawl.ended_at.date() == date(2026, 1, 6)
    assert (crawl.seen, crawl.unchanged) == (6, 1)  # of z there is only a card
    assert crawl.pages == 8
    assert taken.crawl.why == {"new": 5, "changed": 0, "aged": 0, "missing": 2, "full": 0}
    told = crawl_journal.read(path)
    assert crawl.pending == len(told.pending) == 1
    assert crawl.requests == told.requests() == 14
    assert crawl.search_complete
    assert (taken.rows_read, taken.rows_new, taken.rows_known) == (4, 4, 0)
    assert taken.total == 7
    assert taken.data_version == raw.data_version(con, "us")
    assert taken.delisted == 2  # x and e
    rows = con.execute(
        "SELECT url, page, state, why, reason, requests FROM pages"
        " WHERE crawl_id = $crawl ORDER BY url",
        {"crawl": crawl.crawl_id},
    ).fetchall()
    at = "http://127.0.0.1/cars/"
    assert rows == [
        (f"{at}?page=1", "search", "done", None, None, 1),
        (f"{at}?page=2", "search", "done", None, None, 1),
        (f"{at}a/", "detail", "done", "new", None, 1),
        (f"{at}b/", "detail", "done", "new", None, 4),  # with what the first attempt cost
        (f"{at}c/", "detail", "pending", "new", None, 0),
        (f"{at}d/", "detail", "failed", "new", "page_too_large", 1),
        (f"{at}e/", "detail", "gone", "new", "status", 1),
        (f"{at}x/", "detail", "gone", "missing", "status", 1),
        (f"{at}y/", "detail", "done", "missing", None, 1),
    ]
    assert sum(row[5] for row in rows) + 3 == crawl.requests
    assert crawl.pages == sum(row[2] != "pending" for row in rows)
    spent = con.execute("SELECT sum(requests) FROM crawls").fetchall()[0][0]
    assert requests_since(con, "us", "cars", datetime(2026, 1, 1, tzinfo=UTC)) == spent


def test_raw_rows_are_those_of_the_pages(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    take_in(con, market, rich().write(tmp_path))
    rows = con.execute(
        "SELECT listing_id, source, scrape_id, scraped_at, seq, payload FROM raw_listings"
        " ORDER BY listing_id"
    ).fetchall()
    assert [row[:3] for row in rows] == [
        ("a", "payload", "cars-2026-01-05-1"),
        ("b", "payload", "cars-2026-01-05-1"),
        ("d", "unreadable", "cars-2026-01-05-1"),
        ("y", "payload", "cars-2026-01-05-1"),
    ]
    assert [row[3].day for row in rows] == [5, 6, 5, 6]  # the page's day, not the crawl's
    assert json.loads(rows[1][5]) == car(9500)
    assert json.loads(rows[2][5]) == {
        "fault": "page_too_large",
        "detail": "60,000,000 bytes",
        "url": "http://127.0.0.1/cars/d/",
    }
    first = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp() * 1000
    assert all(first < row[4] < first + 90_000_000 for row in rows)
    summary = cleaning.rebuild(con, market)
    assert (summary.listings, dict(summary.reasons)) == (3, {"page_too_large": 1})


def test_the_same_journal_again_changes_nothing(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    before(con, market, tmp_path)
    path = rich().write(tmp_path)
    first = take_in(con, market, path)
    kept = content(con)
    again = take_in(con, market, path)
    assert content(con) == kept
    assert (again.rows_read, again.rows_new, again.rows_known) == (4, 0, 4)
    assert (again.delisted, again.sample) == (0, ())
    assert again.data_version == first.data_version
    assert again.crawl == first.crawl
    left = con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
    assert left == []
    assert [each.name for each in path.parent.iterdir()] == ["journal.jsonl"]


@pytest.mark.parametrize("killed", range(2))
def test_taken_in_line_by_line_it_ends_the_same(
    tmp_path: Path, home: Home, market: Market, killed: int
) -> None:
    journal = rich()
    found: list[Any] = []
    for turn, steps in enumerate(([len(journal.records)], range(1, len(journal.records) + 1))):
        with Warehouse(tmp_path / f"{turn}.duckdb").connect() as con:
            before(con, market, tmp_path)
            for lines in steps:
                torn = b'{"kind":"page","url":"http://127.0.0.1/\xc3' if killed else b""
                take_in(con, market, journal.write(tmp_path, lines=lines, torn=torn))
            found.append(content(con))
    assert found[0] == found[1]


def test_a_crawl_that_goes_on_shows_what_is_pending(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    journal = Journal().search("a", "b").plan("a", "b").offer("a")
    assert take_in(con, market, journal.write(tmp_path)).state == "running"
    journal.end("paused", "daily budget used")
    taken = take_in(con, market, journal.write(tmp_path))
    assert (taken.state, taken.ended, taken.crawl.pending) == ("paused", False, 1)
    journal.next_day().offer("b")
    assert take_in(con, market, journal.write(tmp_path)).state == "running"
    taken = take_in(con, market, journal.searched().end().write(tmp_path))
    assert (taken.state, taken.crawl.pending, taken.rows_new) == ("complete", 0, 0)
    assert con.execute("SELECT count(*), max(state) FROM crawls").fetchall() == [(1, "complete")]


def test_a_crawl_without_an_offer_is_taken_in(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    refused = Journal().robots().end("refused", "robots.txt cannot be reached")
    taken = take_in(con, market, refused.write(tmp_path))
    assert (taken.state, taken.rows_read, taken.total) == ("refused", 0, 0)
    assert taken.collapse.broken == "the crawl ended refused: robots.txt cannot be reached"
    hopeless = whole(["a", "b"], number=2, payloads=dict.fromkeys("ab", car(1)))
    assert take_in(con, market, hopeless.write(tmp_path)).rows_new == 2
    assert dict(cleaning.rebuild(con, market).reasons) == {"price_out_of_range": 2}


def test_what_the_crawler_asks(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    assert known(con, "us", "cars") == {}
    assert last_refusal(con, "us", "cars") is None
    before(con, market, tmp_path)
    journal = Journal().search("a", "b", "y").plan("a", "b").offer("a").failed("b").searched()
    journal.gone("x").end("partial", "1 page failed")
    take_in(con, market, journal.write(tmp_path))
    url = "http://127.0.0.1/cars/{}/".format
    assert known(con, "us", "cars") == {
        "a": Known(url("a"), "f-a", date(2026, 1, 5), delisted=False),
        "b": Known(url("b"), "", None, delisted=False),
        "x": Known(url("x"), "f-x", date(2026, 1, 5), delisted=True),
        "y": Known(url("y"), "f-y", date(2026, 1, 4), delisted=False),
        "z": Known(url("z"), "f-z", date(2026, 1, 4), delisted=False),
    }
    assert known(con, "us", "other") == known(con, "other", "cars") == {}
    refused = Journal("2026-01-06").search("a").end("refused", "interstitial")
    take_in(con, market, refused.write(tmp_path))
    late = Journal("2026-01-07").search("a").failed("a").searched().end("partial", "1 failed")
    take_in(con, market, late.write(tmp_path))
    refusal = last_refusal(con, "us", "cars")
    assert refusal == (datetime(2026, 1, 6, 9, 0, 2, tzinfo=UTC), "interstitial")


def test_requests_are_counted_by_their_time(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    journal = Journal().search("a", "b").plan("a", "b").offer("a", requests=7).robots(5)
    journal.end("paused").next_day().offer("b", requests=11).searched().end()
    take_in(con, market, journal.write(tmp_path))
    count = requests_since
    assert count(con, "us", "cars", datetime(2026, 1, 5, tzinfo=UTC)) == 1 + 7 + 5 + 11
    assert count(con, "us", "cars", datetime(2026, 1, 5, 12, tzinfo=UTC)) == 5 + 11
    assert count(con, "us", "cars", datetime(2026, 1, 7, tzinfo=UTC)) == 0
    start = datetime(2026, 1, 5, tzinfo=UTC)
    assert count(con, "us", "cars", start, but_of=journal.crawl_id) == 0
    assert count(con, "us", "other", start) == 0


def test_a_sample_of_new_listings(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    ids = [f"id-{n}" for n in range(8)]
    taken = take_in(con, market, whole(ids).write(tmp_path))
    assert [each.listing_id for each in taken.sample] == ids[:5]
    first = taken.sample[0]
    assert (first.title, first.price) == ("2019 Ford Focus", "9000")
    assert first.url.endswith("/cars/id-0/")
    changed = Journal("2026-01-06").search(*ids).offer("id-1", car(8000), why="changed")
    assert take_in(con, market, changed.searched().end().write(tmp_path)).sample == ()


def test_two_sites_of_a_market_are_apart(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    take_in(con, market, whole(["a", "b"]).write(tmp_path))
    take_in(con, market, whole(["a", "c"], site="autos").write(tmp_path))
    assert set(known(con, "us", "cars")) == {"a", "b"}
    assert set(known(con, "us", "autos")) == {"a", "c"}
    other = Journal("2026-01-06", site="autos").search("c").searched().gone("a").end()
    assert take_in(con, market, other.write(tmp_path)).delisted == 1
    assert known(con, "us", "cars")["a"].delisted is False
    assert known(con, "us", "autos")["a"].delisted is True
    assert con.execute("SELECT count(*) FROM raw_listings").fetchall() == [(4,)]


def test_markets_are_apart(con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path) -> None:
    take_in(con, market, whole(["a"]).write(tmp_path))
    other = replace(market, name="other")
    taken = take_in(con, other, whole(["a"], market="other").write(tmp_path))
    assert (taken.rows_new, taken.total) == (1, 1)
    assert con.execute("SELECT count(*) FROM sightings GROUP BY market").fetchall() == [(1,), (1,)]


def test_a_price_that_comes_back_on_the_day_it_left_is_news(
    con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path
) -> None:
    for number, price in enumerate((15_277, 14_777, 15_277), 1):
        journal = Journal(number=number).search("a", prints={"a": str(price)}).searched()
        taken = take_in(con, market, journal.offer("a", car(price)).end().write(tmp_path))
        assert taken.rows_new == 1
    latest = con.execute("SELECT payload FROM raw_listings ORDER BY seq DESC LIMIT 1").fetchall()
    assert "15277" in latest[0][0]
