"""Shrunken group means from coarse to fine: what a group has, drawn towards its parent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.remembered import Remembered
from carprice_assets.features.title_keys import BASES, CROSSES, STOCK_BITS, YEAR_BITS, Titles

SHIFT = YEAR_BITS + STOCK_BITS
NOTHING = -1
Codes = Sequence[tuple[int, int, int, int]]


@dataclass(frozen=True)
class Level:
    """One grouping.

    Attributes
    ----------
    name
        Name of the level in feature names.
    base
        Which of the bases it groups by; empty for none.
    cross
        Which of ``CROSSES`` it adds.
    parents
        None, one or three levels before it with factors: their sum is the parent estimate.
        With none it is the overall mean.
    weight
        Rows that the parent estimate counts for.
    """

    name: str
    base: str
    cross: str
    parents: tuple[tuple[float, str], ...]
    weight: float


@dataclass(frozen=True)
class _Plan:
    base: int
    cross: int
    parents: tuple[tuple[float, int], ...]


class _Lazy:
    """Estimates of one car, worked out where they are asked for."""

    __slots__ = ("_codes", "_first", "_heads", "_hierarchy")

    def __init__(
        self,
        hierarchy: Hierarchy,
        heads: Sequence[int],
        codes: tuple[int, ...],
        first: list[Sequence[float]],
    ) -> None:
        self._hierarchy, self._heads, self._codes, self._first = hierarchy, heads, codes, first

    def __getitem__(self, level: int) -> Sequence[float]:
        if level < len(self._first):
            return self._first[level]
        return self._hierarchy.estimate(level, self._heads, self._codes, self)


class Hierarchy:
    """Estimates of some quantities at every level, for one row or out of fold for many.

    The estimate of a group with n rows of sum s is (s + w p) / (n + w), p being its parent's
    estimate and w the level's weight: the posterior mean of a normal group effect. A group
    that was never seen has its parent's. All quantities share the rows, and so the counts.
    ``bases`` names the keys of a row in the order in which they come, ``BASES`` by default.
    """

    def __init__(
        self, levels: Sequence[Level], targets: int = 1, bases: tuple[str, ...] = BASES
    ) -> None:
        self.levels = tuple(levels)
        self.bases = bases
        self.overall = [0.0] * targets
        self._words: dict[str, int] = {}
        self._titles: Remembered[tuple[str, ...], tuple[list[int], list[Sequence[float]]]] = (
            Remembered()
        )
        self._arrays: dict[str, NDArray[Any]] = {}
        self._places: list[dict[int, int]] = [{} for _ in self.levels]
        self._tables: list[Any] = [b"" for _ in self.levels]
        self._unpack = Struct(f"={targets + 1}f").unpack_from
        place = {level.name: i for i, level in enumerate(self.levels)}
        self._plans = [
            _Plan(
                bases.index(level.base) if level.base else NOTHING,
                CROSSES.index(level.cross),
                tuple((factor, place[parent]) for factor, parent in level.parents),
            )
            for level in self.levels
        ]
        crossed = [bool(level.cross) or not level.base for level in self.levels]
        self._plain = crossed.index(True) if True in crossed else len(crossed)

    def fit(self, titles: Titles, codes: Codes, values: NDArray[np.float64]) -> None:
        """Learn from ``values``, shape (rows, targets), NaN where a row has none."""
        rows = np.flatnonzero(~np.isnan(values).any(axis=1))
        known = values[rows]
        grid, words = _grid([titles[i] for i in rows.tolist()], len(self.bases))
        code = _code_array([codes[i] for i in rows.tolist()])
        overall = known.mean(axis=0) if len(known) else np.zeros(values.shape[1])
        arrays: dict[str, NDArray[Any]] = {}
        estimates: list[NDArray[np.float64]] = []
        for i, level in enumerate(self.levels):
            keys, first, group = np.unique(
                self._keys(i, grid, code), return_index=True, return_inverse=True
            )
            parent = self._parent(i, estimates, np.broadcast_to(overall, known.shape))[first]
            sums = _sums(group, known, len(keys))
            counts = np.bincount(group, minlength=len(keys))
            whole = (sums + level.weight * parent) / (counts + level.weight)[:, None]
            estimates.append(whole[group])
            arrays[f"{level.name}_keys"] = keys
            arrays[f"{level.name}_table"] = np.column_stack([whole, counts]).astype(np.float32)
        self.restore({"overall": overall.tolist(), "words": words}, arrays)

    def out_of_fold(
        self,
        titles: Titles,
        codes: Codes,
        values: NDArray[np.float64],
        folds: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Estimates (targets, rows, levels) and row counts (rows, levels) of the other folds.

        ``values`` has shape (parts, rows, targets): what the rows outside part f learn from
        stands in ``values[f]``, or (1, rows, targets) where that is the same for every fold.
        The other folds' sums are added up, the own fold's never subtracted, so that a row's
        own value cannot leave even a rounding error.
        """
        return self.out_of_fold_of(self.groups(titles, codes), values, folds)

    def groups(self, titles: Titles, codes: Codes) -> list[NDArray[np.intp]]:
        """The number of each row's group at each level, (rows,) each."""
        grid, _ = _grid(titles, len(self.bases))
        code = _code_array(codes)
        return [
            np.unique(self._keys(i, grid, code), return_inverse=True)[1]
            for i in range(len(self.levels))
        ]

    def out_of_fold_of(
        self,
        groups: Sequence[NDArray[np.intp]],
        values: NDArray[np.float64],
        folds: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """:meth:`out_of_fold` of rows whose :meth:`groups` are known."""
        parts, size = int(folds.max(initial=0)) + 1, len(folds)
        result = np.zeros((values.shape[2], size, len(self.levels)))
        behind = np.zeros((size, len(self.levels)))
        for part in range(parts):
            own = folds == part
            value = values[part % len(values)]
            others = ~own & ~np.isnan(value).any(axis=1)
            known = value[others]
            overall = known.mean(axis=0) if len(known) else np.zeros(value.shape[1])
            estimates: list[NDArray[np.float64]] = []
            rows = int(own.sum())
            for i, level in enumerate(self.levels):
                group = groups[i]
                size_of = int(group.max(initial=0)) + 1
                sums = _sums(group[others], known, size_of)[group[own]]
                counts = np.bincount(group[others], minlength=size_of)[group[own]]
                parent = self._parent(i, estimates, np.broadcast_to(overall, (rows, len(overall))))
                whole = (sums + level.weight * parent) / (counts + level.weight)[:, None]
                estimates.append(whole)
                behind[own, i] = counts
                result[:, own, i] = whole.T
        return result, behind

    def row(self, title: tuple[str, ...], codes: tuple[int, ...]) -> list[Sequence[float]]:
        """One car's estimate of each quantity, and the training rows behind it, by level."""
        heads, first = self._titles.of(title, self._of_title)
        found = first.copy()
        for level in range(len(found), len(self._plans)):
            found.append(self.estimate(level, heads, codes, found))
        return found

    def pick(
        self, title: tuple[str, ...], codes: tuple[int, ...], levels: Sequence[int]
    ) -> list[float]:
        """The first quantity of :meth:`row` at some levels, without those it does not need."""
        heads, first = self._titles.of(title, self._of_title)
        known = _Lazy(self, heads, codes, first)
        return [known[level][0] for level in levels]

    def _of_title(self, title: tuple[str, ...]) -> tuple[list[int], list[Sequence[float]]]:
        """What a title's keys count as, and its estimates at the first levels, without crosses."""
        heads = [self._words.get(key, NOTHING) << SHIFT for key in title]
        heads.append(0)  # what a level without a base looks up
        found: list[Sequence[float]] = []
        for level in range(self._plain):
            found.append(self.estimate(level, heads, (0, 0, 0, 0), found))
        return heads, found

    def estimate(
        self,
        level: int,
        heads: Sequence[int],
        codes: tuple[int, ...],
        found: Sequence[Sequence[float]] | _Lazy,
    ) -> Sequence[float]:
        """The estimates of one level from its table, or from its parents in ``found``."""
        plan, width = self._plans[level], len(self.overall) + 1
        place = self._places[level].get(heads[plan.base] | codes[plan.cross])
        if place is not None:
            return self._unpack(self._tables[level], 4 * width * place)
        if not plan.parents:
            return (*self.overall, 0.0)
        if len(plan.parents) == 1:
            ((factor, at),) = plan.parents
            mixed = [factor * value for value in found[at]]
        else:
            (f, a), (g, b), (h, c) = plan.parents
            mixed = [f * x + g * y + h * z for x, y, z in zip(found[a], found[b], found[c])]
        mixed[-1] = 0.0  # no row of its own stands behind it
        return mixed

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings for JSON and arrays for ``.npy``.

        Of each level ``<name>_keys``, int64 (groups,), and ``<name>_table``, float32 (groups,
        targets + 1), the last column being the rows of the group.
        """
        return {"overall": self.overall, "words": list(self._words)}, dict(self._arrays)

    def restore(self, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` gave, for the same levels."""
        self.overall = [float(value) for value in settings["overall"]]
        self._titles.clear()
        self._words = {word: i for i, word in enumerate(settings["words"])}
        self._arrays = {}
        for i, level in enumerate(self.levels):
            keys, table = f"{level.name}_keys", f"{level.name}_table"
            self._arrays |= {keys: arrays[keys], table: arrays[table]}
            self._places[i] = {key: place for place, key in enumerate(arrays[keys].tolist())}
            # Unpacked one by one: as fast as tuples of floats, in a tenth of their memory.
            self._tables[i] = np.ascontiguousarray(arrays[table], np.float32).data

    def _keys(
        self, level: int, grid: NDArray[np.int64], code: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        plan = self._plans[level]
        crossed = code[:, plan.cross]
        return crossed if plan.base == NOTHING else (grid[:, plan.base] << SHIFT) | crossed

    def _parent(
        self,
        level: int,
        estimates: list[NDArray[np.float64]],
        overall: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        parents = self._plans[level].parents
        if not parents:
            return overall
        total = np.zeros(overall.shape)
        for factor, at in parents:
            total = total + factor * estimates[at]
        return total


def _grid(titles: Titles, bases: int) -> tuple[NDArray[np.int64], list[str]]:
    """Each row's keys as numbers, (rows, bases), and the words that they number."""
    words: dict[str, int] = {}
    distinct: dict[tuple[str, ...], list[int]] = {}
    for title in titles:
        if title not in distinct:
            distinct[title] = [words.setdefault(key, len(words)) for key in title]
    grid = np.array([distinct[title] for title in titles], dtype=np.int64)
    return grid.reshape(-1, bases), list(words)


def _code_array(codes: Codes) -> NDArray[np.int64]:
    return np.array(codes, dtype=np.int64).reshape(-1, len(CROSSES))


def _sums(group: NDArray[np.intp], values: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    """Sum of each group for each target, (groups, targets)."""
    sums = [np.bincount(group, column, groups).astype(np.float64) for column in values.T]
    return np.column_stack(sums)
