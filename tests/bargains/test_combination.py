"""The combination of signals, calibrated with lowered prices."""

from __future__ import annotations

import numpy as np
import pytest

from carprice_assets.bargains.combination import Combination, cuts, fit, in_range, signals
from carprice_assets.bargains.planting import plant, precision

ROWS = 4_000


def invented(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Expected prices, low ends, prices, and an error of which a low price is a part."""
    draws = np.random.default_rng(seed)
    spread = draws.uniform(0.04, 0.15, ROWS)
    expected = np.exp(draws.normal(10, 0.5, ROWS))
    price = expected * np.exp(spread * draws.standard_normal(ROWS))
    return expected, expected * np.exp(-1.64 * spread), price, draws.standard_normal(ROWS) * 0.8


def values(expected, low, price, noise):
    along = {"plain": noise - 12 * np.log(price / expected)}
    return signals(price, expected, low, along, {"plain": np.abs(noise)})


def fitted() -> Combination:
    expected, low, price, noise = invented(1)
    names, plain = values(expected, low, price, noise)
    lowered = [values(expected, low, price * cut, noise)[1] for cut in cuts(ROWS, seed=2)]
    return fit(names, plain, lowered)


def test_it_finds_more_planted_bargains_than_the_residual_alone() -> None:
    combination = fitted()
    expected, low, price, noise = invented(3)
    planted = plant(price, seed=4)
    _, found = values(expected, low, planted.price, noise)
    alone = -in_range(planted.price, expected, low)
    assert precision(combination.logit(found), planted.is_planted) > 0.5
    assert precision(combination.logit(found), planted.is_planted) >= precision(
        alone, planted.is_planted
    )


def test_a_score_lies_between_0_and_1_and_is_nan_without_a_valuation() -> None:
    combination = fitted()
    expected, low, price, noise = invented(5)
    expected[0] = np.nan
    score = combination.score(values(expected, low, price, noise)[1])
    assert np.isnan(score[0])
    assert ((score[1:] >= 0) & (score[1:] <= 1)).all()
    assert score[1:].mean() < 0.1


def test_its_state_is_json_and_gives_the_same_scores() -> None:
    combination = fitted()
    again = Combination.restore(combination.state())
    table = values(*invented(6))[1]
    assert (again.score(table) == combination.score(table)).all()


@pytest.mark.parametrize("key", ["center", "weights"])
def test_a_damaged_state_is_refused(key: str) -> None:
    state = fitted().state()
    with pytest.raises(ValueError, match="equally long"):
        Combination.restore(state | {key: state[key][1:]})
    with pytest.raises(ValueError, match="finite"):
        Combination.restore(state | {key: [float("nan")] * len(state[key])})


def test_planting_lowers_the_share_asked_for_by_20_to_35_per_cent() -> None:
    price = np.full(1_000, 100.0)
    planted = plant(price, seed=1)
    assert planted.is_planted.sum() == 20
    lowered = planted.price[planted.is_planted]
    assert ((lowered >= 65) & (lowered <= 80)).all()
    assert (planted.price[~planted.is_planted] == 100).all()
    assert (price == 100).all()


def test_precision_counts_the_highest_scores_and_puts_nan_last() -> None:
    flags = np.array([True, True, False, False])
    assert precision(np.array([1.0, np.nan, 0.5, 0.1]), flags) == 0.5
    assert precision(np.array([1.0, np.nan, 0.5, 0.1]), flags, count=1) == 1.0
