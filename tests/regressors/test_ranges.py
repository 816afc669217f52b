"""Ranges: the stated share of prices within, wide where the regressor knows little."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.listings.contract import text_array
from carprice_assets.regressors.ranges import FLOOR, Ranges, Scale, conformal

NAMES = ("noise", "code_make", "price_expected", "price_from_msrp")


def drawn(rows: int, seed: int) -> tuple[Any, Any, Any, Any]:
    """A matrix, prices, predictions and stock types; residuals grow with the first column."""
    rng = np.random.default_rng(seed)
    predicted = 30_000 * np.exp(rng.normal(0, 0.4, rows))
    level = rng.uniform(0, 1, rows)
    price = predicted * np.exp(rng.normal(0, 0.02 + 0.2 * level**2))
    matrix = np.column_stack(
        [level, rng.integers(0, 9, rows), np.log(predicted), np.log(predicted) + 0.1]
    )
    kinds = text_array([str(kind) for kind in rng.choice(["New", "Used"], rows)])
    return matrix.astype(np.float32), price, predicted, kinds


def fitted(rows: int = 6_000, names: tuple[str, ...] = NAMES) -> Scale:
    matrix, price, predicted, _ = drawn(rows, 1)
    residual = np.abs(np.log(price / predicted))
    places = [NAMES.index(name) for name in names]
    return Scale.fit(matrix[:, places], names, residual, predicted, coverage=0.9, seed=1, threads=1)


@pytest.fixture(scope="module")
def ranges() -> Ranges:
    scale = fitted()
    matrix, price, predicted, kinds = drawn(3_000, 2)
    off = np.abs(np.log(price / predicted))
    return Ranges(scale, 0.9, conformal(off, scale.of(matrix, predicted), kinds, 0.9))


def test_new_cars_are_covered_as_stated(ranges: Ranges) -> None:
    matrix, price, predicted, kinds = drawn(6_000, 3)
    low, high = ranges.ends(matrix, kinds, predicted)
    within = (low <= price) & (price <= high)
    assert 0.88 < within.mean() < 0.92
    for kind in ("New", "Used"):
        assert within[kinds == kind].mean() > 0.87
    assert ((low > 0) & (low < predicted) & (predicted < high)).all()
    assert np.allclose(low * high, predicted**2)


def test_ranges_are_wide_where_residuals_are(ranges: Ranges) -> None:
    matrix, price, predicted, kinds = drawn(6_000, 3)
    low, high = ranges.ends(matrix, kinds, predicted)
    width = (high - low) / predicted
    level = matrix[:, 0]
    assert np.median(width[level > 0.9]) > 3 * np.median(width[level < 0.2])
    off = np.sort(np.abs(np.log(price / predicted)))
    constant = 2 * np.sinh(off[int(0.9 * len(off))])
    assert np.median(width) < 0.8 * constant
    for part in (level < 0.33, level > 0.67):
        assert ((low <= price) & (price <= high))[part].mean() > 0.8


def test_a_range_does_not_depend_on_the_rows_beside_it(ranges: Ranges) -> None:
    matrix, _, predicted, kinds = drawn(400, 4)
    low, high = ranges.ends(matrix, kinds, predicted)
    for n in (0, 1, 399):
        alone = ranges.ends(matrix[n : n + 1], kinds[n : n + 1], predicted[n : n + 1])
        assert (alone[0][0], alone[1][0]) == (low[n], high[n])
    assert len(ranges.ends(matrix[:0], kinds[:0], predicted[:0])[0]) == 0


def test_no_end_without_a_price(ranges: Ranges) -> None:
    matrix, _, predicted, kinds = drawn(3, 4)
    predicted[1] = np.nan
    low, high = ranges.ends(matrix, kinds, predicted)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True, False]


def test_ends_stay_finite_however_wide(ranges: Ranges) -> None:
    matrix, _, predicted, kinds = drawn(5, 4)
    low, high = Ranges(ranges.scale, 0.9, {"": 1e9}).ends(matrix, kinds, predicted)
    assert (low > 0).all()
    assert np.isfinite(high).all()


def test_quantiles_are_those_of_split_conformal_prediction() -> None:
    off, one = np.arange(1, 200) / 100, np.ones(199)
    kinds = text_array(["New"] * 150 + ["Used"] * 49)
    found = conformal(off, one, kinds, 0.9)
    assert found[""] == off[179]  # ceil(200 * 0.9) = the 180th smallest of 199
    assert found["New"] == off[135]  # ceil(151 * 0.9) = the 136th of 150
    assert "Used" not in found  # too few for a quantile of their own


def test_few_calibration_cars_give_the_widest_seen() -> None:
    few = conformal(np.array([0.2, 0.5, 0.1]), np.ones(3), text_array(["New"] * 3), 0.9)
    assert few == {"": 0.5}
    exact = conformal(np.zeros(50), np.ones(50), text_array([""] * 50), 0.9)
    assert exact == {"": FLOOR}  # never a range of no width


def test_codes_are_not_read_and_columns_may_stand_elsewhere(ranges: Ranges) -> None:
    matrix, _, predicted, kinds = drawn(50, 5)
    assert ranges.scale.names == ("noise", "price_expected", "price_from_msrp")
    other = matrix.copy()
    other[:, 1] += 5
    assert np.array_equal(
        ranges.ends(matrix, kinds, predicted), ranges.ends(other, kinds, predicted)
    )
    turned = Scale.reading(ranges.scale.model, ranges.scale.names, NAMES[::-1])
    assert np.array_equal(
        turned.of(np.ascontiguousarray(matrix[:, ::-1]), predicted),
        ranges.scale.of(matrix, predicted),
    )


def test_switched_off_estimates_are_done_without() -> None:
    scale = fitted(300, ("noise", "code_make"))
    matrix, _, predicted, _ = drawn(20, 5)
    assert (scale.of(matrix[:, :2], predicted) > 0).all()


def test_ranges_are_kept_to_the_bit(ranges: Ranges, tmp_path: Path) -> None:
    assert Ranges.load(tmp_path, NAMES) is None
    ranges.save(tmp_path)
    loaded = Ranges.load(tmp_path, NAMES)
    assert loaded is not None
    matrix, _, predicted, kinds = drawn(300, 5)
    assert np.array_equal(
        loaded.ends(matrix, kinds, predicted), ranges.ends(matrix, kinds, predicted)
    )
    again = tmp_path / "again"
    again.mkdir()
    Ranges(fitted(), 0.9, ranges.quantiles).save(again)
    files = ("range/scale.cbm", "range/ranges.json")
    assert all((again / f).read_bytes() == (tmp_path / f).read_bytes() for f in files)
    with pytest.raises(UserError, match="fitted on the feature 'price_expected'"):
        Ranges.load(tmp_path, ("noise", "price_from_msrp"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "not of format 1"),
        ({"coverage": 1.5}, "coverage or quantiles"),
        ({"quantiles": {"New": 1.0}}, "coverage or quantiles"),
        ({"quantiles": {"": -1.0}}, "coverage or quantiles"),
        ({"quantiles": 7}, "malformed"),
        ({"feature_names": None}, "malformed"),
    ],
)
def test_malformed_ranges_are_refused(
    ranges: Ranges, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    ranges.save(tmp_path)
    head = tmp_path / "range" / "ranges.json"
    head.write_text(json.dumps(json.loads(head.read_bytes()) | change))
    with pytest.raises(UserError, match=told):
        Ranges.load(tmp_path, NAMES)
