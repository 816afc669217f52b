import io
import subprocess
import sys

import numpy as np
import pytest

from carprice_assets.evaluation import plots
from carprice_assets.evaluation.range_plots import coverage_by_price


def prices(rows):
    rng = np.random.default_rng(rows)
    truth = np.exp(rng.normal(10.3, 0.5, rows))
    return truth, truth * np.exp(rng.normal(0, 0.1, rows))


def pixels(png):
    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png")


@pytest.mark.parametrize("rows", [1, 60, 5000])
@pytest.mark.parametrize("plot", [plots.predicted_against_true, plots.residuals_by_price])
def test_clouds_of_any_size(plot, rows):
    image = pixels(plot(*prices(rows), currency="USD", title="up to $1 and $2 million"))
    assert image.shape[1] == 700
    assert image.std() > 0.01


def test_the_picture_depends_on_the_pairs():
    truth, predicted = prices(700)
    good = plots.predicted_against_true(truth, predicted, currency="USD")
    assert good == plots.predicted_against_true(truth, predicted, currency="USD")
    assert good != plots.predicted_against_true(truth, predicted[::-1], currency="USD")


def test_importances_show_the_top_alone():
    many = {f"feature_{number}" * (1 + number % 9): 1.0 + number for number in range(50)}
    twenty = pixels(plots.importances(many))
    assert twenty.shape[1] == 700
    assert twenty.shape[0] > pixels(plots.importances(many, top=5)).shape[0]


def test_a_panel_for_each_measure():
    curves = {"train_rmse": [3.0, 2.0, 1.0], "validation_rmse": [3.0, 2.5, 2.6]}
    one = pixels(plots.training_curves(curves))
    two = pixels(plots.training_curves(curves | {"trial_mae": [3000.0]}))
    assert two.shape[0] > one.shape[0]
    assert plots.training_curves({"validation_rmse": [float("nan"), 500.0, 2.0]})


def test_the_search_shows_its_best():
    def trials(*errors):
        return [{"number": n, "error": error} for n, error in enumerate(errors)]

    falling = plots.search_history(trials(5.0, 4.0, None, 3.0))
    assert pixels(falling).shape[1] == 700
    assert falling == plots.search_history(trials(5.0, 4.0, None, 3.0))
    assert falling != plots.search_history(trials(5.0, 4.0, 3.0))
    assert pixels(plots.search_history(trials(5.0))).shape[1] == 700


def test_the_coverage_of_each_price_band_is_shown():
    def ranges(coverage):
        bands = [
            {"name": "0-10k", "rows": 40, "coverage": coverage, "width": 0.4},
            {"name": "10-20k", "rows": 0, "coverage": None, "width": None},
            {"name": "20-30k", "rows": 5, "coverage": 1.0, "width": 0.2},
        ]
        return {"stated": 0.9, "slices": {"price": bands}}

    one = coverage_by_price(ranges(0.85), currency="USD")
    assert pixels(one).shape[1] == 700
    assert one != coverage_by_price(ranges(0.5), currency="USD")


@pytest.mark.parametrize(
    "png",
    [
        plots.training_curves({}),
        plots.importances({}),
        plots.search_history([{"number": 0, "error": None}]),
    ],
)
def test_nothing_recorded_is_said(png):
    assert pixels(png).std() > 0.001


def test_evaluation_imports_nothing_heavy():
    modules = (
        "behaviour canvas costs coverage evaluate leaderboard metrics naive plots range_plots"
        " report report_sections report_text scoring slices tables"
    )
    code = (
        "import importlib, sys\n"
        f"for name in '{modules}'.split():\n"
        "    importlib.import_module('carprice_assets.evaluation.' + name)\n"
        "heavy = {'dagster', 'pandas', 'sklearn', 'matplotlib', 'duckdb', 'catboost'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
