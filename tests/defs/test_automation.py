"""What runs by itself: retraining on new listings, and the schedule of crawls."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from tests_support import SMALL_MARKET, add_market, with_fields

from carprice_assets.defs import launch
from carprice_assets.defs.automation import (
    LISTINGS,
    VISIT_TAG,
    WHY_TAG,
    retrain_on_new_listings,
    scrape_every_two_days,
)
from carprice_assets.defs.retraining import News, decide, due, news_of
from carprice_assets.home import Home
from carprice_assets.markets.market import TrainingRules
from carprice_assets.practice_market import Settings, scrape, simulate
from carprice_assets.sources import write_lines

SITE = """
[sources.cars]
adapter = "carscom"
start = "http://127.0.0.1:9/results/"
every_days = 2
"""


def ask(instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    """One tick of the sensor."""
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        return retrain_on_new_listings(context)


def bring(run: Any, home: Home, day: int, count: int | None = None) -> launch.Outcome:
    """Take in the stock of a later day; `count` limits it to so many cars."""
    offers = list(scrape(simulate(Settings(seed=11, size=900)), day))[:count]
    path = home.root / f"day-{day}-{count}.jsonl"
    write_lines(path, offers)
    return run(*LISTINGS, config={"raw_listings": {"path": str(path), "format": "payload"}})


RULES = TrainingRules(min_new_listings=100, max_age_days=30, max_drift=0.25)


@pytest.mark.parametrize(
    ("news", "asked", "why_not"),
    [
        (News(), "", "no dataset yet"),
        (News("b", "b", 0), "", "trained on this data already"),
        (News("b", "a", 500), "b", "a training on this data was asked for already"),
        (News("b", "a", 500, "dataset:no_leakage"), "", "held by the failed check dataset:no_"),
        (News("b", "a", 99), "", "99 new listings of 100 needed"),
        (News("b", "a", 100), "", ""),
        (News("b", "a", 100), "a", ""),
        (News("b", "", 3_000), "", ""),
        (News("b", "a", 3, age_days=30.0), "", "3 new listings of 100 needed"),
        (News("b", "a", 3, age_days=30.1), "", ""),
        (News("b", "b", 0, age_days=300.0), "", "trained on this data already"),
        (News("b", "a", 3, age_days=300.0), "b", "a training on this data was asked for already"),
        (News("b", "a", 3, "dataset:no_leakage", 300.0), "", "held by the failed check dataset:no"),
        (News("b", "a", -7, drift=0.25), "", "-7 new listings of 100 needed"),
        (News("b", "a", -7, drift=0.26), "", ""),
        (News("b", "b", 0, drift=9.0), "", "trained on this data already"),
    ],
)
def test_when_a_training_is_due(news: News, asked: str, why_not: str) -> None:
    assert decide(news, RULES, asked).startswith(why_not)
    assert bool(decide(news, RULES, asked)) == bool(why_not)


@pytest.mark.parametrize(
    ("news", "why"),
    [
        (News("b", "a", 100, age_days=99.0, drift=9.0), "100 new listings"),
        (News("b", "a", 3, age_days=99.0, drift=0.4), "drift 0.40 above 0.25"),
        (News("b", "a", 3, age_days=99.0), "the last training is 99 days old"),
        (News("b", "a", 3, age_days=9.0), ""),
    ],
)
def test_what_asks_for_a_training_is_told(news: News, why: str) -> None:
    assert due(news, RULES) == why


def test_enough_new_listings_give_exactly_one_training(
    trained_home: Home, instance: dg.DagsterInstance, run: Any
) -> None:
    add_market(trained_home, "small", SMALL_MARKET + "\n[training]\nmin_new_listings = 60\n")
    first = ask(instance)
    assert isinstance(first, dg.SkipReason)
    assert "small: trained on this data already" in str(first.skip_message)

    assert bring(run, trained_home, 30, 20).success
    few = ask(instance)
    assert isinstance(few, dg.SkipReason)
    assert "new listings of 60 needed" in str(few.skip_message)

    assert bring(run, trained_home, 30).success
    assert news_of(instance, "small").listings >= 60
    enough = ask(instance)
    (request,) = enough.run_requests
    assert request.partition_key == "small"
    assert news_of(instance, "small").version in request.run_key

    again = ask(instance, enough.cursor)
    assert isinstance(again, dg.SkipReason)
    assert "was asked for already" in str(again.skip_message)

    # The same scrape once more makes the same dataset, which is no news.
    assert bring(run, trained_home, 30).success
    assert isinstance(ask(instance, enough.cursor), dg.SkipReason)


def test_a_training_under_way_is_waited_for(
    trained_home: Home, instance: dg.DagsterInstance, run: Any
) -> None:
    add_market(trained_home, "small", SMALL_MARKET + "\n[training]\nmin_new_listings = 1\n")
    assert bring(run, trained_home, 30).success
    waiting = instance.add_run(
        dg.DagsterRun(
            job_name="train_market",
            run_id="00000000-0000-4000-8000-000000000001",
            status=dg.DagsterRunStatus.STARTED,
            tags={"dagster/partition": "small"},
        )
    )
    told = ask(instance)
    assert isinstance(told, dg.SkipReason)
    assert "small: a training is under way" in str(told.skip_message)
    instance.delete_run(waiting.run_id)
    assert len(ask(instance).run_requests) == 1


def test_a_failed_check_holds_the_training(
    trained_home: Home, instance: dg.DagsterInstance, run: Any
) -> None:
    from carprice_assets.listings.warehouse import Warehouse

    add_market(trained_home, "small", SMALL_MARKET + "\n[training]\nmin_new_listings = 1\n")
    with Warehouse.of(trained_home).connect() as con:
        con.execute(
            "UPDATE split_history SET side = 'holdout' WHERE market = 'small' AND side = 'train'"
        )
    outcome = bring(run, trained_home, 30)
    assert not outcome.success
    assert news_of(instance, "small").held == "dataset:no_leakage"
    told = ask(instance)
    assert isinstance(told, dg.SkipReason)
    assert "small: held by the failed check dataset:no_leakage" in str(told.skip_message)


def test_age_asks_for_a_training_with_few_new_listings(
    trained_home: Home, instance: dg.DagsterInstance, run: Any
) -> None:
    assert bring(run, trained_home, 30, 20).success  # the limit of the market is 500
    now = news_of(instance, "small")
    assert now.age_days is not None
    assert 0 <= now.age_days < 1
    assert isinstance(ask(instance), dg.SkipReason)
    later = news_of(instance, "small", time.time() + 40 * 86_400)
    assert due(later, TrainingRules()) == "the last training is 40 days old"
    add_market(trained_home, "small", SMALL_MARKET + "\n[training]\nmax_age_days = -1\n")
    (request,) = ask(instance).run_requests
    assert request.tags[WHY_TAG] == "the last training is 0 days old"


def test_drift_asks_for_a_training_with_few_new_listings(
    trained_home: Home, instance: dg.DagsterInstance, run: Any
) -> None:
    """400 cars of a later day, every one at a third of its price: other cars than were learned."""
    offers = with_fields(
        list(scrape(simulate(Settings(seed=11, size=900)), 30))[:400],
        lambda payload: {"price": _third(payload["price"])},
    )
    path = trained_home.root / "cheap.jsonl"
    write_lines(path, offers)
    config = {"raw_listings": {"path": str(path), "format": "payload"}}
    outcome = run(*LISTINGS, config=config)
    assert outcome.success  # a drift warns, it does not stop
    (warned,) = [check for check in outcome.checks if check.name == "feature_drift"]
    assert warned.severity == "WARN"
    assert warned.told.startswith("price moved most: ")
    news = news_of(instance, "small")
    assert news.drift > 0.25
    assert news.listings < 500
    (request,) = ask(instance).run_requests
    assert request.tags[WHY_TAG].startswith("drift ")


def _third(price: Any) -> Any:
    return str(int(price) // 3) if str(price or "").isdigit() else price


@pytest.mark.parametrize("broken", ["aa", "zz"])
def test_a_market_that_cannot_be_asked_holds_no_other_back(
    home: Home, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Both orders: the broken market is asked first, and last."""
    (other,) = {"aa", "zz"} - {broken}

    def news(instance: dg.DagsterInstance, market: str) -> News:
        if market == broken:
            raise RuntimeError("planted")
        return News("b", "a", 5_000) if market == other else News()

    monkeypatch.setattr("carprice_assets.defs.automation.news_of", news)
    for market in (broken, other):
        add_market(home, market)
    add_market(home, "mm", "currency = 'US'\n")  # its file is no market's
    with launch.instance(home) as instance:
        asked = ask(instance)
        (request,) = asked.run_requests
        assert request.partition_key == other
        assert broken not in asked.cursor
        told = ask(instance, asked.cursor)
    assert isinstance(told, dg.SkipReason)
    assert f"{broken}: could not be asked" in str(told.skip_message)
    assert "mm: market mm: currency" in str(told.skip_message)


