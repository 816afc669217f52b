"""The short way through a request's car of which nothing is to be said: most are such.

Each text is cleaned once and remembered; whatever is odd about a car sends it the long way, field
by field, see :mod:`carprice_assets.listings.intake`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from carprice_assets.listings import normalise
from carprice_assets.listings.contract import BY_NAME, FEATURE_FIELDS
from carprice_assets.listings.titles import model_and_trim

GROUPS: Mapping[str, Callable[[str], str]] = {
    "stock_type": normalise.stock_type,
    "drivetrain": normalise.drivetrain,
    "fuel_type": normalise.fuel_type,
    "bodystyle": normalise.bodystyle,
    "vin": normalise.vin,
}
"""Fields whose word belongs to a group, or is unknown."""
FREE: Mapping[str, Callable[[str], str]] = {
    "cat": normalise.category,
    "exterior_color": normalise.color,
    "interior_color": normalise.color,
    "dealer": normalise.tidy,
}
TEXTS = frozenset(f.name for f in FEATURE_FIELDS if f.kind in ("text", "category"))
RARE = frozenset({"vin", "dealer"})
"""Texts that the next car does not share: not worth remembering."""
NUMBERS = ("year", "mileage", "msrp")
LOW = {name: BY_NAME[name].low for name in NUMBERS}
HIGH = {name: BY_NAME[name].high for name in NUMBERS}
BLANK: Mapping[str, Any] = dict.fromkeys(TEXTS, "") | dict.fromkeys(NUMBERS, math.nan)
REMEMBERED = 1 << 14


def usual_car(car: Any, as_of: float, last_year: int) -> dict[str, Any] | None:
    """The feature fields of ``car``; None where anything about it is to be looked at more closely.

    Parameters
    ----------
    as_of
        Day of the valuation in days since 1970-01-01.
    last_year
        Latest model year that a car may have.
    """
    if type(car) is not dict:
        return None
    values = dict(BLANK)
    values["observed_at"] = as_of
    given: Any
    for name, given in car.items():  # pyright: ignore[reportUnknownVariableType]
        kind = type(given)
        if kind is str and name in TEXTS and len(given) <= normalise.LONGEST:
            clean = _clean(name, given) if name in RARE else _remembered(name, given)
            if clean is None:
                return None
            values[name] = clean
        elif name in LOW and (kind is int or kind is float or (kind is str and _digits(given))):
            number = float(given) if kind is str else given
            if name == "msrp" and number == 0:  # there is none
                continue
            if not LOW[name] <= number <= HIGH[name]:
                return None
            values[name] = float(number)
        elif given is not None or name not in BLANK:
            return None
    year = values["year"]
    if not (values["make"] and values["model"] and year <= last_year and year == math.floor(year)):
        return None
    values["model"], values["trim"] = model_and_trim(
        values["make"], values["model"], values["trim"]
    )
    return values


def _digits(text: str) -> bool:
    return len(text) < 10 and text.isascii() and text.isdecimal()


def _clean(name: str, text: str) -> str | None:
    """A field's text as listings have it; None for a word that is not known."""
    word = normalise.tidy(text)
    if name in GROUPS:
        found = GROUPS[name](word) if word else ""
        return found if found or not word else None
    if name in FREE:
        return FREE[name](word)
    return normalise.make(word) if name == "make" else word


_remembered = lru_cache(maxsize=REMEMBERED)(_clean)
