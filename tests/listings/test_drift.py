"""A changed layout is held; the ordinary mix of a day is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from invented_journals import Journal, car, whole

from carprice_assets.errors import UserError
from carprice_assets.listings import cleaning, raw
from carprice_assets.listings.ledger import last_refusal, take_in
from carprice_assets.listings.taking import Taken
from carprice_assets.markets import Market
from carprice_assets.practice_market import Settings, scrape, simulate

IDS = [f"id-{n}" for n in range(60)]


@pytest.fixture
def take(con: duckdb.DuckDBPyConnection, market: Market, tmp_path: Path) -> Callable[..., Taken]:
    return lambda journal: take_in(con, market, journal.write(tmp_path))


def full_crawl(day: str, payload: Callable[[int], Any], listings: Iterable[str] = IDS) -> Journal:
    """Every page read again."""
    listings = list(listings)
    journal = Journal(day, full=True).search(*listings).plan(*listings, why="full")
    for n, listing in enumerate(listings):
        journal.offer(listing, payload(n), why="full")
    return journal.searched().end()


def used(n: int) -> dict[str, Any]:
    return car(9000 + n, mileage="30000", vin=f"VIN{n}")


def new(n: int) -> dict[str, Any]:
    return car(29000 + n, stock_type="New", vin=f"VIN{n}")


def without(name: str, make: Callable[[int], Any] = used) -> Callable[[int], Any]:
    return lambda n: {("renamed" if key == name else key): v for key, v in make(n).items()}


def test_days_of_the_practice_market_never_trip(take: Callable[..., Taken]) -> None:
    """Day for day only what is new or changed, as an incremental crawl brings it."""
    market = simulate(Settings(seed=5, size=700))
    shown: dict[str, Any] = {}
    rows: list[int] = []
    for day in range(21):
        offers = {each.listing_id: each for each in scrape(market, day)}
        fetched = [i for i, each in offers.items() if shown.get(i) != each.payload]
        date = market.date_of(day).isoformat()
        journal = Journal(date).search(*offers).plan(*fetched)
        for listing in fetched:
            why = "changed" if listing in shown else "new"
            journal.offer(listing, offers[listing].payload, why=why)
        journal.searched()
        for listing in shown.keys() - offers.keys():
            journal.gone(listing)
        taken = take(journal.end())
        assert (taken.drift.broken, taken.collapse.broken) == ((), "")
        assert taken.state == "complete"
        assert taken.delisted == len(shown.keys() - offers.keys())
        assert taken.rows_new == len(fetched) == taken.drift.rows
        assert taken.drift.scrapes == min(day, 5)
        rows.append(taken.drift.rows)
        shown = {i: each.payload for i, each in offers.items()}
    assert sum(n >= 20 for n in rows[1:]) > 10  # so that most days were judged


def test_a_day_of_new_cars_alone_is_no_drift(take: Callable[..., Taken]) -> None:
    take(full_crawl("2026-01-01", used))
    mixed = take(full_crawl("2026-01-02", lambda n: new(n) if n < 40 else used(n)))
    assert mixed.drift.broken == ()
    assert mixed.drift.fields["mileage"].now == pytest.approx(2 / 3)
    bare = without("mileage")
    none = take(full_crawl("2026-01-03", lambda n: new(n) if n < 40 else bare(n)))
    assert none.drift.broken[0].startswith("mileage is missing in 100% of 60 rows, in 67% of")
    more = [f"more-{n}" for n in range(60)]
    taken = take(full_crawl("2026-01-05", new, more))
    assert taken.drift.broken == ()
    assert taken.drift.fields["mileage"].now == 1.0
    assert taken.drift.fields["mileage"].before == pytest.approx(1.0)


KEYS = ("make", "model", "year", "price", "mileage", "stock_type", "vin")


@pytest.mark.parametrize("name", KEYS)
def test_a_renamed_key_is_held(take: Callable[..., Taken], name: str) -> None:
    take(full_crawl("2026-01-01", used))
    taken = take(full_crawl("2026-01-02", without(name)))
    assert taken.held
    assert taken.drift.broken[0].startswith(f"{name} is missing in 100% of 60 rows, in 0% of")
    assert len(taken.drift.broken) == 1
    assert taken.crawl.reason == taken.drift.broken[0]
    assert (taken.crawl.own_state, taken.crawl.own_reason) == ("complete", None)
    assert (taken.rows_read, taken.rows_new, taken.total) == (60, 0, 60)


@pytest.mark.parametrize(("broken", "held"), [(15, False), (16, True)])
def test_the_limit_is_a_quarter(take: Callable[..., Taken], broken: int, held: bool) -> None:
    take(full_crawl("2026-01-01", used))
    bad = without("vin")
    taken = take(full_crawl("2026-01-02", lambda n: bad(n) if n < broken else used(n + 100)))
    assert taken.drift.fields["vin"].now == broken / 60
    assert taken.held is held


def test_a_noisy_share_needs_a_larger_rise(take: Callable[..., Taken]) -> None:
    """Half of the VINs are missing before: of 20 rows, 16 may be by chance."""
    half = without("vin")
    take(full_crawl("2026-01-01", lambda n: half(n) if n % 2 else used(n)))
    ids = [f"few-{n}" for n in range(20)]
    taken = take(full_crawl("2026-01-02", lambda n: half(n) if n < 16 else used(n), ids))
    assert taken.drift.fields["vin"].now - (taken.drift.fields["vin"].before or 0) > 0.25
    assert not taken.held


def test_a_few_rows_are_not_judged(take: Callable[..., Taken]) -> None:
    take(full_crawl("2026-01-01", used))
    assert not take(full_crawl("2026-01-02", without("make"), IDS[:19])).held
    assert take(full_crawl("2026-01-03", without("make"), IDS[:20])).held


@pytest.mark.parametrize("name", ["make", "model", "year", "price"])
def test_a_first_scrape_needs_what_listings_need(take: Callable[..., Taken], name: str) -> None:
    bad = without(name)
    taken = take(full_crawl("2026-01-01", lambda n: bad(n) if n < 31 else used(n)))
    assert taken.drift.broken == (
        f"{name} is missing in 52% of 60 rows of a first scrape (limit 50%)",
    )
    assert taken.drift.scrapes == 0
    assert taken.drift.fields[name].before is None
    assert not take(full_crawl("2026-01-02", lambda n: bad(n) if n < 30 else used(n))).held


def test_a_first_scrape_may_lack_the_rest(take: Callable[..., Taken]) -> None:
    bare = {"make": "Ford", "model": "Focus", "year": "2019", "price": "9000"}
    assert not take(full_crawl("2026-01-01", lambda n: bare)).held
    assert not take(full_crawl("2026-01-02", used)).held


@pytest.mark.parametrize("reason", ["no_data", "bad_data", "timeout"])
def test_pages_without_data_are_a_changed_layout(take: Callable[..., Taken], reason: str) -> None:
    def crawl(day: str, failed: int, rest: int) -> Journal:
        journal = Journal(day).search(*IDS).plan(*IDS)
        for n, listing in enumerate(IDS[: failed + rest]):
            if n < failed:
                journal.failed(listing, reason)
            else:
                journal.offer(listing, used(n))
        return journal.searched().end("partial", "pages failed")

    assert not take(crawl("2026-01-01", 6, 13)).held
    taken = take(crawl("2026-01-02", 7, 13))
    assert taken.drift.unread == (0.35 if reason != "timeout" else 0)
    assert taken.held is (reason != "timeout")
    if taken.held:
        assert taken.drift.broken == ("35% of 20 detail pages have no readable data (limit 30%)",)
    assert not take(crawl("2026-01-03", 6, 14)).held


def test_a_held_crawl_leaves_its_offers_for_a_person(
    con: duckdb.DuckDBPyConnection, market: Market, take: Callable[..., Taken]
) -> None:
    take(full_crawl("2026-01-01", used))
    sightings = con.execute("FROM sightings ORDER BY ALL").fetchall()
    journal = full_crawl("2026-01-02", without("vin"))
    taken = take(journal)
    assert con.execute("FROM sightings ORDER BY ALL").fetchall() == sightings
    rows = con.execute(
        "SELECT c.state, count(*) FROM crawls AS c JOIN pages AS p USING (crawl_id)"
        " WHERE crawl_id = 'cars-2026-01-02-1' GROUP BY ALL"
    ).fetchall()
    assert rows == [("held", 61)]
    assert taken.held_file is not None
    assert taken.held_file.parent.name == "held"
    lines = [json.loads(line) for line in taken.held_file.read_text().splitlines()]
    assert len(lines) == 60
    assert set(lines[0]) == {
        *("listing_id", "url", "scraped_at", "scrape_id", "sequence", "payload"),
    }
    again = take(journal)
    assert (again.held, again.rows_new) == (True, 0)
    assert raw.append(con, market, "payload", taken.held_file).new == 60
    assert cleaning.rebuild(con, market).listings == 60
    assert con.execute("SELECT count(*) FROM listings WHERE vin IS NULL").fetchall() == [(60,)]
    # A person has accepted the layout: what comes after is compared with it alone.
    assert not take(full_crawl("2026-01-03", without("vin"))).held
    assert not take(full_crawl("2026-01-04", without("vin"))).held
    assert take(full_crawl("2026-01-05", without("make"))).held


def test_a_held_crawl_without_any_good_row_is_not_imported_by_accident(
    con: duckdb.DuckDBPyConnection, market: Market, take: Callable[..., Taken]
) -> None:
    taken = take(full_crawl("2026-01-01", without("make")))
    assert taken.held_file is not None
    with pytest.raises(UserError, match="all of its 60 rows would be rejected, 60 as no_make"):
        raw.append(con, market, "payload", taken.held_file)


def test_what_was_taken_in_before_the_drift_stays(
    con: duckdb.DuckDBPyConnection, take: Callable[..., Taken]
) -> None:
    journal = Journal().search(*IDS).plan(*IDS)
    for n, listing in enumerate(IDS[:30]):
        journal.offer(listing, used(n))
    assert take(journal.end("paused", "daily budget used")).rows_new == 30
    journal.next_day()
    for n, listing in enumerate(IDS[30:]):
        journal.offer(listing, without("year")(n))
    taken = take(journal.searched().end())
    assert (taken.held, taken.drift.rows, taken.total) == (True, 30, 30)
    assert con.execute("SELECT count(*) FROM sightings WHERE fetched IS NOT NULL").fetchall() == [
        (30,)
    ]
    assert take(journal).held
    assert con.execute("SELECT state, done FROM crawls").fetchall() == [("held", 60)]


def test_a_second_crawl_of_the_day_is_compared_with_the_first(take: Callable[..., Taken]) -> None:
    take(whole(IDS, payloads={i: used(n) for n, i in enumerate(IDS)}))
    renamed = whole(IDS, number=2, payloads={i: without("vin")(n) for n, i in enumerate(IDS)})
    assert take(renamed).held


def test_sites_have_layouts_of_their_own(take: Callable[..., Taken]) -> None:
    take(full_crawl("2026-01-01", used))
    plain = {i: car(9000 + n) for n, i in enumerate(IDS)}
    taken = take(whole(IDS, "2026-01-02", site="autos", payloads=plain))
    assert (taken.held, taken.drift.scrapes) == (False, 0)


def test_a_crawl_may_prove_sound_once_it_has_more_rows(
    take: Callable[..., Taken], tmp_path: Path
) -> None:
    take(full_crawl("2026-01-01", used))
    journal = Journal("2026-01-02").search(*IDS).plan(*IDS)
    for n, listing in enumerate(IDS[:20]):
        journal.offer(listing, (without("vin") if n < 10 else used)(n + 100), why="changed")
    taken = take(journal.end("paused"))
    assert taken.held
    assert taken.held_file is not None
    for n, listing in enumerate(IDS[20:]):
        journal.offer(listing, used(n + 200), why="changed")
    again = take(journal.searched().end())
    assert (again.state, again.rows_new, again.held_file) == ("complete", 60, None)
    assert not taken.held_file.exists()


def test_a_refusal_is_remembered_though_its_crawl_is_held(
    con: duckdb.DuckDBPyConnection, take: Callable[..., Taken]
) -> None:
    journal = Journal().search(*IDS).plan(*IDS)
    for listing in IDS[:20]:
        journal.failed(listing, "no_data")
    taken = take(journal.end("refused", "interstitial"))
    assert (taken.state, taken.crawl.own_state) == ("held", "refused")
    refusal = last_refusal(con, "us", "cars")
    assert refusal is not None
    assert refusal[1] == "interstitial"
