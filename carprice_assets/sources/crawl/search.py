"""How far a search is, and when it is over; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STALE_PAGES = 2
"""Pages running without a listing new to this crawl: the site repeats itself for ever."""
FAILED_PAGES = 3
"""Failed pages running after which the search is given up."""


class Search:
    """A fold over the journal's lines of search pages, in order of their numbers.

    Attributes
    ----------
    next
        Number of the page to fetch next.
    seen
        Ids of the listings that had a card.
    over
        None while the search goes on, else whether it is complete and why it ended.
    """

    def __init__(self, max_pages: int) -> None:
        self._max_pages = max_pages
        self._stale = 0
        self._failed_running = 0
        self._failed: list[str] = []
        self.next = 1
        self.seen: set[str] = set()
        self.over: tuple[bool, str] | None = None

    def add(self, line: Mapping[str, Any]) -> None:
        """Take in a search page's final state."""
        number = int(line["number"])
        self.next = number + 1
        if line["state"] == "done":
            self._failed_running = 0
            self._done(line)
        elif line["state"] == "gone":
            self._end(False, f"page {number} not found")
        else:
            self._failed.append(f"page {number} failed ({line['reason']})")
            self._failed_running += 1
            if self._failed_running == FAILED_PAGES:
                self._end(False, f"{FAILED_PAGES} pages running")
        if self.over is None and number >= self._max_pages:
            self._end(False, f"max_pages ({self._max_pages})")

    def _done(self, line: Mapping[str, Any]) -> None:
        ids = {card["listing_id"] for card in line["cards"]}
        if not ids and not line["strangers"]:
            self._end(True, "empty page")
            return
        new = ids - self.seen
        self.seen |= new
        self._stale = 0 if new else self._stale + 1
        if self._stale == STALE_PAGES:
            self._end(True, "no new listings")

    def _end(self, natural: bool, why: str) -> None:
        complete = natural and not self._failed
        self.over = (complete, why if not self._failed else "; ".join([*self._failed, why]))
