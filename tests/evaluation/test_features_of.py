"""Which columns a regressor is shown when it is judged."""

from __future__ import annotations

import numpy as np

from carprice_assets.evaluation.behaviour import features_of
from carprice_assets.listings.contract import text_array


def test_a_regressor_sees_the_markets_own_features_and_no_price() -> None:
    words, numbers = text_array(["a", "b"]), np.array([1.0, 2.0])
    columns = dict.fromkeys(("make", "listing_id", "vehicle", "source", "gearbox"), words)
    columns |= dict.fromkeys(("year", "price", "power"), numbers)
    columns["imputer"] = np.zeros((2, 3), np.float32)
    assert set(features_of(columns)) == {"make", "year", "gearbox", "power"}