def tick(instance: dg.DagsterInstance, at: datetime) -> list[dg.RunRequest]:
    """What the schedule asks for at a moment."""
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context:
        found: Any = list(scrape_every_two_days(context))
    return [each for each in found if isinstance(each, dg.RunRequest)]


def test_a_market_is_crawled_once_in_two_days(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carprice_assets.defs.automation.answers", lambda site: True)
    with launch.instance(home) as instance:
        add_market(home, "mine", SMALL_MARKET + SITE)
        even = datetime(2026, 11, 22, 3, 17, tzinfo=UTC)
        even -= timedelta(days=even.date().toordinal() % 2)
        asked = [request for request in tick(instance, even) if request.partition_key == "mine"]
        assert len(asked) == 1

        def record(status: dg.DagsterRunStatus, number: int) -> None:
            instance.add_run(
                dg.DagsterRun(
                    job_name="scrape_market",
                    run_id=f"00000000-0000-4000-8000-00000000000{number}",
                    status=status,
                    tags={VISIT_TAG: asked[0].tags[VISIT_TAG]},
                )
            )

        def due(at: datetime) -> bool:
            return any(request.partition_key == "mine" for request in tick(instance, at))

        record(dg.DagsterRunStatus.FAILURE, 1)
        assert due(even + timedelta(days=1))  # a crawl that failed is tried again
        record(dg.DagsterRunStatus.SUCCESS, 2)
        assert not due(even)
        assert not due(even + timedelta(days=1))
        assert due(even + timedelta(days=2))


def test_a_practice_site_that_is_not_running_is_not_due(home: Home) -> None:
    with launch.instance(home) as instance:
        add_market(home, "mine", SMALL_MARKET + SITE)  # nothing listens on port 9
        assert tick(instance, datetime(2026, 11, 22, 3, 17, tzinfo=UTC)) == []


def test_a_market_without_a_site_is_never_due(home: Home, tmp_path: Path) -> None:
    with launch.instance(home) as instance:
        add_market(home, "mine")
        assert tick(instance, datetime(2026, 11, 22, 3, 17, tzinfo=UTC)) == []
