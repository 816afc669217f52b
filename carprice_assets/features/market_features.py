"""The features that a market declares: numbers, words as columns, and what the words are worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import folded, numbers, slug, texts
from carprice_assets.features.hierarchy import Hierarchy, Level
from carprice_assets.features.rests import INPUTS, rests, rests_without
from carprice_assets.listings.contract import Columns, row_count
from carprice_assets.listings.declared import declared_numbers, declared_words
from carprice_assets.listings.notes import Note

FREQUENT = 20
"""Training rows from which a word has a column of its own."""

MOST_COLUMNS = 40
SHOWN = 40
BASES = ("word", "model_word")
LEVELS = (
    Level("word", "word", "", (), 20.0),
    Level("model_word", "model_word", "", ((1.0, "word"),), 10.0),
)
UNCROSSED = (0, 0, 0, 0)


class MarketFeatures(Transformer):
    """What a market declares beside the contract; no column at all where it declares nothing.

    A number gives itself, the median of training where it is missing, and a flag that says so.
    A category gives a column for each word with at least 20 training rows, one for all other
    words and one for none, and two shrunken means of what ``price_expected`` leaves of the log
    price: of the word, and of the word within make and model. In training the means are out of
    fold, as in ``price_encoder``.

    What is declared is read off the columns that it is fitted on.
    """

    name = "market_features"
    still = True
    inputs = INPUTS

    def __init__(self) -> None:
        self._medians: dict[str, float] = {}
        self._frequent: dict[str, list[str]] = {}
        self._rests: dict[str, Hierarchy] = {}
        self._known: dict[str, frozenset[str]] = {}

    @property
    def feature_names(self) -> tuple[str, ...]:
        names: list[str] = []
        for name in self._medians:
            names += [f"market.{name}", f"market.{name}.missing"]
        for name, words in self._frequent.items():
            names += [f"market.{name}.is_{each}" for each in _slugs(words)]
            names += [f"market.{name}.{each}" for each in ("other", "missing")]
            names += [f"market.{name}.rest", f"market.{name}.model_rest"]
        return tuple(names)

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        self._medians, self._frequent, self._rests = {}, {}, {}
        for name in declared_numbers(columns):
            known = (values := numbers(columns, name))[np.isfinite(values)]
            self._medians[name] = float(np.median(known)) if len(known) else 0.0
        categories = declared_words(columns)
        rest = rests(columns, target) if categories else np.zeros(0)
        for name in categories:
            words = texts(columns, name)
            counts = Counter(word for word in words if word)
            often = [word for word, count in counts.items() if count >= FREQUENT]
            often = sorted(often, key=lambda word: (-counts[word], word))[:MOST_COLUMNS]
            self._frequent[name] = sorted(often)
            rows = [row for row, word in enumerate(words) if word]
            keys = _keys(columns, words)
            self._rests[name] = Hierarchy(LEVELS, bases=BASES)
            self._rests[name].fit(
                [keys[row] for row in rows], [UNCROSSED] * len(rows), rest[rows][:, None]
            )
        self._know()

    def transform(self, columns: Columns) -> Block:
        if not (self._medians or self._rests):
            return np.zeros((row_count(columns), 0), np.float32)
        parts = self._numbers(columns)
        for name, hierarchy in self._rests.items():
            words = texts(columns, name)
            means = np.zeros((len(words), len(LEVELS)), dtype=np.float32)
            keys = _keys(columns, words)
            known = {key: hierarchy.row(key, UNCROSSED) for key in set(keys)}
            for row, key in enumerate(keys):
                if words[row]:
                    means[row] = [mean for mean, _ in known[key]]
            parts += [self._columns(name, words), means]
        return _side_by_side(parts, row_count(columns))

    def transform_training(self, columns: Columns, target: NDArray[np.float64]) -> Block:
        """The means of each row come from the prices of the other folds of vehicles alone."""
        parts = self._numbers(columns)
        rest, folds = rests_without(columns, target) if self._rests else (np.zeros(0), np.zeros(0))
        for name, hierarchy in self._rests.items():
            words = texts(columns, name)
            keys = _keys(columns, words)
            means = np.zeros((len(words), len(LEVELS)), dtype=np.float32)
            rows = np.array([row for row, word in enumerate(words) if word], dtype=np.intp)
            if len(rows):
                estimates, _ = hierarchy.out_of_fold(
                    [keys[row] for row in rows.tolist()],
                    [UNCROSSED] * len(rows),
                    rest[:, rows, None],
                    folds[rows].astype(np.int64),
                )
                means[rows] = estimates[0]
            parts += [self._columns(name, words), means]
        return _side_by_side(parts, row_count(columns))

    def notes(self, columns: Columns) -> Iterator[tuple[int, Note]]:
        """A note for each word that no training car had."""
        for name, known in self._known.items():
            for row, word in enumerate(texts(columns, name)):
                if word and word not in known:
                    shown = word if len(word) <= SHOWN else word[:SHOWN] + "…"
                    message = f"{name} {shown!r} was not seen in training and counts as other"
                    yield row, Note("unknown_word", name, message)

    def _numbers(self, columns: Columns) -> list[Block]:
        """The columns of the numbers, (rows, 2) each."""
        parts: list[Block] = []
        for name, median in self._medians.items():
            given = columns.get(name)
            of_kind = given is not None and given.dtype.kind == "f"
            values = numbers(columns if of_kind else {**columns, name: _missing(columns)}, name)
            missing = ~np.isfinite(values)
            both = [np.where(missing, median, values), missing]
            parts.append(np.column_stack(both).astype(np.float32))
        return parts

    def _columns(self, name: str, words: Sequence[str]) -> Block:
        """Zeros and ones of a category, (rows, frequent words + 2)."""
        frequent = self._frequent[name]
        place = {word: at for at, word in enumerate(frequent)} | {"": len(frequent) + 1}
        block = np.zeros((len(words), len(frequent) + 2), dtype=np.float32)
        for row, word in enumerate(words):
            block[row, place.get(word, len(frequent))] = 1.0
        return block

    def _know(self) -> None:
        """Every word of training, off the hierarchies' keys."""
        self._known = {
            name: frozenset(
                key.removeprefix("=") for key in rest.state()[0]["words"] if key[:1] == "="
            )
            for name, rest in self._rests.items()
        }

    def state(self) -> State:
        rests_of: dict[str, Any] = {}
        arrays: dict[str, NDArray[Any]] = {}
        for name, hierarchy in self._rests.items():
            rests_of[name], own = hierarchy.state()
            arrays |= {f"{name}.{key}": array for key, array in own.items()}
        settings = {"medians": self._medians, "frequent": self._frequent, "rests": rests_of}
        return State(settings, arrays)

    def restore(self, state: State) -> None:
        settings: Mapping[str, Any] = state.settings
        self._medians = {name: float(value) for name, value in settings["medians"].items()}
        self._frequent = {name: list(words) for name, words in settings["frequent"].items()}
        self._rests = {}
        for name, head in settings["rests"].items():
            mine = f"{name}."
            arrays = {
                key.removeprefix(mine): array
                for key, array in state.arrays.items()
                if key.startswith(mine)
            }
            self._rests[name] = Hierarchy(LEVELS, bases=BASES)
            self._rests[name].restore(head, arrays)
        self._know()


def _keys(columns: Columns, words: Sequence[str]) -> list[tuple[str, ...]]:
    """The word, and the word within make and model, of each row; apart by their first sign."""
    makes, models = texts(columns, "make"), texts(columns, "model")
    return [
        (f"={word}", f"{folded(make)}|{folded(model)}={word}")
        for make, model, word in zip(makes, models, words, strict=True)
    ]


def _slugs(words: Sequence[str]) -> list[str]:
    """Words as parts of names, each once; what has no Latin letter or digit gets its place."""
    names: list[str] = []
    for place, word in enumerate(words):
        name = slug(word) or f"word_{place}"
        while name in names:
            name = f"{name}_{place}"
        names.append(name)
    return names


def _missing(columns: Columns) -> NDArray[np.float64]:
    return np.full(row_count(columns), np.nan)


def _side_by_side(parts: Sequence[Block], rows: int) -> Block:
    return np.concatenate([np.zeros((rows, 0), np.float32), *parts], axis=1, dtype=np.float32)
