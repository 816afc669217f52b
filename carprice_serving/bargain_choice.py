"""What of a list is wanted: filters and order, read from an address alike by API and page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.listings import normalise
from carprice_serving.bargain_lists import BargainLists, ShownList
from carprice_serving.bargain_schemas import Bargain, BargainsAnswer
from carprice_serving.problems import RequestProblem
from carprice_serving.schemas import FieldError

LIMIT, MOST, LONGEST = 20, 100, 100
YEARS, OFFSETS = (1900, 2100), (0, 1_000_000)
SWITCH = {"": False, "false": False, "0": False, "true": True, "1": True, "on": True}


def _or(value: float | None, missing: float) -> float:
    return missing if value is None else value


SORTS: Mapping[str, Callable[[Bargain], float]] = {
    "rank": lambda each: 0,
    "saving": lambda each: -_or(each.saving, -math.inf),
    "saving_share": lambda each: -_or(each.saving_share, -math.inf),
    "price": lambda each: each.price,
    "newest": lambda each: -each.first_seen.toordinal(),
    "year": lambda each: -each.year,
    "mileage": lambda each: _or(each.mileage, math.inf),
}
"""Orders by name, each with what is sorted by; equals stay in the order of the list."""


@dataclass(frozen=True)
class Wanted:
    """Filters and order; the defaults let everything pass.

    Attributes
    ----------
    make, model
        In any spelling; empty for all.
    max_price, min_year
        Of the offer.
    min_saving
        Share of the expected price; asks nothing of offers set apart, whose price is not
        believed.
    sort
        One of :data:`SORTS`.
    limit, offset
        Entries shown, and passed over before them.
    apart
        Whether offers set apart are shown too.
    """

    make: str = ""
    model: str = ""
    max_price: float = math.inf
    min_saving: float = 0.0
    min_year: int = 0
    sort: str = "rank"
    limit: int = LIMIT
    offset: int = 0
    apart: bool = False


def read_wanted(query: Mapping[str, Sequence[str]]) -> tuple[Wanted, tuple[FieldError, ...]]:
    """What an address asks for, and its fields that cannot be read; those keep their defaults.

    An empty value is none, as a form sends it. Other names are the caller's business.
    """
    errors: list[FieldError] = []
    given: dict[str, Any] = {}
    for name, read in _READERS.items():
        values = query.get(name, ())
        text = values[-1].strip() if values else ""
        if len(values) > 1:
            errors.append(FieldError(name, "stands in the address more than once"))
        elif text:
            try:
                given[name] = read(text)
            except ValueError as error:
                errors.append(FieldError(name, str(error)))
    return Wanted(**given), tuple(errors)


def answer(lists: BargainLists, market: str, wanted: Wanted) -> BargainsAnswer:
    """What is wanted of a market's present list.

    Raises
    ------
    RequestProblem
        503 where the list cannot be read.
    """
    try:
        shown = lists.present(market)
    except UserError:  # told in the log; where it lies is none of a client's business
        told = f"Market {market}: its list of bargains cannot be read; the service's log tells why."
        raise RequestProblem(HTTPStatus.SERVICE_UNAVAILABLE, "list-unreadable", told) from None
    return no_list(market) if shown is None else choose(shown, wanted)


def choose(shown: ShownList, wanted: Wanted) -> BargainsAnswer:
    """Those of the list that are wanted, in the order that is wanted."""
    content = shown.found.content
    make = normalise.make(wanted.make).casefold()
    bargains = [each for each in shown.bargains if _passes(each, make, wanted)]
    bargains = [each for each in bargains if (each.saving_share or 0.0) >= wanted.min_saving]
    apart = [each for each in shown.apart if _passes(each, make, wanted)]
    kept = slice(wanted.offset, wanted.offset + wanted.limit)
    order = SORTS[wanted.sort]
    return BargainsAnswer(
        market=str(content["market"]),
        list=shown.found.id,
        day=date.fromisoformat(shown.found.day),
        detail=(
            f"{len(shown.bargains):,} bargains and {len(shown.apart):,} set apart of"
            f" {content['offers']:,} current offers on {shown.found.day}"
        ),
        currency=str(content["currency"]),
        distance_unit=str(content["distance"]),
        release=str(content["release"]),
        coverage=content.get("coverage"),
        stale_days=content.get("stale_days"),
        offers=int(content["offers"]),
        total=len(bargains),
        total_apart=len(apart),
        bargains=tuple(sorted(bargains, key=order)[kept]),
        apart=tuple(sorted(apart, key=order)[kept]) if wanted.apart else (),
    )


def no_list(market: str) -> BargainsAnswer:
    """The answer for a market without a list."""
    told = (
        f"Market {market} has no list of bargains yet. `carprice bargains --market {market} --anew`"
        " makes one, once there is a champion."
    )
    return BargainsAnswer(
        market, None, None, told, None, None, None, None, None, 0, 0, 0, bargains=(), apart=()
    )


def _passes(entry: Bargain, make: str, wanted: Wanted) -> bool:
    model = normalise.model(entry.make, wanted.model).casefold()
    return (
        make in ("", entry.make.casefold())
        and model in ("", entry.model.casefold())
        and entry.price <= wanted.max_price
        and entry.year >= wanted.min_year
    )


def _word(text: str) -> str:
    if len(text) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters")
    return text


def _amount(text: str) -> float:
    found = normalise.number(text)
    if not found >= 0:
        raise ValueError(f"must be an amount such as 25000, got {text[:40]!r}")
    return found


def _share(text: str) -> float:
    try:
        found = float(text.replace(",", ".") if text.count(",") == 1 else text)
    except ValueError:
        found = math.nan
    if not 0 <= found < 1:
        raise ValueError(f"must be a share from 0 to below 1 such as 0.15, got {text[:40]!r}")
    return found


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 9 and low <= int(text) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}, got {text[:40]!r}")
        return int(text)

    return read


def _sort(text: str) -> str:
    if text not in SORTS:
        raise ValueError(f"must be one of {', '.join(SORTS)}, got {text[:40]!r}")
    return text


def _switch(text: str) -> bool:
    if text.lower() not in SWITCH:
        raise ValueError(f"must be true or false, got {text[:40]!r}")
    return SWITCH[text.lower()]


_READERS: Mapping[str, Callable[[str], Any]] = {
    "make": _word,
    "model": _word,
    "max_price": _amount,
    "min_saving": _share,
    "min_year": _whole(*YEARS),
    "sort": _sort,
    "limit": _whole(1, MOST),
    "offset": _whole(*OFFSETS),
    "apart": _switch,
}
FIELDS = frozenset(_READERS)
"""What an address may name."""
