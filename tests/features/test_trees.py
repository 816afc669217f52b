"""The numpy evaluator against scikit-learn, and its bits in any batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.features.trees import CELLS, TreeArrays, isolation_trees


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(900, 6)).astype(np.float32)
    features[rng.random(features.shape) < 0.1] = np.nan
    return features, np.nansum(features, axis=1) + rng.normal(size=900)


@pytest.fixture(scope="module")
def forest(table: tuple[np.ndarray, np.ndarray]) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(40, min_samples_leaf=2, random_state=0).fit(*table)


def test_agrees_with_scikit_learn_also_where_values_are_missing(forest, table):
    features, _ = table
    trees = TreeArrays.from_sklearn(forest.estimators_)
    assert np.isnan(features).any()
    np.testing.assert_allclose(trees.predict(features), forest.predict(features), rtol=1e-12)


def test_agrees_on_the_threshold_itself(forest):
    trees = TreeArrays.from_sklearn(forest.estimators_)
    inner = forest.estimators_[0].tree_
    edges = inner.threshold[inner.feature >= 0]
    rows = np.nan_to_num(np.resize(edges, (60, 6)), posinf=0, neginf=0).astype(np.float32)
    np.testing.assert_allclose(trees.predict(rows), forest.predict(rows), rtol=1e-12)


def test_a_row_has_the_same_bits_alone_in_a_batch_and_shuffled(forest, table):
    features = np.resize(table[0], (CELLS // 40 * 2 + 7, 6))  # more than two slices
    trees = TreeArrays.from_sklearn(forest.estimators_)
    batch = trees.predict(features)
    order = np.random.default_rng(1).permutation(len(features))
    assert np.array_equal(trees.predict(features[order]), batch[order])
    for row in (0, 1, 17, len(features) - 1):
        assert trees.predict(features[row : row + 1])[0] == batch[row]
        assert trees.predict(np.asfortranarray(features)[row : row + 3])[0] == batch[row]


def test_isolation_forest_gives_the_same_scores(table):
    from sklearn.ensemble import IsolationForest

    features = np.nan_to_num(table[0])
    forest = IsolationForest(n_estimators=50, max_samples=128, random_state=0).fit(features)
    trees = isolation_trees(forest)
    typical = 2 * (np.log(127) + np.euler_gamma) - 2 * 127 / 128
    ours = -np.exp2(-trees.path_length(features) / typical)
    np.testing.assert_allclose(ours, forest.score_samples(features), rtol=1e-9)


def test_arrays_go_through_files(forest, table, tmp_path):
    trees = TreeArrays.from_sklearn(forest.estimators_, dtype=np.float32)
    for name, array in trees.arrays().items():
        np.save(tmp_path / f"{name}.npy", array, allow_pickle=False)
    back = TreeArrays.from_arrays({p.stem: np.load(p) for p in tmp_path.glob("*.npy")})
    assert np.array_equal(back.predict(table[0]), trees.predict(table[0]))
    np.testing.assert_allclose(back.predict(table[0]), forest.predict(table[0]), rtol=1e-5)


def test_a_single_leaf_and_no_rows():
    from sklearn.ensemble import RandomForestRegressor

    features = np.zeros((4, 2), dtype=np.float32)
    forest = RandomForestRegressor(3, random_state=0).fit(features, np.full(4, 2.5))
    trees = TreeArrays.from_sklearn(forest.estimators_)
    assert trees.predict(features).tolist() == [2.5] * 4
    assert trees.predict(features[:0]).shape == (0,)


def test_mixed_arrays_are_refused(forest):
    arrays = TreeArrays.from_sklearn(forest.estimators_).arrays()
    with pytest.raises(UserError, match="do not belong together"):
        TreeArrays.from_arrays(arrays | {"left": arrays["left"][:-3]})
