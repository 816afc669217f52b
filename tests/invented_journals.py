"""Journals of crawls that never were, written line by line in the crawler's own form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from carprice_assets.sources.crawl.journal import encode

FORD = {"make": "Ford", "model": "Focus", "year": "2019", "price": "9000", "stock_type": "Used"}


def car(price: int = 9000, **more: Any) -> dict[str, Any]:
    """A payload."""
    return FORD | {"price": str(price), **more}


class Journal:
    """The lines of one crawl; every line is a second after the one before."""

    def __init__(
        self,
        day: str = "2026-01-05",
        *,
        site: str = "cars",
        number: int = 1,
        market: str = "us",
        format: str = "payload",
        full: bool = False,
    ) -> None:
        self.day, self.site, self.market = day, site, market
        self.at = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
        self.at += timedelta(hours=8 + number)
        self.crawl_id = f"{site}-{day}-{number}"
        self.records: list[Mapping[str, Any]] = [
            {
                "kind": "crawl",
                "crawl_id": self.crawl_id,
                "scrape_id": self.crawl_id,
                "market": market,
                "site": site,
                "adapter": "carscom",
                "format": format,
                "day": day,
                "started_at": self.at.isoformat(),
                "full": full,
            }
        ]

    def url(self, listing: str) -> str:
        return f"http://127.0.0.1/{self.site}/{listing}/"

    def search(self, *listings: str, prints: Mapping[str, str] | None = None) -> Journal:
        """A search page with a card for each; the fingerprint is ``f-<id>`` unless given."""
        number = sum(record.get("page") == "search" for record in self.records) + 1
        cards = [
            {
                "listing_id": listing,
                "url": self.url(listing),
                "fingerprint": (prints or {}).get(listing, f"f-{listing}"),
            }
            for listing in listings
        ]
        return self._page(
            "search", f"http://127.0.0.1/{self.site}/?page={number}", number=number, cards=cards
        )

    def plan(self, *listings: str, why: str = "new") -> Journal:
        pages = [
            {"url": self.url(i), "listing_id": i, "why": why, "fingerprint": f"f-{i}"}
            for i in listings
        ]
        return self._add({"kind": "plan", "pages": pages})

    def offer(self, listing: str, payload: Any = None, why: str = "new", **more: Any) -> Journal:
        return self._detail(listing, why=why, payload=payload or car(), **more)

    def gone(self, listing: str, why: str = "missing", **more: Any) -> Journal:
        return self._detail(listing, why=why, state="gone", reason="status", status=404, **more)

    def failed(
        self, listing: str, reason: str = "timeout", why: str = "new", **more: Any
    ) -> Journal:
        return self._detail(listing, why=why, state="failed", reason=reason, status=None, **more)

    def unreadable(self, listing: str, reason: str = "page_too_large", **more: Any) -> Journal:
        return self.failed(listing, reason, unreadable=True, **more)

    def robots(self, requests: int = 1) -> Journal:
        return self._add({"kind": "requests", "requests": requests, "at": self._now()})

    def searched(self, complete: bool = True) -> Journal:
        return self._add({"kind": "search_end", "complete": complete, "why": "empty page"})

    def end(self, state: str = "complete", reason: str = "") -> Journal:
        return self._add({"kind": "end", "state": state, "reason": reason, "at": self._now()})

    def next_day(self) -> Journal:
        self.at += timedelta(days=1)
        self.day = (date.fromisoformat(self.day) + timedelta(days=1)).isoformat()
        return self

    def write(
        self, folder: Path, *, lines: int | None = None, torn: bytes = b"", name: str = ""
    ) -> Path:
        """Write the first ``lines`` (all) and what a kill left of the next."""
        path = folder / self.market / self.site / (name or "journal.jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(encode(record) for record in self.records[:lines]) + torn)
        return path

    def _detail(self, listing: str, **more: Any) -> Journal:
        given = {"listing_id": listing, "fingerprint": f"f-{listing}"}
        return self._page("detail", self.url(listing), **(given | more))

    def _page(self, page: str, url: str, **more: Any) -> Journal:
        given = {
            "kind": "page",
            "page": page,
            "url": url,
            "state": "done",
            "reason": "",
            "detail": "",
            "status": 200,
            "attempts": 1,
            "requests": 1,
            "bytes": 1000,
            "seconds": 0.5,
            "at": self._now(),
            "day": self.day,
        }
        return self._add(given | more)

    def _add(self, record: Mapping[str, Any]) -> Journal:
        self.records.append(record)
        return self

    def _now(self) -> str:
        self.at += timedelta(seconds=1)
        return self.at.isoformat()


def whole(
    listings: Sequence[str],
    day: str = "2026-01-05",
    *,
    payloads: Mapping[str, Any] | None = None,
    **more: Any,
) -> Journal:
    """A complete crawl in which every listing is new."""
    journal = Journal(day, **more).search(*listings).plan(*listings)
    for listing in listings:
        journal.offer(listing, (payloads or {}).get(listing))
    return journal.searched().end()
