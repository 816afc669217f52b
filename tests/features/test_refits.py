"""Transformers that have seen more than the training part."""

from __future__ import annotations

import numpy as np
import pytest
from invented_cars import Sample, invented

from carprice_assets.features.base import Transformer
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.fit import fit_one
from carprice_assets.features.refits import foreign_states, told
from carprice_assets.features.registry import NAMES
from carprice_assets.listings.contract import Columns, take

LEARNS_NO_ROWS = {
    *("model_hasher", "drivetrain_encoder", "bodystyle_encoder", "fuel_type_encoder"),
    *("stock_type_encoder", "market_features", "dealer_encoder"),
}
"""Those with closed vocabularies, and those that find nothing to learn from invented cars."""


@pytest.fixture(scope="module")
def training(feature_set: FeatureSet, cars: Sample) -> Columns:
    """The training part with the blocks of its transformers."""
    return feature_set.training_blocks(*cars)


def test_honest_transformers_come_out_as_they_are(
    feature_set: FeatureSet, training: Columns, cars: Sample
) -> None:
    assert foreign_states(feature_set.transformers, training, cars[1]) == ()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LEARNS_NO_ROWS])
def test_one_that_saw_the_other_sides_is_named(
    fitted: dict[str, Transformer], training: Columns, cars: Sample, name: str
) -> None:
    columns, price = cars
    other, other_price = invented(60, seed=9)
    both = {field: np.concatenate([columns[field], other[field]]) for field in columns}
    leaky = fit_one(name, both, np.concatenate([price, other_price]), fitted)
    found = foreign_states({**fitted, name: leaky}, training, price)
    assert name in found
    assert told(found).startswith(found[0])


def test_one_car_more_is_enough(
    fitted: dict[str, Transformer], training: Columns, cars: Sample
) -> None:
    columns, price = cars
    rows = np.append(np.arange(len(price)), 7)
    twice = take(columns, rows)
    leaky = fit_one("price_encoder", twice, price[rows], fitted)
    assert "price_encoder" in foreign_states({**fitted, "price_encoder": leaky}, training, price)
