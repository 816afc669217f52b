"""Boosted trees as a CatBoost model, which evaluates them in compiled code.

Numpy walks a thousand trees of a hundred leaves at some hundred microseconds a row. CatBoost
reads trees of any shape from its JSON format, and is there anyway: nothing else need be served.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.trees import TreeArrays

Node = dict[str, Any]


def catboost_of(trees: TreeArrays, columns: int, base: float) -> Any:
    """A CatBoost model that gives ``base`` plus the sum of the trees' leaves.

    Parameters
    ----------
    trees
        Over features that are never missing: CatBoost sends a missing one left or right by
        the feature, ``trees`` by the node.
    columns
        Features of a row.
    """
    import catboost

    borders, place = _borders(trees, columns)
    content = {
        "features_info": {
            "float_features": [_feature(column, known) for column, known in enumerate(borders)]
        },
        # CatBoost complains, each time it reads a model, of one that states no parameter at all.
        "model_info": {"params": {"flat_params": {"loss_function": "RMSE"}}},
        "scale_and_bias": [1, [base]],
        "trees": _nested(trees, place),
    }
    model: Any = catboost.CatBoost()
    with tempfile.TemporaryDirectory(prefix="carprice-trees-") as folder:
        file = Path(folder) / "model.json"
        file.write_text(json.dumps(content), encoding="utf-8")
        model.load_model(str(file), format="json")
    return model


def _borders(trees: TreeArrays, columns: int) -> tuple[list[NDArray[np.float32]], NDArray[np.intp]]:
    """Each feature's thresholds in order, and of each split its place among all of them."""
    split = trees.left != np.arange(len(trees.left))
    borders: list[NDArray[np.float32]] = []
    place = np.zeros(len(trees.left), np.intp)
    before = 0
    for column in range(columns):
        asked = split & (trees.feature == column)
        known = np.unique(trees.threshold[asked])
        place[asked] = before + np.searchsorted(known, trees.threshold[asked])
        before += len(known)
        borders.append(known)
    return borders, place


def _feature(column: int, borders: NDArray[np.float32]) -> Node:
    return {
        "borders": borders.astype(np.float64).tolist(),
        "feature_id": "",
        "feature_index": column,
        "flat_feature_index": column,
        "has_nans": False,
        "nan_value_treatment": "AsIs",
    }


def _nested(trees: TreeArrays, place: NDArray[np.intp]) -> list[Node]:
    """Each tree's root with its children within it."""
    left, column = trees.left.tolist(), trees.feature.tolist()
    threshold, value = trees.threshold.astype(np.float64).tolist(), trees.value.tolist()
    index = place.tolist()
    nodes: list[Node] = [{} for _ in left]
    for row, child in enumerate(left):
        if child == row:
            nodes[row].update(value=value[row], weight=1)
            continue
        split = {
            "border": threshold[row],
            "float_feature_index": column[row],
            "split_index": index[row],
            "split_type": "FloatFeature",
        }
        nodes[row].update(left=nodes[child], right=nodes[child + 1], split=split)
    return [nodes[root] for root in trees.roots.tolist()]
