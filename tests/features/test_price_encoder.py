"""Out-of-fold encodings, shrinkage, and what an unseen title gets."""

from __future__ import annotations

import numpy as np
import pytest
from invented_cars import invented

from carprice_assets.errors import UserError
from carprice_assets.features.fit import fit_all, training_blocks
from carprice_assets.features.hierarchy import Hierarchy, Level
from carprice_assets.features.price_encoder import FEATURES, vehicle_folds
from carprice_assets.features.title_keys import all_titles, crosses, title_keys, title_words
from carprice_assets.listings.contract import text_array

LEVELS = (
    Level("make", "make", "", (), 4.0),
    Level("title", "title", "", ((1.0, "make"),), 2.0),
    Level("title_year", "title", "year", ((1.0, "title"),), 2.0),
)


def table(titles: list[str], years: list[int]) -> dict:
    return {
        "make": text_array(["A"] * len(titles)),
        "model": text_array(titles),
        "year": np.array(years, dtype=np.float64),
    }


def test_estimates_are_shrunken_means():
    columns = table(["x", "x", "x", "y"], [2020, 2020, 2021, 2020])
    values = np.array([1.0, 2.0, 6.0, 3.0])
    hierarchy = Hierarchy(LEVELS)
    hierarchy.fit(all_titles(columns), crosses(columns), values[:, None])
    overall = 3.0
    make = (12 + 4 * overall) / 8
    title = (9 + 2 * make) / 5
    cross = (3 + 2 * title) / 4
    found = hierarchy.row(all_titles(columns)[0], crosses(columns)[0])
    assert [value for value, _ in found] == pytest.approx([make, title, cross])
    assert [rows for _, rows in found] == [4, 3, 2]
    other = table(["z"], [2020])
    found = hierarchy.row(all_titles(other)[0], crosses(other)[0])
    assert [value for value, _ in found] == pytest.approx([make] * 3)
    assert [rows for _, rows in found] == [4, 0, 0]


def test_out_of_fold_equals_a_fit_on_the_other_folds():
    columns, price = invented(200)
    titles, codes = all_titles(columns), crosses(columns)
    folds = vehicle_folds(columns)
    logs = np.log(price)
    inside, behind = Hierarchy(LEVELS).out_of_fold(titles, codes, logs[None, :, None], folds)
    for fold in range(3):
        others = np.flatnonzero(folds != fold).tolist()
        outside = Hierarchy(LEVELS)
        outside.fit([titles[i] for i in others], [codes[i] for i in others], logs[others, None])
        for row in np.flatnonzero(folds == fold)[:10].tolist():
            found = outside.row(titles[row], codes[row])
            assert inside[0, row] == pytest.approx([value for value, _ in found], rel=1e-6)
            assert behind[row].tolist() == [rows for _, rows in found]


def test_no_row_is_encoded_by_the_price_of_its_own_vehicle():
    columns, price = invented(300)
    fitted = fit_all(columns, price, only=["price_encoder"])
    before = training_blocks(fitted, columns, price)["price_encoder"]
    changed = price.copy()
    changed[7] *= 50
    after_fit = fit_all(columns, changed, only=["price_encoder"])
    after = training_blocks(after_fit, columns, changed)["price_encoder"]
    own = columns["vehicle"] == columns["vehicle"][7]
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before, after)
    blocks = training_blocks(fitted, columns, price)
    have = {**columns, **blocks}
    seen = fitted["price_encoder"].transform(have)[7]
    assert not np.array_equal(after_fit["price_encoder"].transform(have)[7], seen)


def test_a_vehicle_is_never_in_two_folds():
    columns, _ = invented(300)
    folds = vehicle_folds(columns)
    for vehicle in set(columns["vehicle"]):
        assert len(set(folds[columns["vehicle"] == vehicle].tolist())) == 1
    assert len(set(folds.tolist())) == 10


def test_training_without_vehicles_is_refused():
    columns, price = invented(20)
    del columns["vehicle"]
    fitted = fit_all(columns, price, only=["price_encoder"])  # fitting itself needs none
    with pytest.raises(UserError, match="lack 'vehicle'"):
        training_blocks(fitted, columns, price)


def test_a_new_title_takes_its_make_and_dear_makes_are_dear(feature_set):
    rows = {"make": ["Astra", "Cygnus", "Cygnus"], "model": ["Comet", "Swan", "Duckling"]}
    columns = {name: text_array(values) for name, values in rows.items()}
    columns |= {"year": np.full(3, 2022.0), "stock_type": text_array(["Used"] * 3)}
    block = feature_set.blocks(columns)["price_encoder"]
    expected = block[:, FEATURES.index("price_expected")]
    assert expected[1] - expected[0] > 1.0
    assert abs(expected[2] - expected[1]) < 0.3
    assert block[2, FEATURES.index("rows_title")] == 0


def test_more_miles_never_raise_the_depreciated_price(feature_set):
    rows = 40
    columns = {
        "make": text_array(["Astra"] * rows),
        "model": text_array(["Comet"] * rows),
        "year": np.full(rows, 2019.0),
        "stock_type": text_array(["Used"] * rows),
        "mileage": np.linspace(0, 400_000, rows),
    }
    block = feature_set.blocks(columns)["price_encoder"]
    for name in ("price_depreciated", "price_expected"):
        steps = np.diff(block[:, FEATURES.index(name)])
        assert (steps <= 0).all()
        assert steps.min() < 0


def test_titles_run_together_and_apart_have_the_same_keys():
    apart = title_keys("Mazda", title_words("CX-50", "2.5 S  w/Premium"))
    assert apart == title_keys("mazda ", title_words("CX-50 2.5 S with Premium", ""))
    assert apart[1:3] == ("mazda|cx-50", "mazda|cx-50 2.5")
