"""Cars of a request, in business form, to feature columns.

Every car gets its own errors and warnings, so that one bad car never spoils the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from carprice_assets.listings import normalise
from carprice_assets.listings.contract import (
    BY_NAME,
    FEATURE_FIELDS,
    Columns,
    from_days,
    text_array,
)
from carprice_assets.listings.declared import in_range, read_number, read_word
from carprice_assets.listings.notes import Note
from carprice_assets.listings.titles import model_and_trim
from carprice_assets.listings.usual_cars import FREE, GROUPS, usual_car
from carprice_assets.markets.features import DeclaredFeature

NEXT_YEARS = 2
"""A model year may lie this many years after the valuation's."""

SHOWN = 40
"""Characters of a caller's word that a message repeats."""

UNKNOWN_FIELDS = 10
"""Unknown fields of one car that are named one by one."""

_FIELDS = frozenset(f.name for f in FEATURE_FIELDS if f.name != "observed_at")
_TEXT_FIELDS = tuple(f.name for f in FEATURE_FIELDS if f.kind in ("text", "category"))
_NUMBER_FIELDS = tuple(f.name for f in FEATURE_FIELDS if f.kind not in ("text", "category"))
_TABLES = (_NUMBER_FIELDS, _TEXT_FIELDS)
_PLACES = {
    field.name: (kind, names.index(field.name))
    for field in FEATURE_FIELDS
    for kind, names in enumerate(_TABLES)
    if field.name in names
}
"""Of each field the table of its kind, and the row that it is there."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What a request's cars came to.

    Attributes
    ----------
    columns
        Every feature field of the accepted cars, in the request's order, then the features of
        the market's own.
    rows
        Place in the request of each accepted car.
    errors, warnings
        Notes by car of the request; a car with errors is not accepted.
    """

    columns: Columns
    rows: NDArray[np.intp]
    errors: list[tuple[Note, ...]]
    warnings: list[tuple[Note, ...]]


@dataclass(frozen=True, slots=True)
class _Market:
    """What the reading of one car depends on."""

    as_of: float
    last_year: int
    distance: str
    currency: str
    features: tuple[DeclaredFeature, ...]
    fields: frozenset[str]


def read_cars(
    cars: Sequence[Any],
    *,
    as_of: float,
    distance: str,
    currency: str = "",
    features: Sequence[DeclaredFeature] = (),
) -> Intake:
    """Feature columns of ``cars``, and what is to be said about each.

    Parameters
    ----------
    cars
        Mappings in business form; anything else is an error of that car.
    as_of
        Day of the valuation in days since 1970-01-01; ``observed_at`` of every car.
    distance
        The market's unit, ``mi`` or ``km``; a mileage that states the other is converted.
    currency
        The market's currency code; an MSRP that states another is an error.
    features
        Those of the market's own, which a car may state like any other field.
    """
    last_year = from_days(as_of).year + NEXT_YEARS
    known = _FIELDS.union(feature.name for feature in features) if features else _FIELDS
    market = _Market(as_of, last_year, distance, currency, tuple(features), known)
    accepted: list[dict[str, Any]] = []
    rows: list[int] = []
    errors: list[tuple[Note, ...]] = []
    warnings: list[tuple[Note, ...]] = []
    for row, car in enumerate(cars):
        # A market's own features are read the long way.
        usual = None if features else usual_car(car, as_of, last_year)
        if usual is not None:
            errors.append(())
            warnings.append(())
            accepted.append(usual)
            rows.append(row)
            continue
        reader = _Reader(market)
        values = reader.read(car)
        errors.append(tuple(reader.errors))
        warnings.append(tuple(reader.warnings))
        if not reader.errors:
            accepted.append(values)
            rows.append(row)
    # Two arrays, of which each column is a row: an array a column costs more than the cars do.
    kinds = (np.dtype(np.float64), np.dtype(object))
    tables = [_table(accepted, *each) for each in zip(_TABLES, kinds, strict=True)]
    ordered = {name: tables[kind][at] for name, (kind, at) in _PLACES.items()}
    for feature in market.features:
        own = [car[feature.name] for car in accepted]
        number = feature.kind == "number"
        ordered[feature.name] = np.array(own, dtype=np.float64) if number else text_array(own)
    return Intake(ordered, np.array(rows, dtype=np.intp), errors, warnings)


def _table(
    cars: Sequence[Mapping[str, Any]], names: Sequence[str], kind: np.dtype[Any]
) -> NDArray[Any]:
    """A row a name, a column a car."""
    rows = [[car[name] for car in cars] for name in names]
    return np.array(rows, kind).reshape(len(names), len(cars))


