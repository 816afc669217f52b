"""Markets at the edge of what can be learned: each ends with a decision, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests_support import (
    SMALL_MARKET,
    add_market,
    materialized,
    offers_of,
    with_fields,
    write_payloads,
)

from carprice_assets.defs import launch
from carprice_assets.defs.automation import LISTINGS, training_assets
from carprice_assets.home import Home
from carprice_assets.listings.contract import from_days
from carprice_assets.practice_market import PracticePayload
from carprice_assets.regressors.registry import ALL
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer

Offers = list[PracticePayload]
TINY = SMALL_MARKET.split("[sources.practice]")[0] + SMALL_MARKET[SMALL_MARKET.index("[regr") :]
LENIENT = TINY.replace("min_r2 = 0.8", "min_r2 = 0.2\nmin_holdout = 20").replace(
    "max_naive_ratio = 1.2", "max_naive_ratio = 9.0"
)
"""Promotes where the figures are there at all, so that the release answers."""


def few() -> Offers:
    return offers_of(3, 340)[:300]


def one_make() -> Offers:
    found = offers_of(4, 4_000)
    return [each for each in found if str(each.payload["make"]).strip().lower() == "toyota"]


def no_msrp() -> Offers:
    return with_fields(offers_of(5, 500), lambda payload: {"msrp": None})


def only_new() -> Offers:
    return [each for each in offers_of(6, 1_000) if each.payload["stock_type"] == "New"]


MARKETS: dict[str, tuple[str, Callable[[], Offers], str]] = {
    "few": (TINY, few, "refused"),
    "one_make": (LENIENT, one_make, "promoted"),
    "no_msrp": (LENIENT, no_msrp, "promoted"),
    "only_new": (LENIENT, only_new, "promoted"),
}
CAR = {"make": "Toyota", "model": "RAV4", "trim": "LE", "year": 2026, "stock_type": "New"}
CARS = [
    CAR | {"msrp": 31_000},
    CAR,
    CAR | {"year": 2021, "stock_type": "Used", "mileage": 41_000},
    CAR | {"make": "Zzyzx", "model": "One"},
]


@pytest.mark.long
@pytest.mark.parametrize("name", MARKETS)
def test_all_regressors_train_and_the_gate_decides(home: Home, tmp_path: Path, name: str) -> None:
    trains_and_decides(home, tmp_path, name, list(ALL))


@pytest.mark.parametrize("name", MARKETS)
def test_quick_regressors_train_and_the_gate_decides(home: Home, tmp_path: Path, name: str) -> None:
    trains_and_decides(home, tmp_path, name, ["random_forest", "catboost", "ensemble"])


def trains_and_decides(home: Home, tmp_path: Path, name: str, regressors: list[str]) -> None:
    """From a file of payloads to a decision, and answers from the release that it is about."""
    text, offers, expected = MARKETS[name]
    add_market(home, name, text)
    path = write_payloads(tmp_path / "cars.jsonl", offers())
    config = {"raw_listings": {"path": str(path), "format": "payload"}}
    with launch.instance(home) as opened:
        assets = [*LISTINGS, *training_assets(regressors)]
        outcome = launch.materialize(opened, name, assets, config)
        done = materialized(opened, outcome)
    reports = {f"{each}_report" for each in regressors}
    assert {*regressors, *reports, "leaderboard", "challenger"} <= done, outcome.error
    store = ReleaseStore(home.releases)
    (entry,) = store.ledger(name)
    broken = [each for each in entry["decision"]["reasons"] if not each["passed"]]
    assert entry["event"] == expected, broken
    if expected == "promoted":
        assert outcome.success, outcome.error
        assert store.champion(name) == entry["release"]
    else:
        assert outcome.mendable
        assert broken[0]["message"] in outcome.error
        assert store.champion(name) is None
    release = store.open(name, entry["release"])
    assert store.verify(release) == []
    valuer = Valuer.load(release.path)
    answers(valuer)
    assert valuer.comparables is not None
    earliest = from_days(int(valuer.comparables.columns["observed_at"].min()))
    assert valuer.head.first_observed == earliest


def answers(valuer: Valuer) -> None:
    """Every regressor of a release prices a car or says why not."""
    for regressor in valuer.regressors:
        found = valuer.value_cars(CARS, as_of=valuer.last_observed, regressor=regressor)
        for valued in found:
            if valued.price is None:
                assert valued.reasons
            else:
                assert valued.low is not None
                assert valued.high is not None
                assert 0 < valued.low <= valued.price <= valued.high < float("inf")
        assert found[-1].price is None


@pytest.mark.parametrize(
    ("count", "told"),
    [(1, "the training part has no rows"), (12, "at least 30 and 1 are needed")],
)
def test_too_few_cars_are_said_to_be_too_few(
    home: Home, tmp_path: Path, count: int, told: str
) -> None:
    add_market(home, "hardly", TINY)
    path = write_payloads(tmp_path / "cars.jsonl", offers_of(3, 30)[:count])
    config = {"raw_listings": {"path": str(path), "format": "payload"}}
    with launch.instance(home) as opened:
        assets = [*LISTINGS, *training_assets(["catboost"])]
        outcome = launch.materialize(opened, "hardly", assets, config)
    assert not outcome.success
    assert outcome.mendable
    assert told in outcome.error
