"""The page *Value a car*: a form, and what the API answers for the car in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from carprice_assets.listings.notes import Note
from carprice_assets.releases.explanation import Contribution
from carprice_assets.releases.nearest import Suggestion
from carprice_assets.releases.rating import FIELD as ASKING_PRICE
from carprice_assets.releases.rating import UNLIKELY
from carprice_serving.bodies import single_values
from carprice_serving.pages.choices import Choices
from carprice_serving.pages.engine import Pages
from carprice_serving.pages.form import LABELS, MARKET, CarForm, car_form
from carprice_serving.pages.pictures import RangeBar, Step, range_bar, steps
from carprice_serving.schemas import Form, Valuation
from carprice_serving.valuations import Valuations
from carprice_serving.valuers import Valuer

COMPARABLES = 8
LEAST = 0.5
"""Contributions to a price that are smaller round to nothing, and are not shown."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One contribution to a price: ``name``, what the car has, and its place in the picture."""

    name: str
    contribution: Contribution
    step: Step


@dataclass(frozen=True, slots=True)
class Result:
    """A valuation as the page shows it.

    Attributes
    ----------
    bar
        None without a price or without a range.
    below
        What is asked less the price; None where either is missing.
    doubtful
        Whether what is asked is too low to be believed.
    problems
        Errors of fields, by the fields of the form; those of no field of it come last.
    notes
        Warnings of all else than the asking price.
    suggested
        Each suggestion with the addresses of its values.
    """

    valuation: Valuation
    bar: RangeBar | None
    below: float | None
    doubtful: bool
    problems: tuple[Note, ...]
    notes: tuple[Note, ...]
    reasons: tuple[Reason, ...]
    suggested: tuple[tuple[Suggestion, tuple[tuple[str, str], ...]], ...]


def value_pages(pages: Pages, valuations: Valuations) -> list[HTTPRouteHandler]:
    """The handlers of ``/value`` and of its fields alone, which its script asks for."""

    @get("/value", include_in_schema=False)
    async def value(request: Request[Any, Any, Any]) -> Response[str]:
        valuer, given = _asked(request, valuations)
        form, result, status = car_form(valuer, given), None, HTTPStatus.OK
        if form.complete:
            wanted = Form([form.car], comparables=COMPARABLES, explain=True)
            [valuation] = await valuations.of(valuer.market, wanted)
            result = shown(valuer, form, valuation)
            if result.problems:
                status = HTTPStatus.UNPROCESSABLE_ENTITY
                form = car_form(valuer, given, result.problems)
        return pages.render(
            "value.html",
            page="value",
            market=valuer.market,
            status=status,
            valuer=valuer,
            form=form,
            result=result,
        )

    @get("/value/fields", include_in_schema=False)
    async def fields(request: Request[Any, Any, Any]) -> Response[str]:
        valuer, given = _asked(request, valuations)
        return pages.render(
            "fields.html", page="value", market=valuer.market, form=car_form(valuer, given)
        )

    return [value, fields]


def _asked(
    request: Request[Any, Any, Any], valuations: Valuations
) -> tuple[Valuer, dict[str, str]]:
    """The market in the address, and what it says of the car."""
    given = {
        name: text.strip() for name, text in single_values(request.query_params.dict()).items()
    }
    return valuations.valuer(given.pop(MARKET, "") or None), given


def shown(valuer: Valuer, form: CarForm, valuation: Valuation) -> Result:
    """What the page tells of a valuation."""
    price, low, high = valuation.price, valuation.low, valuation.high
    asking = valuation.asking_price
    bar = None
    if price is not None and low is not None and high is not None:
        others = [each.price for each in valuation.comparables or ()]
        bar = range_bar(low, price, high, asking, others)
    # What is asked changes no price, so that an amount that cannot be read is a warning to the
    # API; whoever typed it is told beside the field.
    misread = [
        note for note in valuation.warnings if note.field == ASKING_PRICE and note.code != UNLIKELY
    ]
    errors = [] if valuation.supported is False else valuation.errors
    return Result(
        valuation,
        bar,
        None if price is None or asking is None else asking - price,
        any(note.code == UNLIKELY for note in valuation.warnings),
        tuple(map(_sentence, (*errors, *misread))),
        tuple(_notes(valuer, form, valuation)),
        _reasons(valuer, valuation),
        tuple(
            (each, tuple((word, _address(valuer.market, form.car, each.field, word))
                         for word in each.values))
            for each in valuation.suggestions
        ),
    )  # fmt: skip


def _notes(valuer: Valuer, form: CarForm, valuation: Valuation) -> Iterator[Note]:
    """Warnings of all else than the asking price, and of a trim that no listing has."""
    yield from (note for note in valuation.warnings if note.field != ASKING_PRICE)
    names = [str(form.car.get(name, "")) for name in ("make", "model", "trim")]
    if valuation.price is not None and not Choices.of(valuer).knows_trim(*names):
        told = f"no known listing of this model has a word of {names[2][:40]!r} in its trim"
        yield Note("unknown_word", "trim", f"{told}: counted as unknown")


def _sentence(note: Note) -> Note:
    """The same without the field's name before it: it stands beside the field."""
    return Note(note.code, note.field, note.message.removeprefix(note.field).lstrip(": "))


def _address(market: str, car: Mapping[str, Any], name: str, word: str) -> str:
    """The page of the same car with another word in one field."""
    return "/value?" + urlencode({MARKET: market, **car, name: word}) + "#result"


def _reasons(valuer: Valuer, valuation: Valuation) -> tuple[Reason, ...]:
    explanation = valuation.explanation
    if explanation is None:
        return ()
    labels = LABELS | {each.name: each.name.replace("_", " ") for each in valuer.features}
    worth = [each for each in explanation.contributions if abs(each.amount) >= LEAST]
    placed = steps(explanation.base, [each.amount for each in worth])
    return tuple(
        Reason(" and ".join(labels.get(n, n) for n in each.fields).capitalize(), each, step)
        for each, step in zip(worth, placed, strict=True)
    )
