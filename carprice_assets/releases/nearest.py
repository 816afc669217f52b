"""The known listings nearest to a car, and what a misspelt make or model may have meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.columns import folded
from carprice_assets.listings.contract import NEW, Columns, from_days
from carprice_assets.listings.normalise import suggest
from carprice_assets.releases.comparables import Comparables

MILEAGE_A_YEAR = {"mi": 12_000.0, "km": 20_000.0}
"""What is driven in a year, by unit: a distance of 1, like a model year."""
UNKNOWN_MILEAGE = 0.5
TRIM = 1.0
"""Distance of trims that share no word."""
NEWNESS = 1.0
"""Distance of a New car from one that is not."""
DAYS_A_YEAR = 365.25
GROUPS = {"stock_type": 0.25, "drivetrain": 0.5, "bodystyle": 0.5, "fuel_type": 1.0}
"""Distance of two that are known and not the same."""
SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Comparable:
    """A listing that the release learned from, as it was last seen.

    Attributes
    ----------
    mileage
        In the market's unit; None where it was not stated.
    price
        Asking price in the market's currency.
    observed_at
        Day on which it was on offer at that price.
    distance
        How far it is from the car that was asked for, in model years: a year older or newer, a
        year's mileage (12,000 mi, 20,000 km), a year since it was seen, a trim without a common
        word, New against not New and another fuel count 1 each; another drivetrain or body 0.5,
        Used against Certified 0.25, a mileage not stated 0.5.
    """

    make: str
    model: str
    trim: str
    year: int
    mileage: float | None
    stock_type: str
    drivetrain: str
    fuel_type: str
    bodystyle: str
    price: float
    observed_at: date
    distance: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a word of a request may have meant; ``values`` are known, best first."""

    field: str
    given: str
    values: tuple[str, ...]


def nearest(
    known: Comparables, cars: Columns, row: int, *, unit: str, count: int
) -> tuple[Comparable, ...]:
    """The ``count`` listings of the model of ``cars[row]`` that are nearest to it, nearest first.

    Equally near ones come latest seen first. None where the model is unknown: another model is
    no comparable.

    Parameters
    ----------
    cars
        Feature columns, as a request's cars are read.
    unit
        The market's unit of mileage.
    """
    rows = known.rows(str(cars["make"][row]), str(cars["model"][row]))
    if not len(rows) or count < 1:
        return ()
    apart = distances(known, rows, cars, row, unit)
    order = np.lexsort((rows, -known.columns["observed_at"][rows], apart))[:count]
    return tuple(_comparable(known, int(rows[at]), float(apart[at])) for at in order)


def distances(
    known: Comparables, rows: NDArray[np.intp], cars: Columns, row: int, unit: str
) -> NDArray[np.float64]:
    """Distance of each of the ``rows`` from the car, see :class:`Comparable`."""
    columns = known.columns
    apart = np.abs(columns["year"][rows] - float(cars["year"][row]))
    apart += np.abs(columns["observed_at"][rows] - float(cars["observed_at"][row])) / DAYS_A_YEAR
    new = np.array([word == NEW for word in known.words["stock_type"]], bool)
    theirs_new = new[columns["stock_type"][rows]]
    own_kind = str(cars["stock_type"][row])
    if own_kind:
        apart += NEWNESS * (theirs_new != (own_kind == NEW))
    mileage = float(cars["mileage"][row])
    if np.isnan(mileage) and own_kind == NEW:
        mileage = 0.0
    if np.isfinite(mileage):
        theirs = columns["mileage"][rows].astype(np.float64)
        theirs = np.where(np.isnan(theirs) & theirs_new, 0.0, theirs)
        off = np.abs(theirs - mileage) / MILEAGE_A_YEAR[unit]
        apart += np.where(np.isnan(off), UNKNOWN_MILEAGE, off)
    if words := _words(str(cars["trim"][row])):
        # Few trims stand behind many rows: each is compared once.
        codes, place = np.unique(columns["trim"][rows], return_inverse=True)
        off = [_unlike(words, known.words["trim"][code]) for code in codes.tolist()]
        apart += TRIM * np.array(off)[place]
    for name, weight in GROUPS.items():
        own = folded(str(cars[name][row]))
        if not own:
            continue
        other = np.array([bool(w) and folded(w) != own for w in known.words[name]], bool)
        differs = other[columns[name][rows]]
        if name == "stock_type":
            differs &= ~theirs_new & (own_kind != NEW)
        apart += weight * differs
    return apart


def suggestions(known: Comparables, make: str, model: str) -> tuple[Suggestion, ...]:
    """What ``make`` or ``model``, of which nothing was learned, may have meant.

    Only what prices can be given for is suggested. A model that another make has suggests that
    make.
    """
    learned = [each for each in known.models if each.learned]
    makes = sorted({each.make for each in learned})
    own = folded(make)
    if own not in map(folded, makes):
        return _suggestion("make", make, suggest(make, makes, SUGGESTED))
    models = [each.model for each in learned if folded(each.make) == own]
    if folded(model) in map(folded, models):
        return ()
    elsewhere = {each.make for each in learned if folded(each.model) == folded(model)}
    return (
        *_suggestion("model", model, suggest(model, models, SUGGESTED)),
        *_suggestion("make", make, tuple(sorted(elsewhere)[:SUGGESTED])),
    )


def _suggestion(field: str, given: str, values: tuple[str, ...]) -> tuple[Suggestion, ...]:
    return (Suggestion(field, given, values),) if values else ()


def _words(trim: str) -> frozenset[str]:
    return frozenset(folded(trim).split())


def _unlike(words: frozenset[str], trim: str) -> float:
    """One less the share of words in common (Jaccard)."""
    others = _words(trim)
    return 1.0 - len(words & others) / len(words | others)


def _comparable(known: Comparables, row: int, distance: float) -> Comparable:
    columns = known.columns
    model = known.models[int(columns["model"][row])]
    mileage = float(columns["mileage"][row])
    text: dict[str, Any] = {name: known.text(name, row) for name in known.words}
    return Comparable(
        make=model.make,
        model=model.model,
        year=int(columns["year"][row]),
        mileage=None if np.isnan(mileage) else round(mileage, 1),
        price=round(float(columns["price"][row]), 2),
        observed_at=from_days(float(columns["observed_at"][row])),
        distance=round(distance, 3),
        **text,
    )
