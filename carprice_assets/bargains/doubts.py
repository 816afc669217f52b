"""Doubts: why an offer below its range may be an error or a fraud rather than a bargain."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, cast

from carprice_assets.features.limits import UNSUPPORTED
from carprice_assets.listings.contract import NEW
from carprice_assets.listings.notes import Note

GRAVE = frozenset(
    {
        *("salvage", "placeholder_price", "price_typo", "digit_missing", "monthly_rate"),
        *("too_cheap", "price_rejected", "dealer_lures", "unsupported"),
    }
)
"""Codes that set an offer apart; the others are told beside a bargain."""
SLIPS = frozenset({"placeholder_price", "price_typo"})
"""Codes that say of a price above the expected one that it is none."""
LOWERING = frozenset({"like_comparables"})
"""Codes of doubts about the saving itself: such offers stand behind the others of a list."""

SALVAGE = re.compile(
    r"\b(salvage|rebuilt|rebuildable|reconstructed|flood(?:ed)?|water[- ]damaged?|hail[- ]damaged?"
    r"|fire[- ]damaged?|frame[- ]damaged?|total(?:led)?[- ]loss|totall?ed|lemon[- ]law|buy ?back"
    r"|branded title|junk title|parts only|for parts|not? running|does not run|non[- ]?runner"
    r"|accident damaged?|mechanic'?s special|bastlerfahrzeug|unfallwagen|totalschaden)\b",
    re.IGNORECASE,
)
CLEAN = re.compile(r"\b(?:no|not|never|without|free of|non)[\s-]+(?:\w+\s+){0,2}$", re.IGNORECASE)
"""What before a salvage word turns it into its opposite."""
TITLE_KEYS = {"clean_title": False, "salvage": True, "is_salvage": True, "salvage_title": True}
"""Keys of a payload whose value says that a title is branded."""

RUNS = re.compile(r"1|12|123|1234|123456|1234567|12345678|0*|(\d)\1{4,}|(\d)\2{2}")
"""Keys pressed to fill a field: 1, 1234567, 999999, 111."""
DIGIT = 10.0
MONTHS = (24.0, 96.0)
RATE_SHARE = 0.06
"""A monthly rate is at most this share of the expected price."""
FAR = 4.0
"""Times below the expected price at which a price is a slip."""
ABOVE = 10.0
"""Times above its range at which a price is a slip; what is dearer by less is merely dear."""
SLIPPED = 6.5
"""Times the expected price from which on a digit or two too many explain a price."""
RAISED, RAISED_SHARE = 3, 0.10
"""Listings of a dealer that were raised again, and their share of all his, that make a pattern."""
ALIKE = 4
"""Comparables that a doubt about the expected price takes, at least."""
LOW, LOW_SHARE, MOST_SHARE = 5, 0.25, 0.5
"""Current offers of a dealer far below their range, the share of all his that is worth telling,
and the one from which on his prices are believed less than his cars: they leave something out."""


@dataclass(frozen=True)
class Dealing:
    """What is known of a dealer.

    Attributes
    ----------
    raised
        Listings whose price rose by 15 % or more after they were on offer, or whose vehicle came
        back dearer by as much under another listing.
    listings
        All his listings that were ever seen.
    offers, low_offers
        Current offers, and those below their range by the market's least saving.
    """

    raised: int = 0
    listings: int = 0
    offers: int = 0
    low_offers: int = 0

    @property
    def lures(self) -> bool:
        """Whether that is a pattern of lures.

        Low prices alone are none: on real cards the low offers of such dealers were raised no
        more often than those of others. So most of his offers must be low, or prices raised.
        """
        raised = self.raised >= RAISED and self.raised >= RAISED_SHARE * self.listings
        return raised or self._low(MOST_SHARE)

    @property
    def sells_low(self) -> bool:
        """Whether many of his offers are far below their range."""
        return self._low(LOW_SHARE)

    def _low(self, share: float) -> bool:
        return self.low_offers >= LOW and self.low_offers >= share * self.offers


def price_doubts(
    price: float, expected: float, low: float, *, too_cheap: float, very_cheap: float = 0.0
) -> list[Note]:
    """Doubts about the price alone; ``expected`` and ``low`` are NaN without a valuation."""
    digits = f"{price:.0f}"
    odd = bool(RUNS.fullmatch(digits))
    if not math.isfinite(expected):
        return [_note("placeholder_price", f"{digits} looks typed to fill the field")] * odd
    ratio = price / expected
    if odd and not low / expected <= ratio <= expected / low:
        return [_note("placeholder_price", f"{digits} looks typed to fill the field")]
    if ratio < too_cheap and low <= price * DIGIT <= expected * expected / low:
        return [_note("digit_missing", f"with one digit more it would be {price * DIGIT:,.0f}")]
    if ratio <= RATE_SHARE and MONTHS[0] <= expected / price <= MONTHS[1]:
        return [_note("monthly_rate", f"{digits} looks like a monthly rate")]
    if ratio > 1:
        return _far_above(price, expected, low)
    if ratio < 1 / FAR:
        return [_note("price_typo", f"{ratio:.2g} times the expected price is a slip")]
    if ratio < too_cheap:
        told = f"{ratio:.0%} of the expected price is more likely an error or a fraud"
        return [_note("too_cheap", told)]
    if ratio < very_cheap:
        told = f"{1 - ratio:.0%} below the expected price is a lot: check why"
        return [_note("very_cheap", told)]
    return []


def _far_above(price: float, expected: float, low: float) -> list[Note]:
    """A doubt where a price above the expected one is a slip, and not merely that of a dear car."""
    ratio, high = price / expected, expected * expected / low
    if price <= high:
        return []
    for times in (DIGIT, DIGIT * DIGIT):
        if ratio >= SLIPPED and low <= price / times <= high:
            digits = "one digit" if times == DIGIT else "two digits"
            told = f"with {digits} fewer it would be {price / times:,.0f}"
            return [_note("price_typo", told)]
    if price > ABOVE * high:
        return [_note("price_typo", f"{ratio:.2g} times the expected price is a slip")]
    return []


def comparables_doubts(price: float, others: Sequence[float], limit: float) -> list[Note]:
    """A doubt where cars like it are asked no more for: ``others`` are their asking prices.

    What is expected of a car may then be wrong, or what makes it cheaper than the rest of its
    kind is in none of its fields.
    """
    if len(others) < ALIKE or price < limit * (middle := median(others)):
        return []
    told = f"{len(others)} comparables on sale are asked {middle:,.0f} for, in the middle"
    return [_note("like_comparables", told)]


def wording_doubts(texts: Sequence[str]) -> list[Note]:
    """A doubt where any of an offer's texts says that the car is damaged or its title branded."""
    for text in texts:
        for found in SALVAGE.finditer(text):
            if not CLEAN.search(text[: found.start()]):
                return [_note("salvage", f"its page says {found.group(0).lower()!r}", "page")]
    return []


