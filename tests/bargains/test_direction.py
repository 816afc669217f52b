"""The reference direction and nearness in error space."""

from __future__ import annotations

import numpy as np
import pytest

from carprice_assets.bargains.direction import Direction
from carprice_assets.bargains.evidence import field_of
from carprice_assets.bargains.inputs import LEFT_OUT
from carprice_assets.errors import UserError
from carprice_assets.features.registry import MATRIX, create
from carprice_assets.features.switches import OPEN
from carprice_assets.listings.contract import FIELDS

NAMES = ("mileage", "year", "price")


def rows(*errors: tuple[float, float, float]) -> np.ndarray:
    return np.array(errors, np.float32)


def test_a_low_price_with_all_else_as_expected_is_nearest() -> None:
    direction = Direction.parse(["price-"])
    errors = rows((0, 0, -4), (0, 0, 4), (3, -3, -4), (0, 0, 0))
    far = direction.distance(errors, NAMES, reach=4, rest_weight=1)
    assert far[0] == 0
    assert np.argmin(far) == 0
    assert far[2] < far[3] < far[1]


def test_the_weight_of_the_rest_counts() -> None:
    direction = Direction.parse(["price-"])
    errors = rows((4, 4, -4))
    assert direction.distance(errors, NAMES, reach=4, rest_weight=0)[0] == 0
    assert direction.distance(errors, NAMES, reach=4, rest_weight=1)[0] == pytest.approx(4)


def test_any_feature_and_sign_may_be_the_direction() -> None:
    direction = Direction.parse(["mileage+", "price-"])
    assert direction.texts == ("mileage+", "price-")
    assert direction.along(rows((2, 9, -4)), NAMES)[0] == pytest.approx(3)
    assert direction.along(rows((2, 9, 4)), NAMES)[0] == pytest.approx(-1)
    assert direction.rest(rows((2, 3, -4)), NAMES)[0] == pytest.approx(3)


def test_an_unknown_feature_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="horn"):
        Direction.parse(["horn-"]).vector(NAMES)


@pytest.mark.parametrize(
    ("feature", "field"),
    [
        ("model_hash_17", "model"), ("make_land_rover", "make"), ("price", "price"),
        ("price_title_year_new", "usual_price"), ("mileage_per_year", "mileage"), ("age", "year"),
        ("market.range_km.missing", "range_km"), ("exterior_color_3", "exterior_color"),
        ("bodystyle_suv", "bodystyle"), ("what_is_new", "what_is_new"), ("msrp", "msrp"),
    ],
)  # fmt: skip
def test_a_feature_is_told_as_the_field_it_is_made_of(feature: str, field: str) -> None:
    assert field_of(feature) == field


def test_evidence_names_each_field_once_by_its_largest_error() -> None:
    names = ("model_hash_1", "model_hash_2", "age", "year", "make_kia", "mileage", "price")
    errors = np.array([3, -5, 1, 2, 0.5, 0.1, -2], np.float32)
    told = Direction.parse(["price-"]).evidence(errors, names)
    assert list(told.items()) == [("price", -2.0), ("model", -5.0), ("year", 2.0), ("make", 0.5)]


def test_every_feature_that_an_autoencoder_may_read_has_a_field() -> None:
    plain = {field.name for field in FIELDS} | {"price", "usual_price", "day_seen"}
    for name in MATRIX:
        for feature in () if name in OPEN else create(name).feature_names:
            assert feature.startswith(LEFT_OUT) or field_of(feature) in plain, feature


def test_evidence_tells_the_direction_first_then_the_largest() -> None:
    told = Direction.parse(["price-"]).evidence(rows((0.5, -2, -4))[0], NAMES)
    assert list(told.items()) == [("price", -4.0), ("year", -2.0), ("mileage", 0.5)]
