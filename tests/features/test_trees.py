"""Tree arrays against scikit-learn, and their bits in any batch, in C and in numpy."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.features import walk
from carprice_assets.features.trees import CELLS, TreeArrays, isolation_trees
from carprice_assets.features.walk import _built

pytestmark = pytest.mark.usefixtures("how")
in_c = pytest.mark.parametrize("how", ["compiled"], indirect=True)


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


@in_c
def test_both_ways_give_the_same_bits(forest, table, monkeypatch):
    rows = np.nan_to_num(np.resize(table[0], (3000, 6)))
    for dtype in (np.float32, np.float64):
        arrays = TreeArrays.from_sklearn(forest.estimators_, dtype=dtype).arrays()
        trees = TreeArrays.from_arrays(arrays)
        compiled = [trees.predict(part) for part in (rows, table[0], rows[:1], table[0][5:6])]
        with monkeypatch.context() as patch:
            patch.setattr(walk, "compiled", None)
            other = TreeArrays.from_arrays(arrays)
            for found, part in zip(compiled, (rows, table[0], rows[:1], table[0][5:6])):
                assert found.tobytes() == trees.predict(part).tobytes()
                assert found.tobytes() == other.predict(part).tobytes()


@in_c
@pytest.mark.parametrize(
    ("name", "value"),
    [("feature", 6), ("feature", -1), ("left", 1 << 30), ("left", 2**31 - 1), ("left", -5)],
)
def test_nothing_beyond_the_arrays_is_read_in_c(forest, table, name, value):
    """Also where :class:`TreeArrays` did not look."""
    trees = TreeArrays.from_sklearn(forest.estimators_)
    assert trees._width == 6  # looked up before a tree is broken
    getattr(trees, name)[int(trees.roots[1])] = value
    with pytest.raises(ValueError, match="leads out of its tree"):
        trees.predict(table[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("feature", -1), ("left", 1 << 30), ("left", 2**31 - 1), ("left", -1)),
        *(("roots", 1 << 30), ("roots", -1), ("depth", -1), ("depth", 1 << 30)),
    ],
)
def test_arrays_that_lead_out_of_themselves_are_refused(forest, name, value):
    arrays = {k: a.copy() for k, a in TreeArrays.from_sklearn(forest.estimators_).arrays().items()}
    arrays[name][0] = value
    with pytest.raises(UserError, match="do not belong together"):
        TreeArrays.from_arrays(arrays)


def test_rows_too_narrow_for_the_trees_are_refused(forest, table):
    trees = TreeArrays.from_sklearn(forest.estimators_)
    for rows in (table[0][:3, :5], table[0][:1, :0]):
        with pytest.raises(ValueError, match="columns for trees that ask for 6"):
            trees.predict(rows)


@in_c
def test_a_tree_without_an_end_is_left(forest, table):
    trees = TreeArrays.from_sklearn(forest.estimators_)
    trees.left[trees.left[0]] = trees.left[trees.left[0] + 1] = 0
    with pytest.raises(ValueError, match="leads out of its tree"):
        trees.predict(table[0])


@in_c
def test_arrays_of_other_sizes_and_kinds_are_refused_in_c(forest, table):
    trees = TreeArrays.from_sklearn(forest.estimators_)
    given = [trees.feature, trees.threshold, trees.left, trees.missing_left, trees.value]
    out = np.empty(len(table[0]))
    call = walk.compiled.forest
    for wrong in (
        (table[0], *given, trees.roots, trees.depth, out[:-1]),
        (table[0], given[0][:-1], *given[1:], trees.roots, trees.depth, out),
        (table[0], *given[:-1], given[-1].astype(np.float16), trees.roots, trees.depth, out),
        (table[0].astype(np.float64), *given, trees.roots, trees.depth, out),
        (table[0][0], *given, trees.roots, trees.depth, out[:1]),
    ):
        with pytest.raises(ValueError, match=r"do not fit together|items of"):
            call(*wrong)
    with pytest.raises(TypeError, match="takes 9 values"):
        call(table[0])


def test_the_extension_is_there_where_a_compiler_is():
    """Else every test of it would skip, and nobody would notice."""
    if shutil.which("cc") or shutil.which("gcc"):
        assert _built() is not None


@pytest.mark.parametrize("fault", ["missing", "broken", "old"])
def test_without_a_fitting_extension_numpy_goes_on(monkeypatch, caplog, fault):
    def found(name):
        if fault == "old":
            return object()
        raise ModuleNotFoundError(name) if fault == "missing" else ImportError("file too short")

    monkeypatch.setattr(walk, "import_module", found)
    assert _built() is None
    assert ("walked by numpy" in caplog.text) == (fault != "missing")
