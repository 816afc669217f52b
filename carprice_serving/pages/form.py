"""The form of a car: its fields in a market's units, with lists, usual values and errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from carprice_assets.features.columns import folded
from carprice_assets.listings import normalise
from carprice_assets.listings.contract import BODYSTYLES, DRIVETRAINS, FUEL_TYPES, STOCK_TYPES
from carprice_assets.listings.notes import Note
from carprice_assets.markets.features import DeclaredFeature
from carprice_assets.releases.rating import FIELD as ASKING_PRICE
from carprice_serving.pages.choices import Choices
from carprice_serving.valuers import Valuer

MARKET = "market"
LABELS = {
    "make": "Make",
    "model": "Model",
    "trim": "Trim",
    "year": "Year",
    "mileage": "Mileage",
    "stock_type": "Condition",
    ASKING_PRICE: "Asking price",
    "msrp": "Price when new",
    "drivetrain": "Drivetrain",
    "fuel_type": "Fuel",
    "bodystyle": "Body",
    "cat": "Category",
    "exterior_color": "Colour outside",
    "interior_color": "Colour inside",
}
CLOSED = {"drivetrain": DRIVETRAINS, "fuel_type": FUEL_TYPES, "bodystyle": BODYSTYLES}
MORE = ("msrp", "drivetrain", "fuel_type", "bodystyle", "cat", "exterior_color", "interior_color")


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the form.

    Attributes
    ----------
    options
        A closed list to choose from; None for a field to type in.
    listed
        What is offered while typing.
    unit
        Of a number.
    filled
        Whether ``value`` is what is usual, and not what was given.
    error
        What is wrong with it.
    """

    name: str
    label: str
    value: str = ""
    options: tuple[str, ...] | None = None
    listed: tuple[str, ...] = ()
    unit: str = ""
    hint: str = ""
    required: bool = False
    filled: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class CarForm:
    """The fields of a car, in order.

    Attributes
    ----------
    details, more
        Shown once the model is chosen; ``more`` are folded away.
    car
        As it is valued: what was given or filled in.
    """

    make: Input
    model: Input
    details: tuple[Input, ...]
    more: tuple[Input, ...]
    car: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def complete(self) -> bool:
        """Whether there is a car to be valued."""
        return bool(self.make.value and self.model.value)

    @property
    def title(self) -> str:
        """The car in a few words."""
        names = ("year", "make", "model", "trim")
        return " ".join(str(self.car[name]) for name in names if name in self.car)

    @property
    def fields(self) -> tuple[Input, ...]:
        """All of them."""
        return (self.make, self.model, *self.details, *self.more)

    @property
    def labels(self) -> dict[str, str]:
        """Of each field what people call it."""
        return {each.name: each.label for each in self.fields}

    @property
    def more_open(self) -> bool:
        """Whether one of the folded fields was given, or has an error."""
        return any((each.value and not each.filled) or each.error for each in self.more)


def car_form(valuer: Valuer, given: Mapping[str, str], errors: Sequence[Note] = ()) -> CarForm:
    """The form for what an address gives.

    A field that ``given`` does not name is filled with what is usual; one that it names empty
    is not stated. Texts that no list has stay as they are.
    """
    choices = Choices.of(valuer)
    makes = choices.makes()
    make = _spelled(normalise.make(given.get("make", "")), makes)
    models = choices.models(make) if make else []
    model = _spelled(normalise.model(make, given.get("model", "")), models)
    usual = choices.usual(make, model, given) if make and model else {}
    wrong = {note.field: note.message for note in reversed(errors)}

    def field_of(name: str, **more: Any) -> Input:
        return Input(
            name,
            more.pop("label", LABELS.get(name, name)),
            usual.get(name, given.get(name, "")),
            filled=name in usual,
            error=wrong.get(name, ""),
            **more,
        )

    first = (
        Input("make", LABELS["make"], make, _with(makes, make), required=True,
              error=wrong.get("make", "")),
        Input("model", LABELS["model"], model, _with(models, model), required=True,
              error=wrong.get("model", "")),
    )  # fmt: skip
    if not (make and model):
        return CarForm(*first, (), ())
    years = [str(year) for year in choices.years(make, model)]
    money = {"unit": valuer.currency}
    details = (
        field_of("trim", listed=tuple(choices.trims(make, model))),
        field_of("year", options=_with(years, given.get("year", "")), required=True),
        field_of("stock_type", options=STOCK_TYPES),
        field_of("mileage", unit=valuer.distance),
        field_of(ASKING_PRICE, hint="It is rated, and changes no price", **money),
    )
    special: dict[str, dict[str, Any]] = {"msrp": money} | {
        name: {"options": words} for name, words in CLOSED.items()
    }
    more = (
        *(field_of(name, **special.get(name, {})) for name in MORE),
        *(field_of(each.name, **_declared(each)) for each in valuer.features),
    )
    form = CarForm(*first, details, more)
    car = {each.name: _plain(each) for each in form.fields if each.value}
    return CarForm(*first, details, more, car)


def _declared(feature: DeclaredFeature) -> dict[str, Any]:
    """How a feature of the market's own is asked for."""
    hint = feature.doc
    ends = [f"{word} {end:g}" for word, end in (("from", feature.low), ("to", feature.high))
            if math.isfinite(end)]  # fmt: skip
    return {
        "label": feature.name.replace("_", " ").capitalize(),
        "options": feature.values or None,
        "unit": feature.unit,
        "hint": ", ".join([hint, *ends] if hint else ends),
    }


def _plain(each: Input) -> Any:
    """A year as a number, all else as it was written: both are read as the API reads them."""
    text = each.value
    return int(text) if each.name == "year" and text.isascii() and text.isdigit() else text


def _spelled(word: str, known: Sequence[str]) -> str:
    """A word in the spelling of the list, where it has it."""
    own = folded(word)
    return next((each for each in known if folded(each) == own), word)


def _with(options: Sequence[str], value: str) -> tuple[str, ...]:
    """The options, and before them what was given where it is none of them."""
    return tuple(options) if not value or value in options else (value, *options)
