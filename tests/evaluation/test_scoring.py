import json

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.evaluation.metrics import figures
from carprice_assets.evaluation.scoring import score
from carprice_assets.listings.contract import text_array


@pytest.fixture
def back_test(cars, valuer):
    side = cars(300, 9)
    predicted = valuer(side)
    learned = np.arange(300) % 3 == 0
    predicted[learned] = side["price"][learned]  # known by heart
    return side["price"], predicted, side["stock_type"], learned


def test_learned_vehicles_stay_out_of_every_headline(back_test):
    truth, predicted, stock, learned = back_test
    table = score(*back_test, currency="USD", resamples=20)
    assert list(table.rows) == ["All", "New", "Used", "Certified"]
    assert table.rows["All"] == figures(truth[~learned], predicted[~learned], resamples=20)
    assert sum(table.rows[kind]["rows"] for kind in ("New", "Used", "Certified")) == 200
    used = ~learned & (stock == "Used")
    assert table.rows["Used"] == figures(truth[used], predicted[used], resamples=20)
    assert table.learned["rows"] == 100
    assert table.learned["mae"]["value"] == 0


def test_text_begins_with_all_rows(back_test):
    table = score(*back_test, currency="USD", rejected={"no_price": 7, "no_year": 1200})
    lines = table.to_text().splitlines()
    heads = ["n", "R2", "RMSE (USD)", "MAE (USD)", "MAPE", "median error (USD)"]
    assert [lines[0].index(head) for head in heads] == sorted(lines[0].index(h) for h in heads)
    assert lines[2].split()[:2] == ["All", "200"]
    assert [line.split()[0] for line in lines[3:6]] == ["New", "Used", "Certified"]
    assert lines[6].startswith("Learned from (not in All)")
    assert lines[-1] == "Not scored: 1,207 rows: no_year 1,200, no_price 7"


def test_json_holds_all(back_test):
    table = score(*back_test, currency="USD", notes={"release": "abc"}, resamples=20)
    content = json.loads(table.to_json())
    assert content["rows"] == table.rows
    assert content["learned"]["rows"] == 100
    assert content["notes"] == {"release": "abc"}
    assert content["rejected"] == {}


def test_all_learned_leaves_an_empty_headline():
    price = np.array([10_000.0, 12_000.0])
    table = score(price, price, text_array(["Used", ""]), np.array([True, True]), currency="USD")
    assert table.rows["All"] == {"rows": 0}
    assert table.learned["rows"] == 2
    assert "unknown" in table.rows
    assert table.to_text().splitlines()[2].split()[:3] == ["All", "0", "–"]


def test_bad_input_is_named(back_test):
    truth, predicted, stock, learned = back_test
    none = np.empty(0)
    with pytest.raises(UserError, match="no rows to score"):
        score(none, none, text_array([]), none.astype(bool), currency="USD")
    with pytest.raises(ValueError, match="do not pair up"):
        score(truth, predicted, stock[:-1], learned, currency="USD")
    with pytest.raises(ValueError, match="predictions are no price"):
        score(truth, predicted * np.nan, stock, learned, currency="USD")
