"""A forest as flat arrays, evaluated by a loop in C where it was built, else by numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features import walk

CELLS = 1 << 16  # rows times trees looked at together: what fits the processor's caches
MIXED = "tree arrays do not belong together: load the regressor's folder anew"
SMALL = 1 << 17  # nodes of a forest whose places are kept in the machine's own integers


@dataclass(frozen=True)
class TreeArrays:
    """Binary trees laid one after the other, each level by level.

    A node's right child follows its left child. A leaf is its own left child with threshold
    infinity, so that walking on from it changes nothing and no mask is needed.

    Attributes
    ----------
    feature
        int32 (nodes,): column to compare; 0 in leaves.
    threshold
        float32 (nodes,): ``x <= threshold`` goes left. Rounded down from scikit-learn's
        float64, which decides every float32 ``x`` alike.
    left
        int32 (nodes,): left child; the node itself in leaves.
    missing_left
        bool (nodes,): NaN goes left.
    value
        float32 or float64 (nodes,): what a leaf gives.
    roots
        int32 (trees,): where each tree begins.
    depth
        Steps from any root to its deepest leaf.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.floating[Any]]
    roots: NDArray[np.int32]
    depth: int

    @classmethod
    def from_sklearn(
        cls,
        trees: Sequence[Any],
        value: Callable[[Any], NDArray[np.float64]] | None = None,
        dtype: type[np.floating[Any]] = np.float64,
    ) -> TreeArrays:
        """Arrays of fitted scikit-learn tree estimators (or their ``tree_``).

        ``value`` gives one number a node of a ``tree_``; by default what the tree predicts.
        """
        value = value or _mean_of
        parts: list[tuple[NDArray[Any], ...]] = []
        roots: list[int] = []
        offset = depth = 0
        for tree in trees:
            inner = getattr(tree, "tree_", tree)
            parts.append(_laid_out(inner, value(inner), offset))
            roots.append(offset)
            offset += int(inner.node_count)
            depth = max(depth, int(inner.max_depth))
        joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
        return cls(
            feature=joined[0].astype(np.int32),
            threshold=joined[1].astype(np.float32),
            left=joined[2].astype(np.int32),
            missing_left=joined[3].astype(np.bool_),
            value=joined[4].astype(dtype),
            roots=np.array(roots, dtype=np.int32),
            depth=depth,
        )

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean of the trees' leaf values, float64 (rows,), for float32 (rows, columns).

        A row's bits do not depend on the other rows: the sum over the trees runs in the
        trees' order, which numpy's pairwise ``sum`` does not promise.

        Raises
        ------
        ValueError
            For rows of too few columns.
        """
        features = np.ascontiguousarray(features, dtype=np.float32)
        if features.shape[1] < self._width:
            raise ValueError(f"{features.shape[1]} columns for trees that ask for {self._width}")
        rows, trees = len(features), len(self.roots)
        if walk.compiled is not None:
            total = np.empty(rows, dtype=np.float64)
            nodes = self.feature, self.threshold, self.left, self.missing_left, self.value
            walk.compiled.forest(features, *nodes, self.roots, self.depth, total)
            return total / trees
        step = max(1, CELLS // max(1, trees))
        if rows <= step:
            return self._sums(features) / trees
        total = np.empty(rows, dtype=np.float64)
        for start in range(0, rows, step):
            total[start : start + step] = self._sums(features[start : start + step])
        return total / trees

    def _sums(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum of the trees' leaf values, (rows,)."""
        leaves = self.value.take(self._leaves(features)).astype(np.float64, copy=False)
        return np.add.accumulate(leaves, axis=1)[:, -1]

    def path_length(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean path length, for a forest made by :func:`isolation_trees`."""
        return self.predict(features)

    def _leaves(self, features: NDArray[np.float32]) -> NDArray[np.intp]:
        """The leaf of each row in each tree, shape (rows, trees)."""
        rows, width = features.shape
        cells = features.reshape(-1)
        missing = bool(np.isnan(cells).any())
        starts = np.arange(rows, dtype=np.intp)[:, None] * width if rows > 1 else 0
        feature, left, roots = self._places
        node = np.broadcast_to(roots, (rows, len(roots)))
        for _ in range(self.depth):
            at = feature.take(node, mode="clip")
            value = cells.take(starts + at if rows > 1 else at, mode="clip")
            right = value > self.threshold.take(node, mode="clip")
            if missing:
                right |= np.isnan(value) & ~self.missing_left.take(node)
            node = left.take(node, mode="clip") + right
        return node

    @cached_property
    def _width(self) -> int:
        """Columns that a row must have."""
        return int(self.feature.max(initial=-1)) + 1

    @cached_property
    def _places(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]:
        """``feature``, ``left`` and ``roots`` as numpy looks places up.

        The first two so only of a small forest: twice as fast, twice the memory.
        """
        roots = self.roots.astype(np.intp)
        if len(self.feature) > SMALL:
            return self.feature, self.left, roots
        return self.feature.astype(np.intp), self.left.astype(np.intp), roots

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for ``.npy`` files; :meth:`from_arrays` takes them back."""
        return {
            "feature": self.feature,
            "threshold": self.threshold,
            "left": self.left,
            "missing_left": self.missing_left,
            "value": self.value,
            "roots": self.roots,
            "depth": np.array([self.depth], dtype=np.int32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> TreeArrays:
        """A forest from what :meth:`arrays` gave.

        Raises
        ------
        UserError
            Where they do not hang together: a file was changed or mixed.
        """
        value = arrays["value"]
        trees = cls(
            *_side_by_side(arrays),
            value=np.ascontiguousarray(value, np.float32 if value.itemsize == 4 else np.float64),
            roots=np.ascontiguousarray(arrays["roots"], np.int32),
            depth=int(arrays["depth"][0]),
        )
        nodes = len(trees.feature)
        whole = len(trees.value) == nodes > 0 and len(trees.roots) > 0
        if whole:
            left = trees.left.astype(np.int64)
            last = int((left + (left != np.arange(nodes))).max())
            whole = int(left.min()) >= 0 and last < nodes and int(trees.feature.min()) >= 0
            whole &= int(trees.roots.min()) >= 0 and int(trees.roots.max()) < nodes
            whole &= 0 <= trees.depth <= nodes
        if not whole:
            raise UserError(MIXED)
        return trees


NODE = {"feature": np.int32, "threshold": np.float32, "left": np.int32, "missing_left": np.bool_}


def _side_by_side(arrays: Mapping[str, NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """The arrays of :data:`NODE`, all fields of a node in one place where C code walks them.

    A step then waits for memory once, not four times.
    """
    if len({len(arrays[name]) for name in NODE}) > 1:
        raise UserError(MIXED)
    if walk.compiled is None:
        yield from (np.ascontiguousarray(arrays[name], kind) for name, kind in NODE.items())
        return
    nodes = np.empty(len(arrays["left"]), np.dtype(list(NODE.items()), align=True))
    for name in NODE:
        nodes[name] = arrays[name]
        yield nodes[name]


def isolation_trees(forest: Any) -> TreeArrays:
    """A fitted IsolationForest, whose leaves give path lengths.

    A leaf at depth d that holds n training rows gives d + c(n), c being the mean path length
    of an unsuccessful search in a binary tree (Liu, Ting, Zhou, *Isolation Forest*, 2008).
    """

    def lengths(tree: Any) -> NDArray[np.float64]:
        return _depths(tree) + mean_path(np.asarray(tree.n_node_samples))

    return TreeArrays.from_sklearn(forest.estimators_, lengths)


def mean_path(samples: NDArray[Any]) -> NDArray[np.float64]:
    """c(n) of the isolation forest: 0 for n <= 1, 1 for 2, else 2 H(n-1) - 2 (n-1) / n."""
    n = np.maximum(samples.astype(np.float64), 3.0)
    long = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, long))


def _mean_of(tree: Any) -> NDArray[np.float64]:
    return np.asarray(tree.value, dtype=np.float64)[:, 0, 0]


def _depths(tree: Any) -> NDArray[np.float64]:
    depths = np.zeros(tree.node_count)
    left, right = tree.children_left, tree.children_right
    for node in range(tree.node_count):  # scikit-learn numbers parents before children
        if left[node] >= 0:
            depths[left[node]] = depths[right[node]] = depths[node] + 1.0
    return depths


def _laid_out(tree: Any, value: NDArray[np.float64], offset: int) -> tuple[NDArray[Any], ...]:
    """One tree level by level with siblings side by side, children counted from ``offset``."""
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    levels = [np.zeros(1, dtype=np.intp)]
    while len(levels[-1]):
        inner = levels[-1][left[levels[-1]] >= 0]
        levels.append(np.column_stack([left[inner], right[inner]]).reshape(-1))
    order = np.concatenate(levels)
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    leaf = left[order] < 0
    child = np.where(leaf, np.arange(len(order)), place[left[order]]) + offset
    feature = np.where(leaf, 0, np.asarray(tree.feature)[order])
    threshold = np.where(leaf, np.inf, _rounded_down(np.asarray(tree.threshold)[order]))
    missing = leaf | np.asarray(tree.missing_go_to_left, dtype=bool)[order]
    return feature, threshold, child, missing, value[order]


def _rounded_down(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each threshold."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)
