"""Crawls as assets: days of a practice site, counted against its simulator's truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from practice_sites import RunningSite
from tests_support import checks, latest_version, materialized

from carprice_assets.defs import launch
from carprice_assets.defs.automation import LISTINGS, retrain_on_new_listings
from carprice_assets.features.registry import NAMES
from carprice_assets.home import Home
from carprice_assets.listings.warehouse import Warehouse

pytestmark = pytest.mark.browser

MORE = "[training]\nmin_new_listings = 10\n"


@pytest.fixture
def site(home: Home) -> Iterator[RunningSite]:
    with RunningSite(home, "small", size=240, per_page=60, more=MORE) as running:
        yield running


@pytest.fixture
def instance(home: Home, site: RunningSite) -> Iterator[dg.DagsterInstance]:
    with launch.instance(home) as opened:
        yield opened


def scrape(instance: dg.DagsterInstance, **config: Any) -> launch.Outcome:
    return launch.materialize(instance, "small", LISTINGS, {"raw_listings": config})


def counts(outcome: launch.Outcome) -> dict[str, int]:
    facts = outcome.facts["raw_listings"]
    names = ("seen", "new", "changed", "missing", "unchanged", "gone", "failed", "pending")
    return {name: facts[f"listings_{name}"] for name in names}


def details(site: RunningSite) -> list[str]:
    """Ids of the detail pages asked for so far, in order."""
    paths = [line["path"] for line in site.log()]
    return [path.split("/")[2] for path in paths if path.startswith("/vehicledetail/")]


def table(home: Home, query: str) -> list[Any]:
    with Warehouse.of(home).connect() as con:
        return con.execute(query).fetchall()


def ask(instance: dg.DagsterInstance, cursor: str | None) -> Any:
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        return retrain_on_new_listings(context)


def test_a_second_day_brings_what_is_new_changed_or_gone_and_nothing_else(
    home: Home, site: RunningSite, instance: dg.DagsterInstance
) -> None:
    first = scrape(instance)
    assert first.success, first.error
    on_sale = site.on_sale(0)
    assert counts(first)["seen"] == counts(first)["new"] == len(on_sale)
    assert set(details(site)) == on_sale
    assert len(details(site)) == len(on_sale)

    site.advance(2)
    asked_before = len(details(site))
    second = scrape(instance)
    assert second.success, second.error
    truth = site.truth(0, 2)
    assert counts(second) == {
        "seen": len(site.on_sale(2)),
        "new": len(truth.new),
        "changed": len(truth.changed),
        "missing": len(truth.gone),
        "unchanged": len(truth.unchanged),
        "gone": len(truth.gone),
        "failed": 0,
        "pending": 0,
    }
    assert min(len(truth.new), len(truth.changed), len(truth.gone)) > 0
    assert sorted(details(site)[asked_before:]) == sorted(truth.new | truth.changed | truth.gone)
    assert second.facts["raw_listings"]["listings_delisted"] == len(truth.gone)

    # What the tables say of the listings' lives.
    lives = table(
        home,
        "SELECT listing_id, first_seen, last_seen, delisted_at FROM sightings"
        " WHERE market = 'small'",
    )
    days = [site.simulated.date_of(day) for day in (0, 2)]
    assert {row[0] for row in lives if row[3] is not None} == set(truth.gone)
    assert {row[3] for row in lives if row[0] in truth.gone} == {days[1]}
    assert {row[0] for row in lives if row[1] == days[1]} == set(truth.new)
    assert {row[0] for row in lives if row[2] == days[1]} == site.on_sale(2)
    listed = table(home, "SELECT listing_id, last_seen, delisted_at FROM listings")
    by_id = {row[0]: row[1:] for row in lives}
    assert all((row[1], row[2]) == by_id[row[0]][1:] for row in listed)

    # A third visit on the same day asks for no detail page and is no news.
    before = {name: latest_version(instance, name, "small") for name in LISTINGS}
    asked_before = len(details(site))
    third = scrape(instance)
    assert third.success, third.error
    assert counts(third)["unchanged"] == counts(third)["seen"]
    assert len(details(site)) == asked_before
    assert {name: latest_version(instance, name, "small") for name in LISTINGS} == before


def test_prices_that_moved_stand_in_the_history(
    home: Home, site: RunningSite, instance: dg.DagsterInstance
) -> None:
    assert scrape(instance).success
    site.advance(6)
    outcome = scrape(instance)
    assert outcome.success
    prices = [{car.listing_id: car.price for car in site.simulated.stock(day)} for day in (0, 6)]
    history = table(
        home,
        "SELECT listing_id, price - change, price FROM price_history"
        " WHERE market = 'small' AND change IS NOT NULL",
    )
    assert history
    assert all(prices[0][name] == was and prices[1][name] == now for name, was, now in history)
    moved = {
        name for name in prices[0].keys() & prices[1].keys() if prices[0][name] != prices[1][name]
    }
    good = {row[0] for row in table(home, "SELECT listing_id FROM listings")}
    shown = {row[0] for row in history}
    assert shown <= moved & good
    assert len(shown) >= 0.95 * len(moved & good)  # a page may hide the price of a good listing
    told = outcome.facts["price_history"]
    assert told["re_priced_listings"] == len(shown)


def test_day_two_gives_exactly_one_retraining_and_a_changed_layout_none(
    home: Home, site: RunningSite, instance: dg.DagsterInstance
) -> None:
    assert scrape(instance).success
    assert launch.materialize(instance, "small", [*NAMES, "feature_set"]).success
    trained = ask(instance, None)
    assert isinstance(trained, dg.SkipReason)
    assert "small: trained on this data already" in str(trained.skip_message)

    site.advance(4)
    assert scrape(instance).success
    asked = ask(instance, None)
    assert [request.partition_key for request in asked.run_requests] == ["small"]
    assert isinstance(ask(instance, asked.cursor), dg.SkipReason)

    assert scrape(instance).success  # the same day again
    assert isinstance(ask(instance, asked.cursor), dg.SkipReason)

    site.advance(8)
    site.faults(layout="renamed")
    version = latest_version(instance, "raw_listings", "small")
    drifted = scrape(instance)
    assert not drifted.success
    assert drifted.mendable
    assert "raw_listings is stopped by the check layout_drift" in drifted.error
    assert "price is missing in 100%" in drifted.error
    assert not checks(instance, drifted)["raw_listings:layout_drift"].passed
    assert materialized(instance, drifted) == {"raw_listings"}
    assert latest_version(instance, "raw_listings", "small") == version
    assert isinstance(ask(instance, asked.cursor), dg.SkipReason)
    held = list((home.spool / "small" / "site" / "held").iterdir())
    assert len(held) == 1

    # Mended, the next crawl asks for the held pages again, and there is news.
    site.faults()
    assert scrape(instance).success
    assert len(ask(instance, asked.cursor).run_requests) == 1


def test_a_moved_script_stops_the_crawl_and_what_is_below(
    site: RunningSite, instance: dg.DagsterInstance
) -> None:
    site.faults(layout="moved")
    outcome = scrape(instance)
    assert not outcome.success
    found = checks(instance, outcome)
    assert not found["raw_listings:layout_drift"].passed
    assert not found["raw_listings:crawl_whole"].passed
    assert len(details(site)) < 100  # it does not go on knocking
    assert "listings" not in materialized(instance, outcome)


def test_an_interstitial_is_a_refusal_and_is_left_alone(
    home: Home, site: RunningSite, instance: dg.DagsterInstance
) -> None:
    path = home.markets / "small.toml"
    path.write_text(path.read_text().replace("cool_off_hours = 0", "cool_off_hours = 5"))
    site.faults(interstitial=1.0)
    refused = scrape(instance)
    assert not refused.success
    assert "crawl_whole" in refused.error
    assert "refused" in refused.error
    site.faults()
    asked = len(site.log())
    again = scrape(instance)
    assert not again.success
    assert again.mendable
    assert "is left alone until" in again.error
    assert len(site.log()) == asked


def test_sites_are_chosen_by_name(site: RunningSite, instance: dg.DagsterInstance) -> None:
    outcome = scrape(instance, sites=["nowhere"])
    assert outcome.error == "market small: no site 'nowhere': there are site"
    assert site.log() == []
