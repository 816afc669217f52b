"""What only some ask for: comparables, explanations, and suggestions for unknown names.

Computed after the valuations, in a thread, from the same release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, cast

from msgspec.structs import replace

from carprice_assets.listings import normalise
from carprice_assets.listings.contract import Columns
from carprice_assets.listings.notes import Note
from carprice_assets.releases.comparables import Comparables
from carprice_assets.releases.explanation import explain
from carprice_assets.releases.nearest import Suggestion, nearest, suggestions
from carprice_serving.schemas import Form, Valuation
from carprice_serving.valuers import Valuer

UNKNOWN = frozenset({"unknown_make", "unknown_model"})
MOST_SUGGESTED = 50
"""Distinct unknown names of one request that suggestions are looked for."""
NONE_KNOWN = "no_comparables"
UNEXPLAINED = "no_explanation"


def needs_details(form: Form, found: Sequence[Valuation]) -> bool:
    """Whether an answer is not complete yet."""
    return not form.plain or any(each.reasons and unknown_name(each) for each in found)


def unknown_name(valuation: Valuation) -> bool:
    """Whether nothing was learned of the car's make or model."""
    return any(reason.code in UNKNOWN for reason in valuation.reasons)


def with_details(
    valuer: Valuer, form: Form, as_of: date, found: Sequence[Valuation]
) -> list[Valuation]:
    """The valuations with what ``form`` asks for beside them."""
    known = valuer.comparables
    if known is None:
        return [_without(valuation, form) for valuation in found]
    answers = list(found)
    suggested: dict[tuple[str, str], tuple[Suggestion, ...]] = {}
    for place, valuation in enumerate(answers):
        if unknown_name(valuation):
            own = suggestions_for(known, form.cars[place], suggested)
            answers[place] = replace(valuation, suggestions=own)
    if form.plain:
        return answers
    intake, columns = valuer.read_cars(form.cars, as_of)
    for row, place in enumerate(intake.rows.tolist()):
        answers[place] = _detailed(valuer, known, form, answers[place], columns, row)
    return answers


def suggestions_for(
    known: Comparables, car: Any, found: dict[tuple[str, str], tuple[Suggestion, ...]]
) -> tuple[Suggestion, ...]:
    """Suggestions for a car's names; ``found`` keeps those of the request's earlier cars."""
    if not isinstance(car, Mapping):
        return ()
    fields = cast("Mapping[str, Any]", car)
    make = normalise.make(str(fields.get("make", "")))
    model = normalise.model(make, str(fields.get("model", "")))
    if (make, model) not in found and len(found) < MOST_SUGGESTED:
        found[make, model] = suggestions(known, make, model)
    return found.get((make, model), ())


def _detailed(
    valuer: Valuer,
    known: Comparables,
    form: Form,
    valuation: Valuation,
    columns: Columns,
    row: int,
) -> Valuation:
    if form.comparables:
        near = nearest(known, columns, row, unit=valuer.distance, count=form.comparables)
        valuation = replace(valuation, comparables=near)
    if form.explain and valuation.price is not None:
        predict = partial(valuer.value, regressor=form.regressor)
        explanation = explain(known, predict, columns, row, valuation.price)
        valuation = replace(valuation, explanation=explanation)
        if explanation is None:
            valuation = _warned(valuation, UNEXPLAINED, "this price could not be explained")
    return valuation


def _without(valuation: Valuation, form: Form) -> Valuation:
    """Say that an older version made the release, where the answer lacks something for it."""
    if form.comparables:
        told = "this release carries no comparables: an older version made it"
        valuation = _warned(valuation, NONE_KNOWN, told)
    if form.explain and valuation.price is not None:
        told = "this release cannot explain its prices: an older version made it"
        valuation = _warned(valuation, UNEXPLAINED, told)
    return valuation


def _warned(valuation: Valuation, code: str, told: str) -> Valuation:
    return replace(valuation, warnings=(*valuation.warnings, Note(code, "car", told)))
