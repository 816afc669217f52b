"""Faults of the payloads: how a field's text departs from the truth.

A fault depends on the listing id and the field alone. So an unchanged listing shows the same
payload in every scrape, and a fault in one field says nothing of another. Each function takes the
true value, the roll of its field (0 to 1) and the rates, and returns what the page shows.
"""

from __future__ import annotations

import hashlib
import html
import struct
from collections.abc import Sequence
from typing import Literal, TypeAlias, TypeVar, get_args

from carprice_assets.practice_market.catalogue import (
    ALL_WHEEL,
    FLEX_FUEL,
    FOUR_WHEEL,
    FRONT_WHEEL,
    GASOLINE,
    HYBRID,
    PLUG_IN_HYBRID,
    REAR_WHEEL,
)
from carprice_assets.practice_market.settings import DirtRates

T = TypeVar("T")

Field: TypeAlias = Literal[
    "price",
    "msrp",
    "mileage",
    "year",
    "make",
    "model",
    "trim",
    "vin",
    "bodystyle",
    "cat",
    "fuel_type",
    "drivetrain",
    "exterior_color",
    "interior_color",
    "dealer_zip",
    "repeated",
]
# The place of a field decides its rolls: new fields go to the end.
_PLACES: dict[Field, int] = {field: place for place, field in enumerate(get_args(Field))}

NOT_PRICED = "Not Priced"
ABSURD_PRICES = ("1", "1234567")
ABSURD_YEARS = ("1901", "3000")
ABSURD_MILEAGE = "9999999"
UNKNOWN = "Unknown"

MAKE_ALIASES = {"Volkswagen": "VW", "Chevrolet": "Chevy"}

DRIVETRAIN_WORDS = {
    ALL_WHEEL: ("AWD", "All Wheel Drive"),
    FOUR_WHEEL: ("4WD", "4x4"),
    FRONT_WHEEL: ("FWD",),
    REAR_WHEEL: ("RWD",),
}
FUEL_WORDS = {
    GASOLINE: ("Gas",),
    HYBRID: ("Gas/Electric Hybrid",),
    PLUG_IN_HYBRID: ("Plug-in Gas/Elec", "Electric with Ga"),
    FLEX_FUEL: ("Flex Fuel",),
}
COLOR_ABBREVIATIONS = {
    "Black": "Bk",
    "Beige": "Bge",
    "Brown": "Brn",
    "Dark": "Dk",
    "Ebony": "Ebny",
    "Gray": "Gry",
    "Light": "Lt",
    "Medium": "Med",
}


class Rolls:
    """One number from 0 to 1 for each field of a listing, made from its id.

    Examples
    --------
    >>> rolls = Rolls("00145805-763f-4d61-ba41-214dc8b921dd")
    >>> rolls["price"] == rolls["price"], rolls["price"] == rolls["msrp"]
    (True, False)
    """

    __slots__ = ("_numbers",)

    def __init__(self, listing_id: str) -> None:
        digest = hashlib.shake_128(listing_id.encode()).digest(4 * len(_PLACES))
        self._numbers: tuple[int, ...] = struct.unpack(f"<{len(_PLACES)}I", digest)

    def __getitem__(self, name: Field) -> float:
        """The roll of one field."""
        return self._numbers[_PLACES[name]] / 2**32


def choose(roll: float, alternatives: Sequence[tuple[float, T]], otherwise: T) -> T:
    """Pick the alternative in whose share of the range from 0 to 1 the roll falls.

    Examples
    --------
    >>> [choose(roll, [(0.1, "rare"), (0.2, "uncommon")], "usual") for roll in (0.05, 0.25, 0.5)]
    ['rare', 'uncommon', 'usual']
    """
    for share, value in alternatives:
        if roll < share:
            return value
        roll -= share
    return otherwise


def price(usd: int, roll: float, rates: DirtRates) -> str | None:
    """Asking price as text; null, a phrase, absurd or with a dollar sign now and then."""
    return choose(
        roll,
        [
            (rates.price_null, None),
            (rates.price_phrase, NOT_PRICED),
            *_evenly(rates.price_absurd, ABSURD_PRICES),
            (rates.money_format, money(usd)),
        ],
        str(usd),
    )


