"""Names and words as numbers that networks look their vectors up by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import folded, hash64, numbers, texts
from carprice_assets.features.remembered import Remembered
from carprice_assets.listings.contract import Columns

CODES = ("make", "model", "title", "model_year", "dealer", "cat", "exterior", "interior")
DEALER = 4
"""Place of the dealer among the inputs."""
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
        self._known: Remembered[tuple[Any, ...], list[int]] = Remembered()

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        del target
        self._known.clear()
        names = _names(columns)
        self._codes = {name: _numbered(names[name]) for name in CODES}
        self._words = _numbered(word for row in _words(columns) for word in row)

    def transform(self, columns: Columns) -> Block:
        rows = list(zip(*(_read(columns, name) for name in self.inputs), strict=True))
        codes = [self._known.of(row, self._codes_of) for row in rows]
        return np.array(codes, np.float32).reshape(-1, len(FEATURES))

    def _codes_of(self, row: tuple[Any, ...]) -> list[int]:
        """The codes of one row's :attr:`inputs`."""
        make, model, trim, year, dealer, cat, exterior, interior = row
        names = _names_of(make, model, trim, year, dealer_key(dealer), cat, exterior, interior)
        found = [self._codes[name].get(each, 0) for name, each in zip(CODES, names)]
        words = [self._words.get(word, 0) for word in _words_of(model, trim)]
        return found + words + [0] * (WORDS - len(words))

    def state(self) -> State:
        settings: dict[str, Any] = {
            "names": {name: list(codes) for name, codes in self._codes.items() if name != "dealer"},
            "words": list(self._words),
        }
        dealers = np.array([int(key) for key in self._codes["dealer"]], np.uint64)
        return State(settings, {"dealers": dealers})

    def restore(self, state: State) -> None:
        self._known.clear()
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
    keys = {dealer: dealer_key(dealer) for dealer in set(texts(columns, "dealer"))}
    read = [_read(columns, name) for name in CategoryCodes.inputs]
    read[DEALER] = [keys[dealer] for dealer in read[DEALER]]
    rows = [_names_of(*row) for row in zip(*read, strict=True)]
    return {name: [row[place] for row in rows] for place, name in enumerate(CODES)}


def _read(columns: Columns, name: str) -> list[Any]:
    return numbers(columns, name).tolist() if name == "year" else texts(columns, name)


def _names_of(
    make: str,
    model: str,
    trim: str,
    year: float,
    dealer: str,
    cat: str,
    exterior: str,
    interior: str,
) -> tuple[str, ...]:
    """The names of one row, in the order of :data:`CODES`; ``dealer`` is its key."""
    maker = folded(make)
    named = f"{maker}|{folded(model)}"
    title, of_year = f"{named}|{folded(trim)}", f"{named}|{year:.0f}"
    return maker, named, title, of_year, dealer, folded(cat), folded(exterior), folded(interior)


def _words_of(model: str, trim: str) -> list[str]:
    return f"{model} {trim}".lower().split()[:WORDS]


def _words(columns: Columns) -> Iterable[list[str]]:
    for model, trim in zip(texts(columns, "model"), texts(columns, "trim")):
        yield _words_of(model, trim)


def _numbered(names: Iterable[str]) -> dict[str, int]:
    counts = Counter(name for name in names if name)
    return _counted_up(sorted(name for name, rows in counts.items() if rows >= LEAST))


def _counted_up(names: Iterable[str]) -> dict[str, int]:
    return {name: code for code, name in enumerate(names, 1)}
