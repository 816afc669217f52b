"""Year, make, model and trim out of texts that run them together.

The model is the longest known model of the make that the text begins with; the rest is trim.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from carprice_assets.listings.contract import BY_NAME
from carprice_assets.listings.normalise import (
    CACHE,
    LONGEST,
    lettered_model,
    make,
    tidy,
    without_make,
)
from carprice_assets.listings.vocabulary import Entry, Make, key, load

LONGEST_MAKE = 3
LONGEST_MODEL = 6
"""Words of the longest names."""

_CONDITION = re.compile(
    r"(?:(?:used|new|pre-owned|certified(?: pre-owned| used)?)\s+)+(?=[0-9]{4}\b)", re.IGNORECASE
)
_YEAR = re.compile(r"[0-9]{4}")
_SERIES = re.compile(r"([0-9a-z]+[ -](?:series|class))\s+(?=\S)", re.IGNORECASE | re.ASCII)
_NUMBER_WORD = re.compile(r"[0-9]{1,4}[a-z]{0,2}", re.IGNORECASE | re.ASCII)
_DIGIT = re.compile("[0-9]")
_FIRST_OF_TWO = frozenset(("grand", "gran", "land", "mark", "model", "monte", "series", "type"))
_SHORT = 3


class Title(NamedTuple):
    """The parts of a run-together title; ``""`` or None where a part is not there."""

    year: int | None
    make: str
    model: str
    trim: str


def parse_title(title: str) -> Title:
    """The parts of a title such as ``2023 Mazda CX-50 2.5 S Premium Plus Package``.

    A leading ``Used`` or ``Certified`` is passed over. A make that nobody knows is taken to be
    the first word.
    """
    return _parse_title(title[:LONGEST])


@lru_cache(maxsize=CACHE)
def _parse_title(title: str) -> Title:
    words = _CONDITION.sub("", tidy(title), count=1).split()
    year = None
    if words and _YEAR.fullmatch(words[0]) and _plausible(int(words[0])):
        year = int(words.pop(0))
    if not words:
        return Title(year, "", "", "")
    name, size = _leading_make(words)
    return Title(year, name, *split_model_trim(name, " ".join(words[size:])))


def _plausible(year: int) -> bool:
    return BY_NAME["year"].low <= year <= BY_NAME["year"].high


def _leading_make(words: list[str]) -> tuple[str, int]:
    vocabulary = load()
    for size in range(min(LONGEST_MAKE, len(words)), 0, -1):
        spelling = key(" ".join(words[:size]))
        if name := vocabulary.spellings.get(spelling):
            return name, 0 if spelling in vocabulary.makes[name].keep else size
    return make(words[0]), 1


def split_model_trim(make: str, text: str) -> tuple[str, str]:
    """Model and trim of a text that runs them together: ``F-150 XLT`` gives both.

    Where no known model stands in front, the first word is the model, or the first two where
    one alone is no name (``Model T``, ``GLE 999``).
    """
    return model_and_trim(make, text, "")


def model_and_trim(make: str, model: str, trim: str) -> tuple[str, str]:
    """Model and trim of a car whose ``model`` may hold trim words too.

    ``330i`` with trim ``xDrive`` gives ``330`` and ``i xDrive``, and a model whose second half
    stands in the trim is made whole, as in a run-together title. An unknown model stays as
    given where a trim is given beside it.
    """
    return _model_and_trim(make[:LONGEST], model[:LONGEST], trim[:LONGEST])


@lru_cache(maxsize=CACHE)
def _model_and_trim(name: str, model: str, trim: str) -> tuple[str, str]:
    name = make(name)
    model, trim = _settled(name, without_make(name, tidy(model)), tidy(trim))
    return tidy(model), tidy(trim)  # a part may be a placeholder where the whole is none


def _settled(name: str, text: str, trim: str) -> tuple[str, str]:
    known = load().makes.get(name)
    found = _known_prefix(known, text) if known else None
    if found is None and trim:
        return text, trim
    model, rest = found or _guess(text)
    if not trim:
        return model, rest
    if known and not rest:
        # Some write the second half of a model into the trim: 'Sprinter', '2500 High Roof'.
        return _known_prefix(known, f"{text} {trim}") or (model, trim)
    return model, trim if key(trim).startswith(key(rest)) else f"{rest} {trim}"


def _known_prefix(maker: Make, text: str) -> tuple[str, str] | None:
    words = text.split()
    if found := _longest(maker, words):
        entry, size = found
        rest = " ".join(words[size:])
        # A series is named by its trims: '3 Series 330i' is a 330.
        if rest and _SERIES.match(text) and entry.model[:1].isdigit():
            named = _known_prefix(maker, rest)
            return named if named and _DIGIT.search(named[0]) else (entry.model, rest)
        return entry.model, f"{entry.rest} {rest}".strip()
    if model := lettered_model(maker.name, text):
        return model, text
    return None


def _longest(maker: Make, words: list[str]) -> tuple[Entry, int] | None:
    for size in range(min(LONGEST_MODEL, len(words)), 0, -1):
        entry = maker.entries.get(key(" ".join(words[:size])))
        if entry and key(words[size - 1]) and not _cuts_a_package(words, size):
            return entry, size
    return None


def _cuts_a_package(words: list[str], size: int) -> bool:
    """Whether the last word belongs with the next: ``S line`` and ``N Line`` are packages."""
    if not 1 < size < len(words):
        return False
    return len(words[size - 1]) == 1 and words[size].casefold() == "line"


def _guess(text: str) -> tuple[str, str]:
    words = text.split()
    size = 1
    if len(words) > 1 and words[0].isalpha():
        first = words[0].casefold()
        numbered = len(first) <= _SHORT and _NUMBER_WORD.fullmatch(words[1])
        size = 2 if numbered or first in _FIRST_OF_TWO else 1
    return " ".join(words[:size]), " ".join(words[size:])
