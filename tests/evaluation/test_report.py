import json

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.evaluation.evaluate import evaluate, holdout_hash, overfit
from carprice_assets.evaluation.metrics import figures
from carprice_assets.evaluation.naive import NaiveValuation
from carprice_assets.evaluation.report import EvaluationReport, plain


@pytest.fixture
def sides(cars):
    return {"train": cars(1200, 1), "validation": cars(300, 2), "holdout": cars(400, 3)}


@pytest.fixture
def report_of(sides, valuer):
    naive = NaiveValuation()
    naive.fit(sides["train"], sides["train"]["price"])

    def make(**given):
        return evaluate(
            **{
                "name": "forest",
                "market": "made_up",
                "currency": "USD",
                "distance": "mi",
                "predict": valuer,
                "naive": naive,
                "parameters": {"depth": np.int64(6), "rate": np.float64("nan")},
                "importances": {"year": 0.7, "msrp": 0.3},
                "curves": {"train_rmse": [0.3, 0.2]},
                "costs": {"fit_seconds": 1.5},
                "resamples": 20,
            }
            | sides
            | given
        )

    return make


def test_figures_are_those_of_the_whole_holdout(report_of, sides, valuer):
    report = report_of()
    truth, predicted = sides["holdout"]["price"], valuer(sides["holdout"])
    assert report.rows == {"train": 1200, "validation": 300, "holdout": 400}
    assert report.figures == figures(truth, predicted, resamples=20)
    assert report.figures["mae"]["value"] < report.naive["mae"]["value"]
    assert report.validation["rows"] == report.naive_validation["rows"] == 300
    new = sides["holdout"]["stock_type"] == "New"
    assert (
        report.stock_types["New"]["figures"]["mae"]
        == (figures(truth[new], predicted[new], resamples=20)["mae"])
    )


def test_no_outlier_is_left_out(report_of, sides):
    strange = sides["holdout"]["price"].copy()
    strange[7] = 900_000.0
    report = report_of(holdout=sides["holdout"] | {"price": strange})
    assert report.figures["rows"] == 400
    assert report.worst[0]["price"] == 900_000.0


def test_the_report_survives_json(report_of):
    report = report_of()
    again = EvaluationReport.from_json(report.to_json())
    assert again == report
    assert again.to_json() == report.to_json()
    assert again.to_markdown() == report.to_markdown()
    assert report.parameters == {"depth": 6, "rate": None}


def test_only_the_costs_differ_between_two_runs(report_of):
    first, second = report_of(), report_of(costs={"fit_seconds": 99.0})
    assert first.deterministic() == second.deterministic()
    assert "costs" not in first.deterministic()
    assert first.costs["fit_seconds"] == 1.5
    assert first.costs["evaluate_seconds"] > 0


def test_ranges_are_judged_where_there_are_any(report_of, sides, valuer):
    price = valuer(sides["holdout"])
    report = report_of(holdout_ranges=(0.9 * price, 1.1 * price), stated_coverage=0.8)
    truth = sides["holdout"]["price"]
    inside = (truth >= 0.9 * price) & (truth <= 1.1 * price)
    assert report.ranges["coverage"] == pytest.approx(inside.mean())
    assert report.ranges["stated"] == 0.8
    text = report.to_markdown()
    assert "made for 80 %" in text
    assert "| Stock type | Used |" in text
    assert "| Make | Aster |" in text
    assert "gives no ranges" in report_of().to_markdown()
    assert report_of().ranges == {}
    with pytest.raises(ValueError, match="low <= prediction <= high"):
        report_of(holdout_ranges=(1.01 * price, 1.1 * price))


def test_known_predictions_are_not_asked_for_again(report_of, sides, valuer):
    def predict(columns):
        assert len(columns["make"]) != len(sides["holdout"]["make"])
        return valuer(columns)

    known = 1.5 * valuer(sides["holdout"])
    given = report_of(predict=predict, holdout_predicted=known, sample=50)
    assert given.figures == figures(sides["holdout"]["price"], known, resamples=20)


def test_unsupported_cars_are_judged_and_counted(report_of):
    mask = np.arange(400) < 6
    report = report_of(unsupported=mask)
    assert report.unsupported == 0.015
    assert report.figures == report_of().figures
    assert "1.50 % of the cars are unsupported" in report.to_markdown()
    assert report_of().unsupported is None
    assert "unsupported" not in report_of().to_markdown()


def test_the_references_protocol_stands_apart(report_of, sides, valuer):
    truth, predicted = sides["holdout"]["price"], valuer(sides["holdout"])
    flagged = np.abs(predicted / truth - 1) > 0.05
    report = report_of(outliers=flagged)
    protocol = report.reference_protocol
    assert protocol["removed"] == flagged.sum() > 0
    assert protocol["figures"] == figures(truth[~flagged], predicted[~flagged], resamples=20)
    assert report.figures == report_of().figures
    before, after = report.to_markdown().split("## The reference's protocol")
    assert "**Not comparable**" in after
    assert "Not comparable" not in before
    assert report_of(outliers=np.ones(400, bool)).reference_protocol == {}
    assert "protocol" not in report_of().to_markdown()


