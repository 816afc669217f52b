import time

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.evaluation.metrics import FIGURES, figures


def pairs(rows, seed=3):
    rng = np.random.default_rng(seed)
    truth = np.exp(rng.normal(10.3, 0.5, rows))
    return truth, truth * np.exp(rng.normal(0, 0.08, rows))


def test_figures_equal_their_definitions():
    truth, predicted = pairs(501)
    found = figures(truth, predicted, resamples=10)
    error = predicted - truth
    spread = np.sum((truth - truth.mean()) ** 2)
    logs, log_error = np.log(truth), np.log(predicted / truth)
    expected = {
        "r2": 1 - np.sum(error**2) / spread,
        "rmse": np.sqrt(np.mean(error**2)),
        "mae": np.mean(np.abs(error)),
        "mape": np.mean(np.abs(error) / truth),
        "median_error": np.median(np.abs(error)),
        "r2_log": 1 - np.sum(log_error**2) / np.sum((logs - logs.mean()) ** 2),
    }
    assert found["rows"] == 501
    assert {name: found[name]["value"] for name in FIGURES} == pytest.approx(expected, rel=1e-8)


def test_pairs_stay_pairs():
    truth, predicted = pairs(2000)
    shuffled = np.random.default_rng(0).permutation(predicted)
    assert figures(truth, predicted, resamples=5)["r2"]["value"] > 0.9
    # Sorting both sides before scoring would make this one near perfect.
    assert figures(truth, shuffled, resamples=5)["r2"]["value"] < 0
    order = np.random.default_rng(1).permutation(2000)
    again = figures(truth[order], predicted[order], resamples=5)
    assert again["mae"]["value"] == figures(truth, predicted, resamples=5)["mae"]["value"]


@pytest.mark.parametrize("rows", [40, 41])
def test_intervals_are_those_of_drawn_rows(rows):
    truth, predicted = pairs(rows)
    rng = np.random.default_rng(7)
    draws = [rng.integers(0, rows, rows) for _ in range(50)]
    for name, of in {
        "median_error": lambda t, p: np.median(np.abs(t - p)),
        "mae": lambda t, p: np.mean(np.abs(t - p)),
        "r2": lambda t, p: 1 - np.sum((t - p) ** 2) / np.sum((t - t.mean()) ** 2),
    }.items():
        values = [of(truth[rows_drawn], predicted[rows_drawn]) for rows_drawn in draws]
        found = figures(truth, predicted, seed=7, resamples=50)[name]
        assert [found["low"], found["high"]] == pytest.approx(
            np.percentile(values, [2.5, 97.5]), rel=1e-8
        )


def test_an_interval_covers_and_the_seed_fixes_it():
    truth, predicted = pairs(800)
    found = figures(truth, predicted, seed=1)
    assert all(found[name]["low"] < found[name]["value"] < found[name]["high"] for name in FIGURES)
    assert figures(truth, predicted, seed=1) == found
    assert figures(truth, predicted, seed=2) != found


def test_interval_does_not_depend_on_the_memory_bound(monkeypatch):
    truth, predicted = pairs(100)
    whole = figures(truth, predicted)
    monkeypatch.setattr("carprice_assets.evaluation.metrics.WEIGHTS_AT_ONCE", 700)
    assert figures(truth, predicted) == whole


@pytest.mark.parametrize("rows", [1, 2, 50])
def test_r2_of_a_constant_truth_is_none(rows):
    truth = np.full(rows, 12_345.67)
    found = figures(truth, truth * 1.1)
    nothing = {"value": None, "low": None, "high": None}
    assert found["r2"] == nothing
    assert found["r2_log"] == nothing
    assert found["mape"]["value"] == pytest.approx(0.1)


def test_two_rows_whose_resamples_are_often_constant():
    found = figures([10_000.0, 20_000.0], [11_000.0, 20_000.0])
    assert found["r2"]["value"] == pytest.approx(1 - 1e6 / 5e7)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -5.0, 0.0, 1e300])
def test_what_is_no_price_is_named(bad):
    with pytest.raises(ValueError, match=r"1 of 3 predictions are no price, the first in row 1"):
        figures([1.0, 2.0, 3.0], [1.0, bad, 3.0])
    with pytest.raises(ValueError, match="true price"):
        figures([1.0, bad, 3.0], [1.0, 2.0, 3.0])


def test_what_does_not_pair_up_is_refused():
    with pytest.raises(ValueError, match="do not pair up"):
        figures([1.0, 2.0], [1.0])
    with pytest.raises(UserError, match="no rows"):
        figures([], [])


def test_fourteen_thousand_rows_are_cheap():
    truth, predicted = pairs(14_000)
    begin = time.process_time()
    figures(truth, predicted)
    # 0.1 s here; a loop over rows in Python would take minutes.
    assert time.process_time() - begin < 5
