"""Trees that CatBoost evaluates give what the arrays give, one by one or together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carprice_assets.features.trees import TreeArrays
from carprice_assets.regressors.boosted_trees import arrays_of, lightgbm_trees, xgboost_trees
from carprice_assets.regressors.compiled_trees import catboost_of
from carprice_assets.regressors.serving import (
    BoostedForm,
    CatBoostForm,
    load_serving_form,
    save_catboost,
    save_trees,
    write_form,
)

COLUMNS = 5


def grown(library: str, features: np.ndarray[Any, Any]) -> tuple[TreeArrays, float]:
    """Trees of some library on a target with steps and a column that tells nothing."""
    target = 10 + features[:, 0] * features[:, 1] + (features[:, 2] > 0.5)
    if library == "lightgbm":
        import lightgbm

        model = lightgbm.LGBMRegressor(n_estimators=30, num_leaves=63, verbose=-1, n_jobs=1)
        model.fit(features, target)
        return arrays_of(lightgbm_trees(model.booster_, 30)), 0.0
    import xgboost

    boosted = xgboost.XGBRegressor(n_estimators=30, max_depth=7, n_jobs=1).fit(features, target)
    trees, base = xgboost_trees(boosted.get_booster(), 30)
    return arrays_of(trees), base


def drawn(rows: int, seed: int) -> np.ndarray[Any, Any]:
    """Values that repeat, so that rows stand on the thresholds too."""
    values = np.random.default_rng(seed).random((rows, COLUMNS))
    return np.round(values, 2).astype(np.float32)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_catboost_gives_what_the_arrays_give(
    library: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trees, base = grown(library, drawn(2_000, 1))
    model = catboost_of(trees, COLUMNS, base)
    features = drawn(3_000, 2)
    wanted = np.exp(trees.predict(features) * len(trees.roots) + base)
    np.testing.assert_allclose(CatBoostForm(model).predict(features), wanted, rtol=1e-12)
    # Kept and read again, and of each row alone, the bits are the same.
    save_catboost(model, tmp_path / "model.cbm")
    write_form(tmp_path, "catboost", [f"f{i}" for i in range(COLUMNS)])
    form = load_serving_form(tmp_path, [f"f{i}" for i in range(COLUMNS)])
    together = form.predict(features[:100])
    alone = [float(form.predict(features[i : i + 1])[0]) for i in range(100)]
    assert together.tolist() == alone
    assert "".join(capfd.readouterr()) == "", "CatBoost has nothing to remark"


def test_trees_of_one_leaf() -> None:
    trees = arrays_of(lightgbm_trees(_Constant(), 2))
    priced = CatBoostForm(catboost_of(trees, 2, 1.0)).predict(np.zeros((3, 2), np.float32))
    np.testing.assert_allclose(priced, np.exp(4.0), rtol=1e-15)


class _Constant:
    """A booster that never split."""

    def dump_model(self, num_iteration: int) -> dict[str, Any]:
        return {"tree_info": [{"tree_structure": {"leaf_value": 1.5}}] * num_iteration}


def test_arrays_of_earlier_releases_still_answer(tmp_path: Path) -> None:
    trees, base = grown("xgboost", drawn(500, 1))
    names = [f"f{i}" for i in range(COLUMNS)]
    save_trees(tmp_path, trees)
    write_form(tmp_path, "boosted_trees", names, {"base": base})
    features = drawn(50, 2)
    np.testing.assert_array_equal(
        load_serving_form(tmp_path, names).predict(features),
        BoostedForm(trees, base).predict(features),
    )
