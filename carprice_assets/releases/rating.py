"""The deal rating: where an asking price lies in the range of a car's price."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

from carprice_assets.listings import normalise
from carprice_assets.listings.notes import Note

FIELD = "asking_price"
UNLIKELY = "implausible"
"""Code of the note about an asking price that is too low to be believed."""
MOST = 1e8
FAIR = 1.0 / 3.0
"""Part of the way from the price to an end of its range, in log price, that is fair. With ranges
of 90 % about half of all asking prices are fair, and one in twenty is great or overpriced."""

IMPLAUSIBLE = 0.5
"""Part of the range's low end below which an asking price is more often an error, a deposit or a
lure than a bargain: it is rated as any other, with a warning."""

DealRating: TypeAlias = Literal["great", "good", "fair", "high", "overpriced"]
RATINGS: tuple[DealRating, ...] = ("great", "good", "fair", "high", "overpriced")


def rate(asking: float, low: float, price: float, high: float) -> DealRating:
    """``great`` below the range, ``overpriced`` above it, ``fair`` near the price.

    ``good`` and ``high`` lie between. Amounts are in one currency, 0 < low <= price <= high.
    """
    if asking < low:
        return "great"
    if asking > high:
        return "overpriced"
    end = low if asking < price else high
    reach = abs(math.log(end / price))
    if not reach or abs(math.log(asking / price)) <= FAIR * reach:
        return "fair"
    return "good" if asking < price else "high"


def read_asking_price(value: Any, currency: str) -> tuple[float | None, Note | None]:
    """An amount above 0 in ``currency``, or None with a note that says what is wrong with it.

    None, an empty text and 0 mean that there is none.
    """
    if value is None or value == "":
        return None, None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None, Note("wrong_type", FIELD, f"{FIELD} must be a number: it was left out")
    stated = normalise.currency(value) if isinstance(value, str) else ""
    if stated and currency and stated != currency:
        told = f"{FIELD} is in {stated}, the market's currency is {currency}: it was left out"
        return None, Note("wrong_type", FIELD, told)
    amount = normalise.number(value)
    if math.isnan(amount):
        return None, Note("wrong_type", FIELD, f"{FIELD} must be a number: it was left out")
    if amount == 0:
        return None, None
    if not 0 < amount <= MOST:
        told = f"{FIELD} must be above 0 and at most {MOST:.0f}: it was left out"
        return None, Note("out_of_range", FIELD, told)
    return round(amount, 2), None


def rated(
    given: Any, currency: str, price: float | None, low: float | None, high: float | None
) -> tuple[float | None, DealRating | None, Note | None]:
    """What an asking price as it was sent comes to: amount, rating, and what is odd about it.

    ``price``, ``low`` and ``high`` are the amounts as they are answered, None where there are
    none; then there is no rating. The note ``implausible`` stands beside an amount and a rating;
    any other says why there is no amount.
    """
    asking, note = read_asking_price(given, currency)
    if asking is None or price is None or low is None or high is None:
        return asking, None, note
    if asking < IMPLAUSIBLE * low:
        told = (
            f"{FIELD} is less than half of {low:.0f}, the low end of the range: such a price is"
            " more often an error or a fraud than a bargain"
        )
        note = Note(UNLIKELY, FIELD, told)
    return asking, rate(asking, low, price, high), note
