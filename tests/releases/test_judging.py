"""What the comparison is made from: fresh cars, the count of judgements, the seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import release_kit

from carprice_assets.listings.contract import text_array
from carprice_assets.markets.promotion import PromotionRules
from carprice_assets.releases.facts import Evidence
from carprice_assets.releases.judging import _compared, _shares, judged_before
from carprice_assets.releases.scorecard import HoldOut
from carprice_assets.releases.vehicles import vehicle_hashes

MARKET = replace(release_kit.MARKET, promotion=PromotionRules(min_fresh=50))
CARS = 400


def holdout() -> HoldOut:
    rng = np.random.default_rng(1)
    price = rng.uniform(10_000, 50_000, CARS)
    names = [f"car-{number}" for number in range(CARS)]
    words = text_array(["Used"] * CARS)
    return HoldOut("us", vehicle_hashes("s", names), price, price * 1.2, words, words)


def compared(fresh: Any, ours: float = 1.05, theirs: float = 1.06) -> Evidence:
    cars = holdout()
    known = Evidence(data_age_days=1.0, judgements=1)
    return _compared(known, cars, cars.price * ours, cars.price * theirs, fresh, MARKET)


@pytest.mark.parametrize(("count", "scored"), [(0, False), (49, False), (50, True), (400, True)])
def test_enough_fresh_cars_are_scored_apart(count: int, scored: bool) -> None:
    fresh = np.arange(CARS) < count
    found = compared(fresh)
    assert found.fresh_rows == count
    assert (found.fresh is not None) is scored
    assert found.chance == pytest.approx(1 / 2001)
    assert (found.data_age_days, found.judgements) == (1.0, 1)
    if found.fresh is not None:
        part = holdout().part(fresh)
        assert found.fresh.challenger.rows == found.fresh.champion.rows == count
        assert found.fresh.challenger.holdout_hash == part.hash
        assert found.fresh.challenger.mae == pytest.approx(0.05 * part.price.mean())
        assert found.fresh.champion.mae == pytest.approx(0.06 * part.price.mean())


def test_fresh_cars_have_a_chance_of_their_own() -> None:
    """Better on all cars, worse on the fresh ones: each chance is of its own cars."""
    cars, fresh = holdout(), np.arange(CARS) < 100
    ours = np.where(fresh, cars.price * 1.07, cars.price * 1.01)
    found = _compared(Evidence(), cars, ours, cars.price * 1.06, fresh, MARKET)
    assert found.chance == pytest.approx(1 / 2001)
    assert found.fresh is not None
    assert found.fresh.chance == 1.0


@pytest.mark.parametrize(
    ("types", "asked"),
    [
        (("New", "Used"), {"mileage", "year", "new"}),
        (("New", "Certified"), {"mileage", "year"}),
        (("Used",), {"mileage", "year"}),
        (("New", ""), {"mileage", "year"}),
        (("New",), {"year"}),
    ],
)
def test_a_market_is_asked_of_the_cars_that_it_has(types: tuple[str, ...], asked: set[str]) -> None:
    """One of only new cars is not asked what miles cost, one without either not of New."""
    words = text_array([types[row % len(types)] for row in range(CARS)])
    found = {f"{name}_violations": 0.5 for name in ("mileage", "year", "new")}
    shares = _shares(replace(holdout(), stock_type=words), found)
    assert {name for name, share in shares.items() if share == 0.5} == asked
    assert all(shares[name] == 0.0 for name in {"mileage", "year", "new"} - asked)


def test_a_challenger_counts_once_on_a_hold_out() -> None:
    def line(event: str, release: str, holdout: Any) -> dict[str, Any]:
        return {"event": event, "release": release, "decision": {"holdout": holdout}}

    ledger = [
        line("judged", "a", "h"),
        line("promoted", "a", "h"),
        line("refused", "b", "h"),
        line("waiting", "c", "other"),
        {"event": "promoted", "release": "d", "decision": {"status": "promoted"}},  # of before
        {"event": "rolled_back", "release": "e", "reason": "x"},
        {"event": "unreadable_line", "line": 3, "text": "?"},
        {"event": "refused", "release": "f", "decision": "torn"},
    ]
    assert judged_before(ledger, "h") == {"a", "b"}
    assert judged_before(ledger, "other") == {"c"}
    assert judged_before([], "h") == set()