def msrp(usd: int, roll: float, rates: DirtRates, *, is_new: bool) -> str | None:
    """MSRP as text: known of most new cars and of few others."""
    if is_new:
        faults = [(rates.msrp_null_new, None), (rates.msrp_zero_new, "0")]
        return choose(roll, [*faults, (rates.money_format, money(usd))], str(usd))
    return choose(roll, [(rates.msrp_zero_old, "0"), (rates.msrp_shown_old, str(usd))], None)


def mileage(miles: int, roll: float, rates: DirtRates, *, is_new: bool) -> str | None:
    """Mileage as text: of few new cars and of most others."""
    if is_new:
        return choose(roll, [(rates.mileage_shown_new, str(miles))], None)
    return choose(
        roll,
        [
            (rates.mileage_null_old, None),
            (rates.mileage_absurd, ABSURD_MILEAGE),
            (rates.mileage_format, f"{miles:,} mi."),
        ],
        str(miles),
    )


def year(number: int, roll: float, rates: DirtRates) -> str:
    """Model year as text, seldom absurd."""
    return choose(roll, _evenly(rates.year_absurd, ABSURD_YEARS), str(number))


def make(name: str, roll: float, rates: DirtRates) -> str:
    """Make, seldom by another name, in another case or with spaces."""
    noise = (f"{name.upper()} ", name.lower(), f" {name}")
    alias = [(rates.make_alias, MAKE_ALIASES[name])] if name in MAKE_ALIASES else []
    return choose(roll, [*_evenly(rates.name_noise, noise), *alias], name)


def model(name: str, roll: float, rates: DirtRates) -> str:
    """Model, seldom with spaces around it."""
    return choose(roll, [(rates.name_noise, f" {name} ")], name)


def trim(name: str, roll: float, rates: DirtRates) -> str | None:
    """Trim, seldom absent or with a space after it."""
    return choose(roll, [*absences(rates.field_absent), (rates.name_noise, f"{name} ")], name)


def drivetrain(name: str, roll: float, rates: DirtRates) -> str | None:
    """Drivetrain, in one of several vocabularies."""
    unknown: list[tuple[float, str | None]] = [(rates.field_absent, None)]
    unknown.append((rates.field_absent, UNKNOWN))
    return choose(roll, [*unknown, *_evenly(rates.vocabulary, DRIVETRAIN_WORDS[name])], name)


def fuel_type(name: str, roll: float, rates: DirtRates) -> str | None:
    """Fuel type, in one of several vocabularies."""
    share = rates.plug_in_vocabulary if name == PLUG_IN_HYBRID else rates.vocabulary
    words = _evenly(share, FUEL_WORDS.get(name, ()))
    return choose(roll, [*absences(rates.field_absent), *words], name)


def exterior_color(name: str, roll: float, rates: DirtRates) -> str | None:
    """Exterior colour, seldom absent."""
    return choose(roll, absences(rates.color_absent), name)


def interior_color(name: str, roll: float, rates: DirtRates) -> str | None:
    """Interior colour, at times absent or abbreviated."""
    absent = absences(3 * rates.color_absent)
    return choose(roll, [*absent, (rates.interior_short, abbreviated(name))], name)


def plain(value: str, roll: float, rates: DirtRates) -> str | None:
    """Any other field, seldom absent."""
    return choose(roll, absences(rates.field_absent), value)


def dealer_name(name: str) -> str:
    """Name as the page's script holds it, with HTML entities.

    Examples
    --------
    >>> dealer_name("O'Brien & Sons Ford")
    'O&#39;Brien &amp; Sons Ford'
    """
    return html.escape(name).replace("&#x27;", "&#39;")


def abbreviated(color: str) -> str:
    """Shorten the words of a colour that have a short form.

    Examples
    --------
    >>> abbreviated("Black / Medium Dark Slate")
    'Bk / Med Dk Slate'
    """
    return " ".join(COLOR_ABBREVIATIONS.get(word, word) for word in color.split(" "))


def money(usd: int) -> str:
    """USD as cards write them.

    Examples
    --------
    >>> money(24000)
    '$24,000'
    """
    return f"${usd:,}"


def absences(share: float) -> list[tuple[float, str | None]]:
    """Null and the empty text, half of the share each."""
    return [(share / 2, None), (share / 2, "")]


def _evenly(share: float, values: Sequence[str]) -> list[tuple[float, str]]:
    """Values that split a share among them."""
    return [(share / len(values), value) for value in values]