class _Reader:
    """Reads one car and collects its notes."""

    __slots__ = ("errors", "market", "warnings")

    def __init__(self, market: _Market) -> None:
        self.market = market
        self.errors: list[Note] = []
        self.warnings: list[Note] = []

    def read(self, given: Any) -> dict[str, Any]:
        """The car's feature fields; they count only where no error was found."""
        if not isinstance(given, Mapping):
            self._error("wrong_type", "car", "a car must be an object with named fields")
            return {}
        car = cast("Mapping[str, Any]", given)
        values: dict[str, Any] = {"observed_at": self.market.as_of}
        values["make"] = normalise.make(self._text(car, "make", required=True))
        model = self._text(car, "model", required=True, numbers=True)
        trim = self._text(car, "trim", numbers=True)
        values["model"], values["trim"] = model_and_trim(values["make"], model, trim)
        for name, clean in FREE.items():
            values[name] = clean(self._text(car, name))
        for name, group in GROUPS.items():
            word = self._text(car, name)
            values[name] = group(word) if word else ""
            if word and not values[name]:
                self._unknown_word(name, word)
        values["year"] = self._year(car)
        values["mileage"] = self._number(car, "mileage")
        values["msrp"] = self._number(car, "msrp")
        for feature in self.market.features:
            number = feature.kind == "number"
            values[feature.name] = (self._own_number if number else self._own_word)(car, feature)
        if not car.keys() <= self.market.fields:
            self._unknown_fields(car)
        return values

    def _own_number(self, car: Mapping[str, Any], feature: DeclaredFeature) -> float:
        value = self._parsed(car, feature.name, partial(read_number, feature))
        if not math.isnan(value) and not in_range(feature, value):
            message = f"{feature.name} must be {_range(feature)}, not {value:.10g}"
            self._error("out_of_range", feature.name, message)
        return value

    def _own_word(self, car: Mapping[str, Any], feature: DeclaredFeature) -> str:
        given = car.get(feature.name)
        if isinstance(given, bool):  # as JSON writes it, and so as cleaning reads it
            car = {feature.name: str(given).lower()}
        text = self._text(car, feature.name, numbers=True)
        # The text as it came: a closed list may hold a word like "None", else a placeholder.
        word = read_word(feature, (given if isinstance(given, str) else text)[: normalise.LONGEST])
        if text and not word:
            self._unknown_word(feature.name, text)
        return word

    def _text(
        self, car: Mapping[str, Any], name: str, *, required: bool = False, numbers: bool = False
    ) -> str:
        """A field's text without placeholders; ``numbers`` allows 330 for ``"330"``."""
        value = car.get(name)
        if numbers and isinstance(value, int | float) and not isinstance(value, bool):
            value = f"{value:g}" if isinstance(value, float) else str(value)[:SHOWN]
        if value is None:
            text = ""
        elif isinstance(value, str):
            text = normalise.tidy(value)
        else:
            self._error("wrong_type", name, f"{name} must be text, not {_kind(value)}")
            return ""
        if required and not text:
            self._error("missing", name, f"{name} is missing")
        return text

    def _parsed(
        self,
        car: Mapping[str, Any],
        name: str,
        read: Callable[[str | float], float] = normalise.number,
    ) -> float:
        """A field's number, NaN where it is missing or at fault."""
        value = car.get(name)
        if value is None or (isinstance(value, str) and not normalise.tidy(value)):
            return math.nan
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            self._error("wrong_type", name, f"{name} must be a number, not {_kind(value)}")
            return math.nan
        found = read(value)
        if math.isnan(found):
            shown = _shown(value) if isinstance(value, str) else "this value"
            self._error("wrong_type", name, f"{name}: no finite number can be read in {shown}")
        return found

    def _year(self, car: Mapping[str, Any]) -> float:
        before = len(self.errors)
        year = self._parsed(car, "year")
        if math.isnan(year):
            if len(self.errors) == before:
                self._error("missing", "year", "year is missing")
        elif year != math.floor(year):
            self._error("wrong_type", "year", f"year must be a whole number, not {year:g}")
        else:
            self._in_range("year", year, BY_NAME["year"].low, self.market.last_year)
        return year

    def _number(self, car: Mapping[str, Any], name: str) -> float:
        """Mileage or MSRP; an MSRP of 0 means that there is none."""
        read = partial(normalise.mileage, distance=self.market.distance)
        value = self._parsed(car, name, read if name == "mileage" else normalise.number)
        if name == "msrp":
            stated = normalise.currency(text) if isinstance(text := car.get(name), str) else ""
            if stated and self.market.currency not in ("", stated):
                message = f"msrp is in {stated}, the market's currency is {self.market.currency}"
                self._error("wrong_type", "msrp", message)
            if value == 0:
                return math.nan
        if not math.isnan(value):
            self._in_range(name, value, BY_NAME[name].low, BY_NAME[name].high)
        return value

    def _in_range(self, name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            message = f"{name} must be from {low:.0f} to {high:.0f}, not {value:.10g}"
            self._error("out_of_range", name, message)

    def _unknown_word(self, name: str, word: str) -> None:
        told = "is not known" if name != "vin" else "is no VIN (17 signs, one a check digit)"
        message = f"{name} {_shown(word)} {told} and was left out"
        self.warnings.append(Note("unknown_word", name, message))

    def _unknown_fields(self, car: Mapping[str, Any]) -> None:
        names = [str(name)[:SHOWN] for name in car if name not in self.market.fields]
        for name in names[:UNKNOWN_FIELDS]:
            near = _meant(name, self.market.fields)
            hint = f"; did you mean {near}?" if near else ""
            self.warnings.append(Note("unknown_field", name, f"no field is called {name!r}{hint}"))
        if (more := len(names) - UNKNOWN_FIELDS) > 0:
            message = f"{more} more fields of this car are unknown"
            self.warnings.append(Note("unknown_field", "car", message))

    def _error(self, code: str, field: str, message: str) -> None:
        self.errors.append(Note(code, field, message))


@lru_cache(maxsize=1 << 10)
def _meant(name: str, fields: frozenset[str]) -> str:
    """The field whose name is nearest to ``name``, or nothing: asked of a list's every car."""
    return next(iter(normalise.suggest(name, sorted(fields), 1)), "")


def _range(feature: DeclaredFeature) -> str:
    if not math.isfinite(feature.high):
        return f"at least {feature.low:.10g}"
    if not math.isfinite(feature.low):
        return f"at most {feature.high:.10g}"
    return f"from {feature.low:.10g} to {feature.high:.10g}"


def _shown(word: str) -> str:
    return repr(word if len(word) <= SHOWN else word[:SHOWN] + "…")


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else "a number"