def payload_doubts(payload: str) -> list[Note]:
    """Doubts from the verbatim payload: its words, and keys that say a title is branded."""
    try:
        content: Any = json.loads(payload)
    except ValueError:
        return wording_doubts([payload])
    texts: list[str] = []
    for key, value in _leaves(content):
        name = key.lower()
        if name in TITLE_KEYS and value is TITLE_KEYS[name]:
            return [_note("salvage", f"its page says {name}: {str(value).lower()}", "page")]
        if isinstance(value, str):
            texts.append(value)
    return wording_doubts(texts)


def car_doubts(mileage: float, stock_type: str, notes: Sequence[Note]) -> list[Note]:
    """A missing mileage, and what the feature set says of the car."""
    found: list[Note] = []
    if math.isnan(mileage) and stock_type != NEW:
        found.append(_note("missing_mileage", "its mileage is not stated", "mileage"))
    unsupported = [note for note in notes if note.code in UNSUPPORTED]
    if unsupported:
        found.append(Note("unsupported", unsupported[0].field, unsupported[0].message))
    return found


def dealer_doubts(dealing: Dealing) -> list[Note]:
    """What a dealer's other offers say of this one: a pattern of lures, or that he sells low."""
    low = f"{dealing.low_offers} of {dealing.offers} offers of the dealer are far below their range"
    if dealing.lures:
        raised = f"{dealing.raised} of {dealing.listings} listings of the dealer were raised again"
        told = ", ".join([raised] * bool(dealing.raised) + [low] * bool(dealing.low_offers))
        return [_note("dealer_lures", told, "dealer")]
    return [_note("dealer_low", low, "dealer")] if dealing.sells_low else []


def is_grave(doubts: Sequence[Note]) -> bool:
    """Whether any of the doubts sets an offer apart."""
    return any(doubt.code in GRAVE for doubt in doubts)


def is_slip(doubts: Sequence[Note]) -> bool:
    """Whether any of the doubts says that a high price is a slip of typing."""
    return any(doubt.code in SLIPS for doubt in doubts)


def lowers(doubts: Sequence[Note]) -> bool:
    """Whether any of the doubts puts an offer behind the others."""
    return any(doubt.code in LOWERING for doubt in doubts)


def _note(code: str, message: str, field: str = "price") -> Note:
    return Note(code, field, message)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value below ``value`` with the key that it stands under."""
    waiting: list[tuple[str, Any]] = [(key, value)]
    while waiting:
        name, each = waiting.pop()
        if isinstance(each, dict):
            waiting.extend(cast("dict[str, Any]", each).items())
        elif isinstance(each, list):
            waiting.extend((name, part) for part in cast("list[Any]", each))
        else:
            yield name, each
