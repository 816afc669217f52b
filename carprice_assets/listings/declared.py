"""Values of the features that a market declares, read the same in cleaning and in requests."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from carprice_assets.listings import normalise
from carprice_assets.listings.contract import FIELDS, Columns, Field
from carprice_assets.markets.features import DeclaredFeature, folded_word

PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d{1,2}")
WHOLE = re.compile(r"(\d+)\.0+")
CACHE = 1 << 16
OTHERS = frozenset(field.name for field in FIELDS) | {"vehicle", "source"}
"""Columns of a dataset that no market declares."""


def fields_of(features: Sequence[DeclaredFeature]) -> tuple[Field, ...]:
    """``features`` in the form of the contract's fields; an open category is text."""
    return tuple(
        Field(
            name=feature.name,
            kind="number" if feature.kind == "number" else "category" if feature.values else "text",
            doc=feature.doc or feature.name.replace("_", " "),
            unit=feature.unit,
            low=feature.low,
            high=feature.high,
            feature=True,
            values=feature.values,
        )
        for feature in features
    )


def declared_numbers(columns: Columns) -> tuple[str, ...]:
    """Names of the numbers among ``columns`` that a market declares, in order."""
    return tuple(sorted(name for name in _declared(columns) if columns[name].dtype.kind == "f"))


def declared_words(columns: Columns) -> tuple[str, ...]:
    """Names of the categories among ``columns`` that a market declares, in order."""
    return tuple(sorted(name for name in _declared(columns) if columns[name].dtype.kind == "O"))


def declared_alike(
    columns: Columns, of: Sequence[DeclaredFeature], known: Sequence[DeclaredFeature]
) -> dict[str, NDArray[Any]]:
    """``columns`` without the features that ``known`` declares in another kind or unit.

    ``of`` is the declaration by which the columns were made, ``known`` that of whoever reads
    them: kilowatts must not be taken for horsepower.
    """
    meant = {feature.name: (feature.kind, feature.unit) for feature in known}
    odd = {f.name for f in of if meant.get(f.name, (f.kind, f.unit)) != (f.kind, f.unit)}
    return {name: values for name, values in columns.items() if name not in odd}


def _declared(columns: Columns) -> list[str]:
    # Blocks of transformers have two dimensions.
    return [name for name, values in columns.items() if name not in OTHERS and values.ndim == 1]


def read_number(feature: DeclaredFeature, value: str | float | None) -> float:
    """The number that a value holds, in the feature's unit, or NaN; its range is not looked at.

    ``150 kW`` where the unit is kW, ``1,9`` and ``1,998`` are numbers. ``1.998`` is below two
    where the feature's range has such a number, else a thousand and more.
    """
    if not isinstance(value, str):
        return normalise.number(value)
    text = normalise.tidy(value)
    unit = feature.unit
    if unit and text[-len(unit) :].casefold() == unit.casefold():
        text = text[: -len(unit)].rstrip()
    if PLAIN.fullmatch(text) and math.isfinite(plain := float(text)):
        grouped = normalise.number(text)
        return grouped if not in_range(feature, plain) and in_range(feature, grouped) else plain
    if DECIMAL_COMMA.fullmatch(text):
        return float(text.replace(",", "."))
    return normalise.number(text)


def in_range(feature: DeclaredFeature, value: float) -> bool:
    """Whether a number may be one of the feature's; NaN may not."""
    return feature.low <= value <= feature.high


@lru_cache(maxsize=CACHE)
def read_word(feature: DeclaredFeature, text: str) -> str:
    """The word that a text names, or ``""``.

    Of a closed list the word as it stands there; else in lower case, without spare spaces and
    hyphens. Placeholders such as a dash or ``N/A`` are none.
    """
    text = WHOLE.sub(r"\1", text) if WHOLE.fullmatch(text) else text
    listed = {folded_word(word): word for word in feature.values}
    if (found := listed.get(folded_word(text[: normalise.LONGEST]))) is not None:
        return found
    word = folded_word(normalise.tidy(text))
    return listed.get(word, "") if listed else word
