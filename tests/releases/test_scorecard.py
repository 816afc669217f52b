"""Scorecards from prices: figures by hand, learned vehicles left out, failures kept in."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.listings.contract import text_array
from carprice_assets.markets.market import PromotionRules
from carprice_assets.releases.facts import Evidence
from carprice_assets.releases.rules import REQUIRED_CHECKS, Scorecard, decide
from carprice_assets.releases.scorecard import (
    HoldOut,
    coverage_of,
    score,
    serving_difference,
    unlearned,
)
from carprice_assets.releases.vehicles import read_vehicles, vehicle_hashes, write_vehicles

KNOWN = Evidence(dict.fromkeys(REQUIRED_CHECKS, True), 1.0, 1, chance=0.001, fresh_rows=0)
SHARES = {"mileage": 0.0, "year": 0.01, "new": 0.02}


@pytest.fixture
def holdout() -> HoldOut:
    return HoldOut(
        market="us",
        vehicles=vehicle_hashes("salt", ["a", "b", "c", "d"]),
        price=np.array([10_000.0, 20_000.0, 30_000.0, 40_000.0]),
        naive=np.array([12_000.0, 18_000.0, 35_000.0, 41_000.0]),
        stock_type=text_array(["New", "Used", "Used", ""]),
        make=text_array(["Kia", "Kia", "Honda", "Honda"]),
    )


def scored(holdout: HoldOut, predicted: list[float]) -> Scorecard:
    return score(
        holdout,
        np.array(predicted),
        behaviour=SHARES,
        serving_differences={"catboost": 0.0},
        golden_ok=True,
        coverage=coverage_of(holdout, holdout.price * 0.9, holdout.price * 1.1, stated=0.95),
    )


def test_figures_by_hand(holdout: HoldOut) -> None:
    card = scored(holdout, [11_000.0, 20_000.0, 28_000.0, 41_000.0])
    assert (card.rows, card.mae, card.naive_mae) == (4, 1000.0, 2500.0)
    assert card.r2 == pytest.approx(1 - 6e6 / 5e8)
    assert card.by_stock_type == {
        "": (1, 1000.0, 1000.0),
        "New": (1, 1000.0, 2000.0),
        "Used": (2, 1000.0, 3500.0),
    }
    assert card.by_make == {"Honda": (2, 1500.0), "Kia": (2, 500.0)}
    assert card.behaviour == SHARES


def test_prices_are_never_sorted_apart(holdout: HoldOut) -> None:
    card = scored(holdout, [40_000.0, 30_000.0, 20_000.0, 10_000.0])
    assert card.r2 == pytest.approx(-3.0)


def test_a_price_of_nan_spoils_its_figures_and_is_refused(holdout: HoldOut) -> None:
    card = scored(holdout, [math.nan, 20_000.0, 30_000.0, 40_000.0])
    assert card.mae is not None
    assert math.isnan(card.mae)
    decision = decide(card, None, PromotionRules(min_holdout=1))
    assert decision.absolute_broken


def test_a_real_scorecard_passes_the_rules(holdout: HoldOut) -> None:
    card = replace(scored(holdout, [10_100.0, 20_100.0, 29_800.0, 40_100.0]), evidence=KNOWN)
    rules = PromotionRules(min_holdout=4, min_stock_type=1, min_make=1, max_coverage_error=0.05)
    assert decide(card, None, rules).status == "promoted"
    better = scored(holdout, [10_000.0, 20_000.0, 29_900.0, 40_000.0])
    better = replace(better, evidence=KNOWN)
    assert decide(better, card, rules).status == "promoted"
    assert not decide(card, better, rules).absolute_broken


def test_nothing_to_judge_is_refused(holdout: HoldOut) -> None:
    none = np.zeros(0)
    empty = HoldOut("us", holdout.vehicles[:0], none, none, text_array([]), text_array([]))
    assert decide(scored(empty, []), None, PromotionRules(min_holdout=0)).absolute_broken


def test_coverage_by_hand(holdout: HoldOut) -> None:
    low = np.array([10_000.0, 20_001.0, 29_000.0, 39_000.0])  # an end is inside
    high = np.array([11e3, 21e3, 31e3, 40e3])
    found = coverage_of(holdout, low, high, stated=0.9, calibrated=7)
    assert (found.stated, found.share, found.calibrated) == (0.9, 0.75, 7)
    assert found.by_stock_type == {"": (1, 1.0), "New": (1, 1.0), "Used": (2, 0.5)}
    low[2] = math.nan
    spoilt = coverage_of(holdout, low, high, stated=0.9)
    assert spoilt.share is not None
    assert math.isnan(spoilt.share)
    assert math.isnan(spoilt.by_stock_type["Used"][1] or 0.0)
    assert spoilt.by_stock_type["New"] == (1, 1.0)


def test_a_part_is_the_same_cars(holdout: HoldOut) -> None:
    part = holdout.part(np.array([True, False, True, False]))
    assert part.price.tolist() == [10_000.0, 30_000.0]
    assert part.make.tolist() == ["Kia", "Honda"]
    assert part.hash != holdout.hash
    assert holdout.part(np.ones(4, bool)).hash == holdout.hash


def test_hash_names_the_cars_whatever_their_order(holdout: HoldOut) -> None:
    order = np.array([2, 0, 3, 1])
    shuffled = HoldOut(
        "us",
        holdout.vehicles[order],
        holdout.price[order],
        holdout.naive[order],
        holdout.stock_type[order],
        holdout.make[order],
    )
    assert shuffled.hash == holdout.hash
    assert replace(holdout, market="practice").hash != holdout.hash
    assert replace(holdout, price=holdout.price + 1).hash != holdout.hash


def test_unequal_lengths_are_a_defect(holdout: HoldOut) -> None:
    with pytest.raises(ValueError, match="one length"):
        scored(holdout, [1.0, 2.0])


def test_learned_vehicles_are_left_out() -> None:
    learned = [np.unique(vehicle_hashes("s", ["a", "x"])), np.unique(vehicle_hashes("s", ["d"]))]
    hashes, mask = unlearned("s", ["a", "b", "c", "d"], learned)
    assert mask.tolist() == [False, True, True, False]
    assert hashes.dtype == np.uint64
    assert unlearned("other", ["a", "b", "c", "d"], learned)[1].all()


def test_vehicle_hash_is_the_first_64_bits_of_sha256() -> None:
    import hashlib

    expected = int(hashlib.sha256(b"salt\0car-1").hexdigest()[:16], 16)
    assert int(vehicle_hashes("salt", ["car-1"])[0]) == expected


def test_vehicles_file_is_sorted_and_checked(tmp_path: Path) -> None:
    write_vehicles(tmp_path, vehicle_hashes("s", ["b", "a", "b"]))
    assert np.array_equal(read_vehicles(tmp_path), np.unique(vehicle_hashes("s", ["a", "b"])))
    np.save(tmp_path / "vehicles.npy", np.array([2, 1], dtype=np.uint64))
    with pytest.raises(UserError, match="no sorted vehicle hashes"):
        read_vehicles(tmp_path)
    (tmp_path / "vehicles.npy").write_bytes(b"junk")
    with pytest.raises(UserError, match="no array"):
        read_vehicles(tmp_path)
    (tmp_path / "vehicles.npy").unlink()
    with pytest.raises(UserError, match="is missing"):
        read_vehicles(tmp_path)


@pytest.mark.parametrize(
    ("expected", "served", "difference"),
    [
        ([100.0, 200.0], [100.0, 202.0], 0.01),
        ([100.0], [math.nan], math.inf),
        ([], [], math.inf),
        ([1.0, 2.0], [1.0], math.inf),
    ],
)
def test_serving_difference(expected: list[float], served: list[float], difference: float) -> None:
    assert serving_difference(np.array(expected), np.array(served)) == pytest.approx(difference)
