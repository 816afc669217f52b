"""Trees that LightGBM or XGBoost has grown, as the tree arrays that serve."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.trees import TreeArrays


@dataclass(frozen=True)
class GrownTree:
    """One tree in the terms of scikit-learn's ``tree_``; children of a leaf are -1."""

    children_left: NDArray[np.int64]
    children_right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_go_to_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    max_depth: int

    @property
    def node_count(self) -> int:
        return len(self.feature)


def arrays_of(trees: Sequence[GrownTree]) -> TreeArrays:
    """All trees as arrays whose mean, times their number, is the sum of their leaves."""
    return TreeArrays.from_sklearn(trees, lambda tree: tree.value)


def lightgbm_trees(booster: Any, iterations: int) -> list[GrownTree]:
    """The first ``iterations`` trees of a LightGBM booster without categories."""
    dump = booster.dump_model(num_iteration=iterations)
    return [_flattened(_lightgbm_node(tree["tree_structure"])) for tree in dump["tree_info"]]


def xgboost_trees(booster: Any, iterations: int) -> tuple[list[GrownTree], float]:
    """The first ``iterations`` trees of an XGBoost booster, and what their sum is added to."""
    dump = booster[:iterations].get_dump(dump_format="json")
    names = {name: place for place, name in enumerate(booster.feature_names or [])}
    trees = [_flattened(_xgboost_node(json.loads(text), names)) for text in dump]
    settings = json.loads(booster.save_config())
    base = settings["learner"]["learner_model_param"]["base_score"]
    return trees, float(str(base).strip("[]"))


Node = tuple[int, float, bool, Any, Any] | float
"""Feature, threshold (``<=`` goes left), NaN goes left, left, right; or a leaf's value."""


def _lightgbm_node(node: Mapping[str, Any]) -> Node:
    if "leaf_value" in node:
        return float(node["leaf_value"])
    if node["decision_type"] != "<=":
        raise ValueError(f"a split by {node['decision_type']!r} is no comparison of numbers")
    return (
        int(node["split_feature"]),
        float(node["threshold"]),
        bool(node["default_left"]),
        _lightgbm_node(node["left_child"]),
        _lightgbm_node(node["right_child"]),
    )


def _xgboost_node(node: Mapping[str, Any], names: Mapping[str, int]) -> Node:
    if "leaf" in node:
        return float(node["leaf"])
    children = {child["nodeid"]: child for child in node["children"]}
    name = str(node["split"])
    # XGBoost goes left below the float32 threshold; the greatest number below it is ours.
    below = np.nextafter(np.float32(node["split_condition"]), np.float32(-np.inf))
    return (
        names[name] if name in names else int(name.removeprefix("f")),
        float(below),
        node["missing"] == node["yes"],
        _xgboost_node(children[node["yes"]], names),
        _xgboost_node(children[node["no"]], names),
    )


def _flattened(root: Node) -> GrownTree:
    rows: list[list[float]] = []
    deepest = 0
    waiting: list[tuple[Node, int, int, int]] = [(root, -1, 0, 0)]
    while waiting:
        node, parent, side, depth = waiting.pop()
        deepest = max(deepest, depth)
        place = len(rows)
        if parent >= 0:
            rows[parent][side] = place
        if not isinstance(node, tuple):
            rows.append([-1, -1, 0, 0.0, 1.0, node])
            continue
        feature, threshold, missing_left, left, right = node
        rows.append([-1, -1, feature, threshold, float(missing_left), 0.0])
        waiting += [(right, place, 1, depth + 1), (left, place, 0, depth + 1)]
    table = np.array(rows, np.float64)
    return GrownTree(
        children_left=table[:, 0].astype(np.int64),
        children_right=table[:, 1].astype(np.int64),
        feature=table[:, 2].astype(np.int64),
        threshold=table[:, 3],
        missing_go_to_left=table[:, 4] > 0,
        value=table[:, 5],
        max_depth=deepest,
    )
