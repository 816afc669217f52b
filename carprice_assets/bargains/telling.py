"""A published list as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carprice_assets.bargains.published import BargainList
from carprice_assets.listings import normalise

HEAD = (
    f"{'':>4} {'price':>9} {'expected':>9} {'range':>19} {'saves':>6} {'days':>5} {'drops':>5}"
    f" {'last seen':>10}  car"
)

SHOWN = 20


def lines(
    found: BargainList, *, make: str = "", limit: int = SHOWN, apart: bool = False
) -> list[str]:
    """The list, of one make where ``make`` names it, and what stands apart where asked.

    What a listing says may hold anything; control characters, which a terminal would obey, are
    told as blanks.
    """
    content = found.content
    told = [
        f"{content['market']}, {found.day}: {len(found.bargains)} bargains and"
        f" {len(found.apart)} set apart of {content['offers']:,} current offers,"
        f" prices in {content['currency']}, release {content['release'][:12]}"
    ]
    told += _table(_of(found.bargains, make)[:limit])
    if apart:
        entries = _of(found.apart, make)
        shown = "" if len(entries) <= limit else f", the first {limit} shown"
        told += ["", f"set apart: {len(entries)} more likely no bargains{shown}"]
        told += _table(entries[:limit])
    return ["".join(c if c.isprintable() else " " for c in line) for line in told]


def chosen(found: BargainList, *, make: str = "", limit: int | None = None) -> dict[str, Any]:
    """The list in JSON types: all of it, or of one make, at most ``limit`` of each part."""
    parts = {"bargains": found.bargains, "apart": found.apart}
    kept = {name: _of(entries, make)[:limit] for name, entries in parts.items()}
    return {"list": found.id, **found.content, **kept}


def _of(entries: Sequence[dict[str, Any]], make: str) -> list[dict[str, Any]]:
    wanted = normalise.make(make).casefold()
    return [each for each in entries if not wanted or each["make"].casefold() == wanted]


def _table(entries: Sequence[dict[str, Any]]) -> list[str]:
    if not entries:
        return ["none"]
    return [HEAD, *(line for place, each in enumerate(entries, 1) for line in _entry(place, each))]


def _entry(place: int, each: dict[str, Any]) -> list[str]:
    ends = "–" if each["low"] is None else f"{each['low']:,} to {each['high']:,}"
    saves = "–" if each["saving_share"] is None else f"{each['saving_share']:.0%}"
    expected = "–" if each["expected"] is None else f"{each['expected']:,}"
    miles = "" if each["mileage"] is None else f", {each['mileage']:,}"
    car = f"{each['year']} {each['make']} {each['model']} {each['trim']}".rstrip()
    first = (
        f"{place:>4} {each['price']:>9,} {expected:>9} {ends:>19} {saves:>6}"
        f" {each['days_on_sale']:>5} {each['drops']:>5} {each['last_seen']:>10}  {car}{miles}"
    )
    told = [first, *([f"{'':>5}{each['url']}"] if each["url"] else [])]
    return told + [f"{'':>5}doubt: {doubt['message']}" for doubt in each["doubts"]]
