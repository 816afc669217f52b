"""One spelling for one thing: makes, models, groups, colours, numbers.

Pure and total functions: any text gives an answer, ``""`` or NaN where nothing is known.
Cleaning calls them on distinct values, the service on every request. Each is idempotent, and
case and spaces make no difference to known words.
"""

from __future__ import annotations

import difflib
import html
import math
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from carprice_assets.listings.vocabulary import key, load

LONGEST = 300
"""Characters of a text that are read; names on a page are shorter."""

CACHE = 1 << 16

_PLACEHOLDERS = frozenset(
    (
        *("-", "--", "–", "—", "?", "n/a", "na", "nan", "none", "null", "tbd"),
        *("unknown", "unspecified", "not available", "not specified", "not provided"),
    )
)
_MOJIBAKE_SPACE = re.compile("Â(?=\\s|$)")
_LETTERED = re.compile(r"([a-z]{1,3})[ -]?[0-9]{2,3}(?![0-9])", re.IGNORECASE | re.ASCII)

KNOWN_MAKES: tuple[str, ...] = tuple(sorted(load().makes, key=str.casefold))


def tidy(text: str) -> str:
    """The text without HTML entities, control characters and spare spaces.

    Placeholders such as a dash, ``N/A`` or ``Unknown`` give ``""``.
    """
    return _tidy(text[:LONGEST])


@lru_cache(maxsize=CACHE)
def _tidy(text: str) -> str:
    if text.isascii() and text.isprintable() and "&" not in text:
        text = " ".join(text.split())
    else:
        # One entity may hide another, and composed letters may close one: until nothing changes.
        while (cleaner := _tidy_once(text)) != text:
            text = cleaner
    return "" if text.lower() in _PLACEHOLDERS else text


# Only what ends with a semicolon: browsers also read "&not" without one, but "R&NOT" is a name.
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")


def _unescaped(entity: re.Match[str]) -> str:
    """The letter of an entity, whatever the case of its name."""
    plain = html.unescape(entity[0])
    return plain if plain != entity[0] else html.unescape(entity[0].lower())


def _tidy_once(text: str) -> str:
    if not text.isascii():
        # A no-break space read in the wrong encoding leaves this letter behind.
        text = _MOJIBAKE_SPACE.sub(" ", unicodedata.normalize("NFC", text))
    if "&" in text:
        text = _ENTITY.sub(_unescaped, text)
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())


MARKUP_LENGTH = 2_000
"""Characters in which markup is looked for; more never reaches a listing."""

