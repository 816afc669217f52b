import json

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.evaluation.evaluate import evaluate
from carprice_assets.evaluation.leaderboard import choose, rows, to_markdown, to_text
from carprice_assets.evaluation.naive import NaiveValuation


@pytest.fixture
def reports_on(cars, valuer):
    train, validation, holdout = cars(800, 1), cars(300, 2), cars(300, 3)
    naive = NaiveValuation()
    naive.fit(train, train["price"])

    def judge(holdout_price=None, exponents=None, **given):
        judged = holdout if holdout_price is None else holdout | {"price": holdout_price}
        return [
            evaluate(
                name=name,
                market="made_up",
                currency="USD",
                distance="mi",
                predict=lambda columns, exponent=exponent: valuer(columns, exponent=exponent),
                train=train,
                validation=validation,
                holdout=judged,
                naive=naive,
                resamples=10,
                sample=20,
                **given,
            )
            for name, exponent in (exponents or {"worse": 1.02, "better": 1.0}).items()
        ]

    return judge


@pytest.fixture
def holdout_price(cars):
    return cars(300, 3)["price"]


def test_the_holdout_has_no_say_in_the_choice(reports_on, valuer, cars, holdout_price):
    honest = reports_on()
    permuted = reports_on(np.random.default_rng(0).permutation(holdout_price))
    # Hold-out prices for which the worse regressor is perfect.
    bent = reports_on(valuer(cars(300, 3), exponent=1.02))
    assert bent[0].figures["mae"]["value"] < 1 < bent[1].figures["mae"]["value"]
    assert permuted[1].figures["mae"]["value"] > 5 * honest[1].figures["mae"]["value"]
    assert choose(honest) == choose(permuted) == choose(bent) == "better"
    assert [r.validation for r in honest] == [r.validation for r in bent]


def test_equals_go_by_name_whatever_the_order(reports_on):
    reports = reports_on(exponents={"twin_b": 1.0, "twin_a": 1.0, "worse": 1.05})
    assert choose(reports) == choose(reports[::-1]) == "twin_a"
    with pytest.raises(UserError, match="no evaluation report"):
        choose([])


def test_rows_by_validation_then_the_naive_valuation(reports_on):
    reports = reports_on()
    table = rows(reports, "better")
    assert [row["regressor"] for row in table] == ["better", "worse", "naive valuation"]
    assert [row["challenger"] for row in table] == [True, False, False]
    assert table[0]["mae"] == reports[1].figures["mae"]["value"]
    assert table[0]["mae_used"] == reports[1].stock_types["Used"]["figures"]["mae"]["value"]
    assert table[2]["mae_new"] == reports[1].stock_types["New"]["naive"]["mae"]["value"]
    assert table[2]["overfit_gap"] is None
    assert json.loads(json.dumps(table, allow_nan=False)) == table


def test_what_cannot_be_compared_is_refused(reports_on, holdout_price):
    reports = reports_on()
    with pytest.raises(UserError, match="'stranger'"):
        rows(reports, "stranger")
    with pytest.raises(UserError, match="not of one market and hold-out"):
        rows([reports[0], reports_on(holdout_price + 1)[1]], "better")


def test_tables_line_up(reports_on):
    table = rows(reports_on(), "better")
    text = to_text(table).splitlines()
    errors, costs = text[:6], text[7:]
    assert errors[3].startswith("* better")
    assert errors[5].startswith("  naive valuation")
    assert len(costs) == 5
    assert costs[3].startswith("* better")
    for part in (errors, costs):
        assert len({len(line) for line in part}) == 1
        assert len(part[0]) <= 120
    lines = to_markdown(table).splitlines()
    assert lines[2].startswith("| **better** |")
    assert len({line.count("|") for line in lines[:5]}) == 1
    assert "protocol" not in "".join(lines)


def test_ranges_costs_and_the_references_protocol_side_by_side(reports_on, valuer, cars):
    price = valuer(cars(300, 3))
    given = {
        "holdout_ranges": (0.85 * price, 1.2 * price),
        "stated_coverage": 0.9,
        "unsupported": np.arange(300) < 3,
        "outliers": np.arange(300) < 30,
        "costs": {"fit_seconds": 65.4, "serving_bytes": 4.2e6, "one_seconds": 0.0021},
    }
    reports = reports_on(exponents={"only": 1.0}, **given)
    table = rows(reports, "only")
    row = table[0]
    assert row["coverage"] == reports[0].ranges["coverage"]
    assert row["width"] == pytest.approx(0.35)
    assert row["unsupported"] == 0.01
    assert row["reference_removed"] == 30
    assert row["reference_mae"] == reports[0].reference_protocol["figures"]["mae"]["value"]
    assert row["mae"] == reports[0].figures["mae"]["value"] != row["reference_mae"]
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    assert max(map(len, to_text(table).splitlines())) <= 120
    for told in (to_text(table), to_markdown(table)):
        above, below = told.split("Not comparable")
        assert "35.0 %" in above
        assert "65.4 s" in above
        assert "4.2 MB" in above
        assert "2.1 ms" in above
        assert " 30 " in below
        assert f"{row['reference_mae']:,.0f}" in below
