"""Trees as arrays give CatBoost's bits, and leave alone what they cannot tell exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carprice_assets.features import walk
from carprice_assets.regressors import oblivious
from carprice_assets.regressors.oblivious import ObliviousTrees
from carprice_assets.regressors.serving import load_catboost, run_catboost, save_catboost

COLUMNS = 7


pytestmark = pytest.mark.usefixtures("how")
in_c = pytest.mark.parametrize("how", ["compiled"], indirect=True)


def fitted(folder: Path, **parameters: Any) -> Any:
    """A small model, saved and loaded as a release has it."""
    import catboost

    rng = np.random.default_rng(1)
    rows = rng.normal(size=(800, COLUMNS)).astype(np.float32)
    target = rows[:, 0] * 2 + np.sin(rows[:, 1] * 3) + rng.normal(size=800) * 0.1 + 10
    given = {"iterations": 60, "depth": 6, "allow_writing_files": False, "thread_count": 1}
    model = catboost.CatBoostRegressor(**(given | parameters))
    model.fit(rows, target, verbose=False)
    save_catboost(model, folder / "model.cbm")
    return load_catboost(folder / "model.cbm")


@pytest.mark.parametrize("depth", [1, 6, 8, 9])
def test_bits_are_catboosts_in_any_batch(tmp_path: Path, depth: int) -> None:
    model = fitted(tmp_path, depth=depth)
    trees = ObliviousTrees.of(model)
    assert trees is not None
    assert trees.bits == (16 if depth == 9 else 8)
    rows = np.random.default_rng(2).normal(size=(300, COLUMNS)).astype(np.float32)
    expected = model.predict(rows, thread_count=1)
    assert trees.predict(rows).tobytes() == expected.tobytes()
    for row in range(40):  # also where a block of eight is not full
        alone = rows[row : row + 1]
        assert trees.predict(alone)[0] == expected[row]
        assert run_catboost(model, alone, trees)[0] == run_catboost(model, alone)[0]


def test_a_row_on_a_border_falls_as_in_catboost(tmp_path: Path) -> None:
    model = fitted(tmp_path)
    trees = ObliviousTrees.of(model)
    assert trees is not None
    rows = np.zeros((50, COLUMNS), np.float32)
    for column, borders in model.get_borders().items():
        rows[:, column] = np.resize(np.array(borders, np.float32), 50)
    assert trees.predict(rows).tobytes() == model.predict(rows, thread_count=1).tobytes()


def test_other_trees_stay_catboosts(tmp_path: Path) -> None:
    assert ObliviousTrees.of(fitted(tmp_path, grow_policy="Lossguide", max_leaves=8)) is None


def test_categories_stay_catboosts() -> None:
    import catboost

    model = catboost.CatBoostRegressor(iterations=5, allow_writing_files=False, thread_count=1)
    words = [[word, float(row)] for row, word in enumerate(["a", "b", "c", "d"] * 10)]
    model.fit(words, list(range(40)), cat_features=[0], verbose=False)
    assert ObliviousTrees.of(model) is None


def test_what_does_not_agree_with_catboost_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the order of CatBoost's own file should change."""
    model = fitted(tmp_path)
    true = oblivious._splits

    def turned(data: bytes) -> Any:
        splits, sizes = true(data)
        return splits[::-1].copy(), sizes

    monkeypatch.setattr(oblivious, "_splits", turned)
    assert ObliviousTrees.of(model) is None


def test_rows_too_narrow_for_the_trees_are_refused(tmp_path: Path) -> None:
    trees = ObliviousTrees.of(fitted(tmp_path))
    assert trees is not None
    with pytest.raises(ValueError, match="columns for trees that ask for 7"):
        trees.predict(np.zeros((3, 1), np.float32))


@in_c
def test_arrays_that_do_not_fit_are_refused_in_c(tmp_path: Path) -> None:
    trees = ObliviousTrees.of(fitted(tmp_path))
    assert trees is not None
    rows = np.zeros((3, COLUMNS), np.float32)
    columns, borders = trees._asked
    out = np.empty(3)
    for wrong in (
        (rows[:, :1].copy(), columns, borders, trees.sizes, trees.leaves, out),
        (rows, columns[:-1], borders, trees.sizes, trees.leaves, out),
        (rows, columns, borders, trees.sizes, trees.leaves[:-1], out),
        (rows, columns, borders, trees.sizes, trees.leaves, out[:-1]),
        (rows, columns, borders, trees.sizes + 17, trees.leaves, out),
        (rows.astype(np.float64), columns, borders, trees.sizes, trees.leaves, out),
    ):
        with pytest.raises(ValueError, match=r"fit together|questions|items of"):
            walk.compiled.oblivious(*wrong)
