"""The paired bootstrap: what is chance, what is not, and that nothing but the cars decides."""

from __future__ import annotations

import numpy as np
import pytest

from carprice_assets.releases.significance import chance

CARS = 400
VEHICLES = np.arange(CARS, dtype=np.uint64)


def errors(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 1000.0, CARS)


def of(ours: np.ndarray, theirs: np.ndarray, margin: float = 0.0, **given: object) -> float | None:
    vehicles = given.pop("vehicles", VEHICLES)
    return chance(ours, theirs, vehicles, margin=margin, seed=7, **given)  # type: ignore[arg-type]


def test_a_gain_on_every_car_is_no_chance() -> None:
    theirs = errors()
    assert of(theirs * 0.98, theirs) == pytest.approx(1 / 2001)
    assert of(theirs * 1.02, theirs) == 1.0
    assert of(theirs, theirs) == 1.0


def test_the_margin_counts() -> None:
    theirs = errors()
    assert of(theirs * 0.98, theirs, margin=0.019) == pytest.approx(1 / 2001)
    assert of(theirs * 0.98, theirs, margin=0.021) == 1.0


def test_a_gain_of_noise_is_chance_and_more_cars_tell_it_apart() -> None:
    """The same gain of 2 %: of 400 cars it may be chance, of 40,000 it is not."""
    few, many = errors(), np.random.default_rng(1).gamma(2.0, 1000.0, 100 * CARS)
    noise = np.random.default_rng(2)
    small = of(np.abs(few * 0.98 + noise.normal(0, 700, len(few))) * 0.98, few)
    assert small is not None
    ours = np.abs(many + noise.normal(0, 700, len(many)))
    ours *= 0.98 * many.mean() / ours.mean()
    large = of(ours, many, vehicles=np.arange(len(many), dtype=np.uint64), resamples=300)
    assert large is not None
    assert large < 0.05
    of_few = ours[:CARS] * (0.98 * many[:CARS].mean() / ours[:CARS].mean())
    assert (of(of_few, many[:CARS]) or 0.0) > 0.05


def test_listings_of_one_vehicle_are_one_draw() -> None:
    """Ten listings of each vehicle tell no more than one: the share stays that of the vehicles."""
    rng = np.random.default_rng(3)
    theirs = errors()[:40]
    ours = theirs - 60 + rng.normal(0, 300, 40)
    alone = of(ours, theirs, vehicles=VEHICLES[:40])
    tenfold = of(np.repeat(ours, 10), np.repeat(theirs, 10), vehicles=np.repeat(VEHICLES[:40], 10))
    apart = of(np.repeat(ours, 10), np.repeat(theirs, 10))
    assert tenfold == alone
    assert apart is not None
    assert alone is not None
    assert apart < alone


def test_the_order_of_the_cars_changes_nothing() -> None:
    theirs = errors()
    ours = theirs + np.random.default_rng(4).normal(-20, 400, CARS)
    order = np.random.default_rng(5).permutation(CARS)
    shuffled = of(ours[order], theirs[order], vehicles=VEHICLES[order])
    assert shuffled == of(ours, theirs)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_unknown_has_no_chance(value: float) -> None:
    spoilt = errors()
    spoilt[3] = value
    assert of(spoilt, errors()) is None
    assert of(errors(), spoilt) is None
    assert chance(np.empty(0), np.empty(0), VEHICLES[:0], margin=0.0, seed=1) is None
