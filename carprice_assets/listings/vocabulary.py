"""The words that are known beforehand: makes, their models, and groups of open vocabularies.

The words stand in ``vocabulary/*.toml``; this module reads them once.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

MAKE_FILES = ("america.toml", "asia.toml", "europe.toml")
GROUP_FILE = "groups.toml"

_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])[^a-z0-9+]+(?=[0-9])")
_NOISE = re.compile(r"[^a-z0-9+_]+")
_NUMBERED = re.compile(r"(?:.*[ M])?[0-9]{3,4}")


def key(text: str) -> str:
    """What two spellings of one name have in common: letters, digits, plus signs.

    ``F-150``, ``f 150`` and ``F150`` are one; ``CX-5 0`` and ``CX-50`` are not, since a gap
    between two digits counts; nor are ``RX 450h`` and ``RX 450h+``.
    """
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    text = text.replace("_", " ").replace("&", "and")
    return _NOISE.sub("", _BETWEEN_DIGITS.sub("_", text))


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that a spelling names, and the words of that spelling that belong to the trim."""

    model: str
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Make:
    """One make.

    Attributes
    ----------
    models
        Canonical names.
    entries
        Every known spelling of a model, by :func:`key`.
    lettered
        Model by the letters that stand before a number in its trims (``C 300``: C-Class).
    keep
        Keys of aliases whose words are part of the model's name too.
    """

    name: str
    models: tuple[str, ...]
    entries: Mapping[str, Entry]
    lettered: Mapping[str, str]
    keep: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One group of an open vocabulary: its value, and the pattern of compact texts that mean it."""

    value: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All makes by name, the make's name by :func:`key` of each spelling, and the groups."""

    makes: Mapping[str, Make]
    spellings: Mapping[str, str]
    groups: Mapping[str, tuple[Rule, ...]]


@lru_cache(maxsize=1)
def load() -> Vocabulary:
    """The vocabulary, read from the package's files at the first call."""
    makes: dict[str, Make] = {}
    spellings: dict[str, str] = {}
    for file in MAKE_FILES:
        for name, table in _read(file).items():
            makes[name] = _make(name, table)
            for alias in table.get("aliases", []) + table.get("keep", []):
                spellings[key(alias)] = name
    spellings |= {key(name): name for name in makes}
    groups = {name: tuple(map(_rule, rules)) for name, rules in _read(GROUP_FILE).items()}
    return Vocabulary(
        MappingProxyType(makes), MappingProxyType(spellings), MappingProxyType(groups)
    )


def _read(file: str) -> dict[str, Any]:
    folder = files("carprice_assets.listings") / "vocabulary"
    return tomllib.loads((folder / file).read_text(encoding="utf-8"))


def _make(name: str, table: Mapping[str, Any]) -> Make:
    models: list[str] = table["models"]
    entries: dict[str, Entry] = {}
    for suffix in table.get("suffixes", []):
        for model in filter(_NUMBERED.fullmatch, models):
            entries[key(model + suffix)] = Entry(model, suffix)
    for model, spellings in table.get("same", {}).items():
        entries |= {key(spelling): Entry(model) for spelling in spellings}
    entries |= {key(model): Entry(model) for model in models}
    return Make(
        name=name,
        models=tuple(models),
        entries=MappingProxyType(entries),
        lettered=MappingProxyType(table.get("lettered", {})),
        keep=frozenset(map(key, table.get("keep", []))),
    )


def _rule(table: Mapping[str, Any]) -> Rule:
    whole = [rf"\A{re.escape(word)}\Z" for word in table.get("exact", ())]
    parts = [re.escape(word) for word in table.get("contains", ())]
    return Rule(table["value"], re.compile("|".join(whole + parts)))
