"""Rows that are variants of cars: what they share is worked out once, to the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from invented_cars import invented

from carprice_assets.features.columns import VARIED, Table, gathered, named, texts
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.registry import NAMES
from carprice_assets.features.title_keys import all_titles, crosses
from carprice_assets.listings.contract import Columns, take
from carprice_assets.regressors.order import Order

CARS = 30


@pytest.fixture
def listed() -> dict[str, Any]:
    return invented(CARS, seed=4)[0]


def variants(cars: Columns) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    order = Order(first_year=2010, last_year=2024, new_mileage=500.0, last_observed=19_700.0)
    found = order.variants(cars)
    return found.columns, found.car


@pytest.mark.parametrize("name", NAMES)
def test_a_still_transformer_reads_nothing_that_varies(
    name: str, feature_set: FeatureSet, listed: dict[str, Any]
) -> None:
    transformer = feature_set.transformers[name]
    if not transformer.still:
        return
    rows, car = variants(listed)
    shared = {key: values for key, values in listed.items() if key not in VARIED}
    whole = transformer.transform(listed)
    assert whole.tobytes() == transformer.transform(shared).tobytes()
    assert whole.take(car, axis=0).tobytes() == transformer.transform(rows).tobytes()


@pytest.mark.parametrize("count", [1, CARS])
def test_variants_get_the_blocks_of_rows_of_their_own(
    feature_set: FeatureSet, listed: dict[str, Any], count: int
) -> None:
    part = take(listed, np.arange(count))
    rows, car = variants(part)
    table = Table(part)
    spread = feature_set.variant_blocks(table, rows, car)
    plain = feature_set.blocks(rows)
    assert set(spread) == set(plain)
    for name, values in plain.items():
        np.testing.assert_array_equal(spread[name], values, err_msg=name)
    assert feature_set.transform(spread).tobytes() == feature_set.transform(rows).tobytes()
    assert texts(spread, "stock_type") == rows["stock_type"].tolist()
    for read in (all_titles, crosses, named):
        assert read(spread) == read(rows)
    # What the cars share stands beside them, and fits.
    whole = feature_set.blocks(part)
    for name in set(table) - set(part):
        assert table[name].tobytes() == whole[name].tobytes()


def test_blocks_that_nobody_reads_are_not_made(
    feature_set: FeatureSet, listed: dict[str, Any]
) -> None:
    names = [name for name in feature_set.feature_names if not name.startswith(("code_", "word_"))]
    fewer = feature_set.reading(names)
    assert fewer.feature_names == tuple(names)
    assert "category_codes" not in fewer.blocks(listed)
    places = [feature_set.feature_names.index(name) for name in names]
    whole = feature_set.transform(listed)
    assert fewer.transform(listed).tobytes() == whole[:, places].tobytes()
    # The notes need blocks that the matrix may not.
    assert feature_set.reading(["words_expected"]).notes(listed) == feature_set.notes(listed)
    # The whole set takes what the narrow one made, and makes the rest.
    assert feature_set.transform(fewer.blocks(listed)).tobytes() == whole.tobytes()


def test_each_key_is_asked_once() -> None:
    asked: list[str] = []

    def row_of(key: str) -> np.ndarray[Any, Any]:
        asked.append(key)
        return np.array([len(key), 1.0], np.float32)

    found = gathered(["bb", "a", "bb", "ccc"], row_of, 2)
    assert found.tolist() == [[2, 1], [1, 1], [2, 1], [3, 1]]
    assert asked == ["bb", "a", "ccc"]
    assert gathered(["a"], row_of, 2).tolist() == [[1, 1]]
    assert gathered([], row_of, 2).shape == (0, 2)
