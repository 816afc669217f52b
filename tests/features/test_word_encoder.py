"""What words are worth: the ridge, unseen titles, no row told its own price."""

from __future__ import annotations

import numpy as np
import pytest
from invented_cars import invented

from carprice_assets.features.fit import fit_all, training_blocks
from carprice_assets.features.ridge import WordRidge
from carprice_assets.features.word_encoder import car_words
from carprice_assets.listings.contract import text_array

WORTH = {"lx": 0.0, "sport": 0.1, "leather": 0.2, "roof": 0.15, "hybrid": 0.3}


def test_the_ridge_solves_its_normal_equations():
    words = [["a", "b"], ["a"], ["b", "c"], ["c", "a", "rare"]]
    rows = np.array([4, 5, 6, 2])
    sums = np.array([3.0, -1.0, 2.0, 5.0])
    ridge = WordRidge(words, rows, least=3, penalty=2.0)
    assert ridge.words == ["a", "b", "c"]
    design = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [1, 0, 1]], dtype=np.float64)
    gram = design.T @ (rows[:, None] * design) + 2.0 * np.eye(3)
    weights = ridge.solve(rows.astype(np.float64), sums)
    assert weights == pytest.approx(np.linalg.solve(gram, design.T @ sums), rel=1e-6)
    assert ridge.estimates(weights) == pytest.approx(design @ weights)


def test_without_words_the_ridge_gives_nothing():
    ridge = WordRidge([[], []], np.array([3, 4]), least=1, penalty=1.0)
    weights = ridge.solve(np.array([3.0, 4.0]), np.array([1.0, 2.0]))
    assert weights.shape == (0,)
    assert ridge.estimates(weights).tolist() == [0.0, 0.0]


def test_a_car_has_each_word_once_and_the_crosses():
    words = car_words("Astra ", "Comet EX", "EX w/Roof", True, 2021)
    assert len(words) == len(set(words))
    assert {"ex", "ex ex", "with roof", "astra|ex", "astra|comet|roof"} <= set(words)
    assert {"new|roof", "2021|astra|roof", "2021|astra|", "new|astra|comet|roof"} <= set(words)
    assert "not new|roof" in car_words("Astra", "Comet", "Roof", False, 2021)
    assert car_words("Astra", "", "", False, 0) == ["astra|", "not new|astra|", "0|astra|"]


def trims(rows: int, seed: int):
    """Invented cars whose trims are random words, each with its worth."""
    columns, price = invented(rows, seed=seed)
    rng = np.random.default_rng(seed)
    has = rng.random((rows, len(WORTH))) < 0.4
    names = [" ".join(word for word, one in zip(WORTH, row, strict=True) if one) for row in has]
    columns["trim"] = text_array(names)
    return columns, price * np.exp(has @ np.array(list(WORTH.values())))


def test_a_title_never_seen_takes_the_worth_of_its_words():
    columns, price = trims(2000, seed=2)
    unseen = np.array(["leather roof" in trim for trim in columns["trim"]])
    columns["stock_type"][:] = "Used"
    train = {name: values[~unseen] for name, values in columns.items()}
    encoder = fit_all(train, price[~unseen], only=["word_encoder"])["word_encoder"]
    cars = {name: np.repeat(values[:1], 2) for name, values in columns.items()}
    cars |= {"make": text_array(["Astra"] * 2), "model": text_array(["Comet"] * 2)}
    cars["trim"] = text_array(["lx", "lx leather roof"])
    cars["price_encoder"] = np.zeros((2, 100), dtype=np.float32)
    plain, rich = encoder.transform(cars)[:, 0].tolist()
    assert rich - plain == pytest.approx(0.35, abs=0.1)


def test_words_foretell_rows_that_they_did_not_learn_from():
    columns, price = trims(1500, seed=4)
    fitted = fit_all(columns, price, only=["word_encoder"])
    blocks = training_blocks(fitted, columns, price)
    inside = np.abs(np.log(price) - blocks["word_encoder"][:, 0]).mean()
    outside = np.abs(np.log(price) - blocks["price_encoder"][:, -2]).mean()  # price_expected
    assert inside < 0.9 * outside


def test_no_row_is_encoded_by_the_price_of_its_own_vehicle():
    columns, price = invented(300)
    changed = price.copy()
    changed[7] *= 50
    before, after = (
        training_blocks(fit_all(columns, each, only=["word_encoder"]), columns, each)
        for each in (price, changed)
    )
    own = columns["vehicle"] == columns["vehicle"][7]
    assert np.array_equal(before["word_encoder"][own], after["word_encoder"][own])
    assert not np.array_equal(before["word_encoder"], after["word_encoder"])
