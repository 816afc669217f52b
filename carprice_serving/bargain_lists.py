"""The lists of bargains that are shown: read when their pointer moves, kept until then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import msgspec

from carprice_assets.bargains.published import BargainList
from carprice_assets.errors import UserError
from carprice_serving.bargain_schemas import Bargain

LONGEST = 300
"""Characters of a text, as cleaning keeps them."""

logger = logging.getLogger(__name__)


class ListSource(Protocol):
    """Where published lists come from; both methods may raise."""

    def bargains_pointer(self, market: str) -> Hashable | None:
        """What changes whenever the pointer is replaced; None where there is none."""
        ...

    def bargains(self, market: str) -> BargainList | None:
        """The list that the pointer names, its hash checked."""
        ...


@dataclass(frozen=True)
class ShownList:
    """A published list in the types that it is shown in."""

    found: BargainList
    bargains: tuple[Bargain, ...]
    apart: tuple[Bargain, ...]

    @classmethod
    def of(cls, found: BargainList) -> ShownList:
        """Read the entries.

        Raises
        ------
        UserError
            Where an entry is malformed.
        """
        try:
            shown = cls(found, _entries(found.bargains), _entries(found.apart))
            day = date.fromisoformat(found.day)
            for each in (*shown.bargains, *shown.apart):
                _check(each, day)
            if wrong := [each for each in shown.bargains if not (each.saving or 0) > 0]:
                raise ValueError(f"{wrong[0].listing_id!r} saves nothing")
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise UserError(f"list of bargains {found.id} is malformed: {error}") from error
        return shown


@dataclass(frozen=True)
class _Kept:
    pointer: Hashable | None = None
    shown: ShownList | None = None
    error: str = ""
    retry_at: float = 0.0


@dataclass
class BargainLists:
    """Keeps the present list of each market; used by several threads at once.

    A list that cannot be read leaves the one before it in place, with a line in the log, and is
    tried again after ``retry_seconds``.
    """

    source: ListSource
    retry_seconds: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, _Kept] = field(default_factory=dict[str, _Kept], init=False)

    def present(self, market: str) -> ShownList | None:
        """The list of a market; None where none was published.

        Raises
        ------
        UserError
            Where it cannot be read and none was read before.
        """
        old = self._kept.get(market, _Kept())
        new = self._kept[market] = self._refreshed(market, old)
        if new.error and new.error != old.error:
            logger.warning("bargains of market %s: %s", market, new.error)
        if new.error and new.shown is None:
            raise UserError(new.error)
        return new.shown

    def _refreshed(self, market: str, old: _Kept) -> _Kept:
        pointer = old.pointer
        try:
            pointer = self.source.bargains_pointer(market)
            if pointer == old.pointer and not (old.error and self.clock() >= old.retry_at):
                return old
            found = None if pointer is None else self.source.bargains(market)
            return _Kept(pointer, None if found is None else ShownList.of(found))
        except (UserError, OSError) as error:
            return _Kept(pointer, old.shown, str(error), self.clock() + self.retry_seconds)


def _entries(entries: list[dict[str, Any]]) -> tuple[Bargain, ...]:
    if not all(isinstance(entry, dict) for entry in cast("list[Any]", entries)):
        raise ValueError("an entry is no object")
    safe = [_cut(entry) | {"url": safe_address(entry.get("url"))} for entry in entries]
    return msgspec.convert(safe, tuple[Bargain, ...])


def _cut(value: Any) -> Any:
    """JSON with texts of :data:`LONGEST` characters at most: a listing may hold any."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return {key: each if key == "url" else _cut(each) for key, each in named.items()}
    return [_cut(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value


def _check(entry: Bargain, day: date) -> None:
    """Raise a ValueError for days that have not come, and a range that is none."""
    gone = [each.delisted or each.last_seen for each in entry.comparables.gone]
    days = (entry.first_seen, entry.last_seen, entry.last_drop, *gone)
    if any(each is not None and each > day for each in days):
        raise ValueError(f"{entry.listing_id!r} was seen after the list's day")
    if entry.first_seen > entry.last_seen:
        raise ValueError(f"{entry.listing_id!r} was last seen before it was first seen")
    if entry.low is None or entry.expected is None or entry.high is None:
        return
    if not entry.low <= entry.expected <= entry.high:
        raise ValueError(f"{entry.listing_id!r} has a range without its price in it")


def safe_address(address: Any) -> str | None:
    """The address where a browser may follow it, else None: a page may hold any text there."""
    if not isinstance(address, str):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.hostname else None
