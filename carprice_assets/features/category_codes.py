"""Names and words as numbers that networks look their vectors up by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import folded, hash64, numbers, texts
from carprice_assets.listings.contract import Columns

CODES = ("make", "model", "title", "model_year", "dealer", "cat", "exterior", "interior")
WORDS = 12
LEAST = 4
"""Training rows that a name or word needs for a code of its own."""
CODE, WORD = "code_", "word_"
FEATURES = (*(f"{CODE}{name}" for name in CODES), *(f"{WORD}{i + 1}" for i in range(WORDS)))


class CategoryCodes(Transformer):
    """Whole numbers for embeddings: 0 is unknown or none, others count up from 1.

    One code each for make, model, title (make, model and trim), model and year, dealer,
    category and both colours, and one for each of the first twelve words of model and trim.
    A name has a code of its own from four training rows on. Trees leave these columns out:
    their order means nothing. Dealers are kept as 64-bit hashes, never by name.
    """

    name = "category_codes"
    inputs = ("make", "model", "trim", "year", "dealer", "cat", "exterior_color", "interior_color")

    @property
    def feature_names(self) -> tuple[str, ...]:
        return FEATURES

    def __init__(self) -> None:
        self._codes: dict[str, dict[str, int]] = {name: {} for name in CODES}
        self._words: dict[str, int] = {}

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        del target
        names = _names(columns)
        self._codes = {name: _numbered(names[name]) for name in CODES}
        self._words = _numbered(word for row in _words(columns) for word in row)

    def transform(self, columns: Columns) -> Block:
        names = _names(columns)
        block = np.zeros((len(names["make"]), len(FEATURES)), np.float32)
        for place, name in enumerate(CODES):
            codes = self._codes[name]
            block[:, place] = [codes.get(each, 0) for each in names[name]]
        for row, words in enumerate(_words(columns)):
            for place, word in enumerate(words, len(CODES)):
                block[row, place] = self._words.get(word, 0)
        return block

    def state(self) -> State:
        settings: dict[str, Any] = {
            "names": {name: list(codes) for name, codes in self._codes.items() if name != "dealer"},
            "words": list(self._words),
        }
        dealers = np.array([int(key) for key in self._codes["dealer"]], np.uint64)
        return State(settings, {"dealers": dealers})

    def restore(self, state: State) -> None:
        names = dict(state.settings["names"])
        names["dealer"] = [str(key) for key in state.arrays["dealers"].tolist()]
        self._codes = {name: _counted_up(names[name]) for name in CODES}
        self._words = _counted_up(state.settings["words"])


def dealer_key(dealer: str) -> str:
    """What stands for a dealer in a state: the hash of the folded name, empty for none."""
    name = folded(dealer)
    return str(hash64(f"dealer:{name}")) if name else ""


def _names(columns: Columns) -> dict[str, list[str]]:
    """The name of each row for each of :data:`CODES`; empty for none."""
    makes = [folded(text) for text in texts(columns, "make")]
    models = [f"{make}|{folded(text)}" for make, text in zip(makes, texts(columns, "model"))]
    trims = [folded(text) for text in texts(columns, "trim")]
    years = numbers(columns, "year").tolist()
    keys = {dealer: dealer_key(dealer) for dealer in set(texts(columns, "dealer"))}
    return {
        "make": makes,
        "model": models,
        "title": [f"{model}|{trim}" for model, trim in zip(models, trims)],
        "model_year": [f"{model}|{year:.0f}" for model, year in zip(models, years)],
        "dealer": [keys[dealer] for dealer in texts(columns, "dealer")],
        "cat": [folded(text) for text in texts(columns, "cat")],
        "exterior": [folded(text) for text in texts(columns, "exterior_color")],
        "interior": [folded(text) for text in texts(columns, "interior_color")],
    }


def _words(columns: Columns) -> Iterable[list[str]]:
    for model, trim in zip(texts(columns, "model"), texts(columns, "trim")):
        yield f"{model} {trim}".lower().split()[:WORDS]


def _numbered(names: Iterable[str]) -> dict[str, int]:
    counts = Counter(name for name in names if name)
    return _counted_up(sorted(name for name, rows in counts.items() if rows >= LEAST))


def _counted_up(names: Iterable[str]) -> dict[str, int]:
    return {name: code for code, name in enumerate(names, 1)}