_MARKUP = re.compile(
    r"""
    <[!?/]?[a-z][a-z0-9:-]*(?=[\s/>\[-]|$)
    | <!-- | (?:java|vb)script: | data:text/html
    | \bon(?:error|load|unload|click|dblclick|mouse[a-z]+|key[a-z]+|touch[a-z]+|pointer[a-z]+
        |focus[a-z]*|blur|change|input|submit|reset|select|toggle|begin|end|wheel|scroll|resize
        |drag[a-z]*|drop|copy|cut|paste|animation[a-z]+|transition[a-z]+)\s*=
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_MARKUP_SIGNS = re.compile("[<&]|:|=")
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f\xad\u200b-\u200f\ufeff]")


def holds_markup(text: str) -> bool:
    """Whether a text holds a tag, an event handler or a script's address, escaped or not.

    ``< 500 mi`` and ``&#39;`` are ordinary text; ``&lt;script&gt;`` is not, since entities are
    read once more on every way to a page.
    """
    if not _MARKUP_SIGNS.search(text):
        return False
    text = text[:MARKUP_LENGTH]
    while not _MARKUP.search(text) and not _MARKUP.search(_NOT_SHOWN.sub("", text)):
        if "&" not in text or (plainer := html.unescape(text)) == text:
            return False
        text = plainer
    return True


def make(text: str) -> str:
    """The maker's name: ``VW`` and ``volkswagen`` give ``Volkswagen``, unknown ones title case."""
    return _make(text[:LONGEST])


@lru_cache(maxsize=CACHE)
def _make(text: str) -> str:
    text = _tidy(text)
    known = load().spellings.get(key(text))
    return known or " ".join(_title(word) for word in text.split())


def _title(word: str) -> str:
    return word[:1].upper() + word[1:].lower() if word.isascii() else word


def model(make: str, text: str) -> str:
    """The model's name as marketplaces write it, where it is known for ``make``; else as given.

    The text holds the model alone; :func:`carprice_assets.listings.titles.model_and_trim` takes
    one that may hold trim words too.
    """
    return _model(make[:LONGEST], text[:LONGEST])


@lru_cache(maxsize=CACHE)
def _model(make: str, text: str) -> str:
    maker = _make(make)
    text = without_make(maker, _tidy(text))
    known = load().makes.get(maker)
    if known is None:
        return text
    if entry := known.entries.get(key(text)):
        return entry.model
    return lettered_model(maker, text, whole=True) or text


def without_make(make: str, text: str) -> str:
    """A model's text without the make in front, or the second half of its name.

    ``Ford F-150`` gives ``F-150``; of Land Rover ``Rover Discovery`` gives ``Discovery``. What
    is a known model stays whole, and so does the make alone.
    """
    maker = load().makes.get(make)
    names = {key(make), key(make.partition(" ")[2])} - {""}
    words = text.split()
    while len(words) > 1 and (maker is None or key(" ".join(words)) not in maker.entries):
        size = next((n for n in (1, 2) if key(" ".join(words[:n])) in names), 0)
        if not 0 < size < len(words):
            break
        words = words[size:]
    return _tidy(" ".join(words))


def lettered_model(make: str, text: str, *, whole: bool = False) -> str:
    """The model that a trim such as ``C 300 4MATIC`` belongs to, or ``""``.

    ``whole`` asks that nothing stands behind the number.
    """
    known = load().makes.get(make)
    if known is None or not known.lettered:
        return ""
    found = _LETTERED.fullmatch(text) if whole else _LETTERED.match(text)
    return known.lettered.get(found[1].upper(), "") if found else ""


def trim(text: str) -> str:
    """Trim words, tidied."""
    return tidy(text)


def color(text: str) -> str:
    """A colour's name, tidied; its words stay whole."""
    return tidy(text)


def category(text: str) -> str:
    """The marketplace's category in lower case, such as ``suv_midsize``."""
    return "_".join(tidy(text).lower().split())


def drivetrain(text: str) -> str:
    """One of the contract's ``DRIVETRAINS``, or ``""``: ``2WD`` does not say which wheels."""
    return _group("drivetrain", text[:LONGEST])


def fuel_type(text: str) -> str:
    """One of the contract's ``FUEL_TYPES``, or ``""``."""
    return _group("fuel_type", text[:LONGEST])


def bodystyle(text: str) -> str:
    """One of the contract's ``BODYSTYLES``, or ``""``."""
    return _group("bodystyle", text[:LONGEST])


def stock_type(text: str) -> str:
    """One of the contract's ``STOCK_TYPES``, or ``""``; ``Ford Certified`` is Certified."""
    return _group("stock_type", text[:LONGEST])


@lru_cache(maxsize=CACHE)
def _group(name: str, text: str) -> str:
    compact = key(_tidy(text)).replace("_", "")
    for rule in load().groups[name]:
        if rule.pattern.search(compact):
            return rule.value
    return ""


def known_models(make: str) -> tuple[str, ...]:
    """The models known for a make, in any spelling of it; none for an unknown make."""
    known = load().makes.get(_make(make[:LONGEST]))
    return known.models if known else ()


def suggest(word: str, candidates: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The candidates whose spelling is nearest to ``word``, best first, ``count`` at most.

    Nearness is :mod:`difflib`'s ratio of the :func:`key` forms, 0.6 at least.
    """
    by_key = {key(candidate): candidate for candidate in candidates}
    near = difflib.get_close_matches(key(word[:LONGEST]), by_key, n=count) if count > 0 else []
    return tuple(by_key[found] for found in near)


_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_VALUES = {
    letter: int(digit)
    for letter, digit in zip(
        "0123456789ABCDEFGHJKLMNPRSTUVWXYZ", "012345678912345678123457923456789", strict=True
    )
}
_CHECK = 8


def vin(text: str) -> str:
    """The vehicle identification number in capitals, or ``""``.

    17 characters without I, O and Q, whose ninth is the check digit of 49 CFR 565.15.
    """
    found = "".join(text[:LONGEST].split()).replace("-", "").upper()
    if not _VIN.fullmatch(found):
        return ""
    total = sum(_VIN_VALUES[c] * weight for c, weight in zip(found, _VIN_WEIGHTS, strict=True))
    return found if found[_CHECK] == "0123456789X"[total % 11] else ""


KM_PER_MILE = 1.609344

_CURRENCY_SIGNS = {"€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "US$": "USD", "C$": "CAD"}
_CODES = "USD|EUR|GBP|CAD|JPY|MXN|COP|CHF|AUD|INR|CNY"
_CURRENCY_MARK = re.compile(rf"US\$|C\$|[€£¥₹]|{_CODES}", re.IGNORECASE)
_GROUP_MARKS = re.compile("[, '\u2019]")
_DOTTED = re.compile(r"(?<![0-9.,])[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]{1,2})?(?![0-9.,e])")
_NUMBER = re.compile(
    rf"""(?:(?:MSRP|price|mileage|odometer)\b[:\ ]*)?
    (?P<sign>[+-]?)\ ?(?:(?:US\$|C\$|[$€£¥₹]|{_CODES})\ ?)?
    (?P<digits>[+-]?(?:
        [0-9]{{1,3}}(?:[,\ '\u2019][0-9]{{3}})+(?:\.[0-9]*)?
        |[0-9]+\.?[0-9]*(?:e[+-]?[0-9]{{1,3}})?
        |\.[0-9]+))
    \ ?(?P<thousand>k(?![a-z]))?
    \ ?(?P<unit>mi\.?|miles?|kms?\.?|kilomet(?:er|re)s?|[$€£¥₹]|{_CODES})?""",
    re.IGNORECASE | re.VERBOSE,
)


def number(value: str | float | None) -> float:
    """The number that a value holds, or NaN: ``$24,000``, ``30,384 mi.``, ``1.2e4``, ``24.5k``.

    Units are passed over: :func:`mileage` and :func:`currency` read them. Infinite values and
    truth values give NaN.
    """
    if isinstance(value, str):
        return _number(value[:LONGEST])[0]
    if value is None or isinstance(value, bool):
        return math.nan
    try:
        found = float(value)
    except OverflowError:
        return math.nan
    return found if math.isfinite(found) else math.nan


def _ungrouped(text: str) -> str:
    """Dots that group thousands taken out: ``30.000 km``, ``1.234.567``, ``23.900,50``.

    Three digits after a dot are thousands here: no car is listed at 30.000 with three decimals.
    """
    return _DOTTED.sub(lambda m: m[0].replace(".", "").replace(",", "."), text)


@lru_cache(maxsize=CACHE)
def _number(text: str) -> tuple[float, str]:
    found = _NUMBER.fullmatch(_ungrouped(_tidy(text).replace("\u2212", "-")))
    if found is None:
        return math.nan, ""
    parsed = float(_GROUP_MARKS.sub("", found["digits"])) * (1000 if found["thousand"] else 1)
    if found["sign"] == "-":
        parsed = -parsed
    return (parsed if math.isfinite(parsed) else math.nan), (found["unit"] or "").lower()


def mileage(value: str | float | None, distance: str) -> float:
    """An odometer in ``distance`` (``mi`` or ``km``), or NaN.

    A text that states the other unit is converted; a bare number is in ``distance``.
    """
    found = number(value)
    if isinstance(value, str):
        unit = _number(value[:LONGEST])[1]
        if distance == "mi" and unit.startswith("k"):
            return found / KM_PER_MILE
        if distance == "km" and unit.startswith("mi"):
            return found * KM_PER_MILE
    return found


def currency(text: str) -> str:
    """The currency code that a text states (``€30,000``: EUR), or ``""``; ``$`` says nothing."""
    found = _CURRENCY_MARK.search(text[:LONGEST])
    if found is None:
        return ""
    mark = found[0].upper()
    return _CURRENCY_SIGNS.get(mark, mark)
