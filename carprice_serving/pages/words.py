"""Numbers as people read them: money, mileage, shares and days, in a market's own units."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
"""Currencies whose sign leaves no doubt; others stand behind the amount by their code."""
MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}[\d:.]*(\+00:00|Z))?(?![\w-])")
"""A day, or a moment of UTC, as programs write them."""
NONE = "\N{EN DASH}"
"""Stands where there is nothing to tell."""


def count(number: float | None) -> str:
    """A whole number with its thousands apart."""
    if number is None or not math.isfinite(number):
        return NONE
    told = f"{abs(number):,.0f}"
    return MINUS + told if number < 0 and told != "0" else told


def money(amount: float | None, currency: str) -> str:
    """An amount in whole units of ``currency``."""
    if amount is None or not math.isfinite(amount):
        return NONE
    told = f"{abs(amount):,.0f}"
    minus = MINUS if amount < 0 and told != "0" else ""
    sign = SIGNS.get(currency, "")
    return f"{minus}{sign}{told}" if sign else f"{minus}{told}\N{NO-BREAK SPACE}{currency}"


def signed(amount: float, currency: str) -> str:
    """A difference in money, with its plus or minus."""
    told = money(amount, currency)
    return told if told.startswith(MINUS) or not round(amount) else f"+{told}"


def distance(number: float | None, unit: str) -> str:
    """A mileage with its unit."""
    if number is None or not math.isfinite(number):
        return NONE
    return f"{count(number)}\N{NO-BREAK SPACE}{unit}"


def share(part: float | None, digits: int = 0) -> str:
    """A part of one in per cent."""
    if part is None or not math.isfinite(part):
        return NONE
    return f"{100 * part:.{digits}f}{THIN}%".replace("-", MINUS)


def day(given: date | datetime | str | None) -> str:
    """A day as ``3 Nov 2026``; ISO texts are read."""
    if not given:
        return NONE
    if isinstance(given, str):
        given = datetime.fromisoformat(given)
    return f"{given.day} {given:%b %Y}"


def moment(given: datetime | str | None) -> str:
    """A day and minute of UTC."""
    if not given:
        return NONE
    if isinstance(given, str):
        given = datetime.fromisoformat(given)
    return f"{day(given)}, {given:%H:%M} UTC"


def short(address: str | None) -> str:
    """The first letters of a hash, enough to tell it from others."""
    return address[:12] if address else NONE


def decimal(number: float | None, digits: int = 2) -> str:
    """A number with so many decimals."""
    if number is None or not math.isfinite(number):
        return NONE
    return f"{number:,.{digits}f}".replace("-", MINUS)


def stated(value: str | float, fields: Sequence[str], currency: str, unit: str) -> str:
    """What a car has in a field, in the field's unit."""
    if isinstance(value, str):
        return value
    if "msrp" in fields:
        return money(value, currency)
    return distance(value, unit) if "mileage" in fields else f"{value:g}"


def sentence(text: str) -> str:
    """A message with a capital first letter."""
    return text[:1].upper() + text[1:]


def dated(text: str) -> str:
    """A message with its days and moments as people read them."""

    def told(found: re.Match[str]) -> str:
        try:
            return moment(found[0]) if found[1] else day(found[0])
        except ValueError:  # it only looks like one
            return found[0]

    return ISO.sub(told, text)


def cut(text: str, most: int) -> str:
    """A text of at most ``most`` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def words(code: str) -> str:
    """A name of code as words: ``random_forest`` is ``random forest``."""
    return code.replace("_", " ")


_TOLD = (
    count,
    decimal,
    money,
    signed,
    distance,
    share,
    day,
    moment,
    short,
    stated,
    sentence,
    dated,
    cut,
)
FILTERS = {each.__name__: each for each in _TOLD} | {"spaced": words}
"""What templates call them; each takes what it tells first."""
