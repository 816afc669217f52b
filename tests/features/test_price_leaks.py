"""Copies of the price among the features, and what is no copy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from invented_cars import Sample

from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.price_leaks import LEAST_ROWS, price_leaks, told

Numbers = np.ndarray
COPIES: dict[str, Callable[[Numbers], Numbers]] = {
    "the price": lambda price: price,
    "in another currency": lambda price: price * 0.92,
    "a monthly rate": lambda price: price / 60 + 15,
    "negative": lambda price: -price,
    "in logs": np.log,
    "less a fee": lambda price: price - 895,
    "its rank": lambda price: np.argsort(np.argsort(price)).astype(float),
    "rounded": lambda price: np.round(price, -1),
}


@pytest.fixture(scope="module")
def encoded(feature_set: FeatureSet, cars: Sample) -> tuple[Numbers, list[str], Numbers]:
    """Matrix of the training part, names and stock types."""
    matrix = feature_set.transform_training(*cars)
    return matrix, list(feature_set.feature_names), cars[0]["stock_type"]


def test_no_encoding_tells_the_price(encoded: tuple, cars: Sample) -> None:
    matrix, names, kinds = encoded
    assert price_leaks(matrix, names, cars[1], kinds) == ()


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_found_and_named(encoded: tuple, cars: Sample, copy: str) -> None:
    matrix, names, kinds = encoded
    column = COPIES[copy](cars[1]).astype(np.float32)
    leaks = price_leaks(np.column_stack([matrix, column]), [*names, "amount"], cars[1], kinds)
    assert {leak.feature for leak in leaks} == {"amount"}
    assert "amount tells the price of" in leaks[0].line


def test_a_copy_known_of_few_cars_is_found(encoded: tuple, cars: Sample) -> None:
    matrix, names, kinds = encoded
    missing = np.random.default_rng(3).random(len(cars[1])) < 0.7
    column = np.where(missing, np.median(cars[1]), cars[1])
    leaky = np.column_stack([matrix, column, missing]).astype(np.float32)
    leaks = price_leaks(leaky, [*names, "amount", "amount.missing"], cars[1], kinds)
    assert {leak.feature for leak in leaks} == {"amount"}


def test_dealers_may_ask_the_msrp_of_new_cars_but_not_of_used_ones() -> None:
    rng = np.random.default_rng(5)
    price = rng.uniform(10e3, 60e3, 1_000).round()
    asked = np.where(rng.random(1_000) < 0.8, price, price * 1.1)
    matrix = asked.astype(np.float32)[:, None]
    assert price_leaks(matrix, ["msrp"], price, np.full(1_000, "New", object)) == ()
    (leak,) = price_leaks(matrix, ["msrp"], price, np.full(1_000, "Used", object))
    assert 0.75 < leak.share < 0.85
    (leak,) = price_leaks(
        price.astype(np.float32)[:, None], ["msrp"], price, np.full(1_000, "New", object)
    )
    assert leak.share == 1.0


def test_a_good_predictor_is_no_copy() -> None:
    rng = np.random.default_rng(6)
    price = np.exp(rng.normal(10, 0.5, 4_000))
    assert told(price * np.exp(rng.normal(0, 0.03, 4_000)), np.log(price)) < 0.15


def test_cars_that_all_cost_alike_are_no_leak() -> None:
    price = np.full(200, 9_999.0)
    matrix = np.random.default_rng(1).integers(0, 3, (200, 2)).astype(np.float32)
    assert price_leaks(matrix, ["a", "b"], price, np.full(200, "Used", object)) == ()


def test_too_few_cars_prove_nothing() -> None:
    price = np.linspace(5e3, 6e4, LEAST_ROWS - 1)
    kinds = np.full(len(price), "Used", object)
    assert price_leaks(price.astype(np.float32)[:, None], ["a"], price, kinds) == ()
