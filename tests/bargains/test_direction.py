"""The reference direction and nearness in error space."""

from __future__ import annotations

import numpy as np
import pytest

from carprice_assets.bargains.direction import Direction
from carprice_assets.errors import UserError

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


def test_evidence_tells_the_direction_first_then_the_largest() -> None:
    told = Direction.parse(["price-"]).evidence(rows((0.5, -2, -4))[0], NAMES)
    assert list(told.items()) == [("price", -4.0), ("year", -2.0), ("mileage", 0.5)]