SEARCH = {
    "best": 2,
    "trials": [
        {"number": 0, "state": "complete", "error": 1500.0, "parameters": {}},
        {"number": 1, "state": "pruned", "error": None, "parameters": {"depth": 9}},
        {"number": 2, "state": "complete", "error": 1234.0, "parameters": {"depth": 7}},
    ],
    "importances": {"depth": 0.75},
    "space": {
        "depth": {"kind": "int", "low": 4, "high": 10},
        "rate": {"kind": "float", "low": 0.01, "high": 0.3, "log": True},
        "loss": {"kind": "choice", "choices": ["MAE", "RMSE"]},
    },
}


def test_a_search_is_told(report_of):
    report = report_of(search=SEARCH)
    assert EvaluationReport.from_json(report.to_json()).search == SEARCH
    text = report.to_markdown()
    assert "3 trials, trial 0 the defaults: 2 complete, 1 pruned, 0 failed. Trial 2" in text
    assert text.index("| 2 | depth 7 | 1,234 |") < text.index("| 0 | nothing | 1,500 |")
    assert "| depth | 4 to 10 | 75.0 % |" in text
    assert "| rate | 0.01 to 0.3, logarithmic | – |" in text
    assert "| loss | MAE, RMSE | – |" in text
    assert "## Search" not in report_of().to_markdown()


def test_the_page_links_the_pictures_there_are(report_of):
    text = report_of(search=SEARCH).to_markdown({"residuals": "residuals.png", "search": "s.png"})
    assert "![residuals](residuals.png)" in text
    assert text.index("## Search") < text.index("![search](s.png)") < text.index("## Costs")
    assert text.count("![") == 2


def test_costs_are_told_in_units_that_fit(report_of):
    costs = {
        "fit_seconds": 754.0,
        "fit_memory": 2345.6,
        "bytes": 12.34e6,
        "load_seconds": 2.345,
        "thousand_seconds": 0.1234,
        "one_seconds": 0.00085,
    }
    text = report_of(costs=costs).to_markdown()
    for cell in ("13 min", "2,346 MB", "12.3 MB", "2.35 s", "123 ms", "0.85 ms"):
        assert f"| {cell} |" in text
    assert "| serving form | – |" in text


def test_the_regressor_never_sees_a_price(report_of, valuer):
    def predict(columns):
        assert not {"price", "vehicle", "listing_id", "first_seen"} & set(columns)
        return valuer(columns)

    assert report_of(predict=predict).figures["rows"] == 400


def test_worst_cases_tell_the_car_and_not_whose_it_is(report_of):
    report = report_of()
    assert len(report.worst) == 10
    off = [abs(np.log(case["prediction"] / case["price"])) for case in report.worst]
    assert off == sorted(off, reverse=True)
    content = report.to_json().decode() + report.to_markdown()
    assert not any(word in content for word in ("MADEUPVIN", "Motors", "listing-", "vehicle-"))


def test_the_holdout_hash_names_cars_and_prices_in_any_order(cars):
    side = cars(100, 1)
    order = np.random.default_rng(0).permutation(100)
    shuffled = {name: values[order] for name, values in side.items()}
    assert holdout_hash(shuffled) == holdout_hash(side)
    dearer = side["price"].copy()
    dearer[5] += 0.01
    assert holdout_hash(side | {"price": dearer}) != holdout_hash(side)
    assert holdout_hash({name: values[1:] for name, values in side.items()}) != holdout_hash(side)


def test_the_overfit_guard_is_the_references():
    truth = np.array([10_000.0, 20_000.0])
    train = (truth, truth * np.exp(0.10))
    within = overfit(train, (truth, truth * np.exp(0.104)), 0.10)
    assert within["train_mse"] == pytest.approx(0.01)
    assert within["gap"] == pytest.approx(0.0816)
    assert not within["overfitted"]
    assert overfit(train, (truth, truth * np.exp(0.106)), 0.10)["overfitted"]
    by_heart = overfit((truth, truth), train, 0.10)
    assert by_heart["gap"] is None
    assert by_heart["overfitted"]


def test_out_of_fold_training_predictions_are_taken(report_of, sides):
    exact = report_of(train_predicted=sides["train"]["price"])
    assert exact.overfit["train_mse"] == 0
    assert report_of().overfit["train_mse"] > 0


def test_the_text_shows_what_matters(report_of):
    text = report_of().to_markdown()
    for part in ("# forest, market made_up", "naive valuation", "Certified", "10-20k", "Aster"):
        assert part in text
    assert "20,000 mi more" in text
    assert "made-up 2023-05" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert tables
    assert not any("None" in line or "nan" in line for line in tables)
    assert report_of().headline().startswith("forest: MAE ")


def test_bad_input_is_named(report_of, sides):
    empty = {name: values[:0] for name, values in sides["holdout"].items()}
    with pytest.raises(UserError, match="no rows in holdout"):
        report_of(holdout=empty)
    with pytest.raises(ValueError, match="predictions are no price"):
        report_of(predict=lambda columns: np.full(len(columns["make"]), np.nan))
    for broken in (b"{}", b"[1]", b"nonsense", b'{"format": 99}'):
        with pytest.raises(UserError, match="evaluation report"):
            EvaluationReport.from_json(broken)


def test_plain_gives_json_types_alone():
    value = {1: (np.float32(0.5), np.nan), "a": np.arange(2), "b": None, "c": np.True_}
    assert plain(value) == {"1": [0.5, None], "a": [0, 1], "b": None, "c": True}
    assert json.dumps(plain(value), allow_nan=False)
    with pytest.raises(ValueError, match="cannot hold"):
        plain(object())
