"""What a crawl came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from carprice_assets.sources.crawl.journal import Records


@dataclass(frozen=True)
class CrawlResult:
    """A crawl's end and its counts over all its runs, resumed ones too.

    Attributes
    ----------
    crawl_id
        ``<site>-<day>-<n>``; '' where the crawl was paused before it began.
    state
        ``complete``, ``partial``, ``refused``, ``unreachable``, ``paused`` or ``abandoned``.
    reason
        Why, for a person; '' where complete.
    day
        The crawl's day.
    seen
        Listings that had a card.
    new, changed, aged, missing
        Details planned, by the reason.
    unchanged
        Listings seen whose details were not planned.
    done, gone, failed
        Detail pages by their final state.
    pending
        Addresses of planned details without a final state.
    failures
        Address to reason code of every page that failed, search pages too.
    requests, bytes
        Made and received.
    seconds
        Of this run.
    journal
        The file to take in.
    """

    crawl_id: str
    state: str
    reason: str
    day: date
    seen: int
    new: int
    changed: int
    aged: int
    missing: int
    unchanged: int
    done: int
    gone: int
    failed: int
    pending: tuple[str, ...]
    failures: Mapping[str, str]
    requests: int
    bytes: int
    seconds: float
    journal: Path


def summarise(records: Records, seconds: float, *, day: date | None = None) -> CrawlResult:
    """Count a journal.

    Parameters
    ----------
    day
        Stands in where the journal has no head.
    """
    why = Counter(page.why for page in records.planned.values())
    details = Counter(p["state"] for p in records.pages.values() if p["page"] == "detail")
    seen = {c["listing_id"] for line in records.searches().values() for c in line.get("cards", ())}
    planned = {p.listing_id for p in records.planned.values() if p.why != "missing"}
    end = records.end or {"state": "running", "reason": ""}
    return CrawlResult(
        crawl_id=str(records.head.get("crawl_id", "")),
        state=str(end["state"]),
        reason=str(end["reason"]),
        day=date.fromisoformat(records.head["day"]) if records.head else day or date.min,
        seen=len(seen),
        new=why["new"],
        changed=why["changed"],
        aged=why["aged"] + why["full"],
        missing=why["missing"],
        unchanged=len(seen - planned),
        done=details["done"],
        gone=details["gone"],
        failed=details["failed"],
        pending=records.pending,
        failures={u: p["reason"] for u, p in records.pages.items() if p["state"] == "failed"},
        requests=records.requests(),
        bytes=sum(int(p["bytes"]) for p in records.pages.values()),
        seconds=seconds,
        journal=records.path,
    )


def verdict(records: Records, collapsed: str) -> tuple[str, str]:
    """State and reason of a crawl whose pages are all settled.

    ``collapsed`` says why a complete search is not believed, '' where it is.
    """
    faults: list[str] = []
    if collapsed:
        faults.append(f"collapsed: {collapsed}")
    if not records.search_complete:
        why = records.search_end["why"] if records.search_end else "not begun"
        faults.append(f"search cut: {why}")
    failed = Counter(
        p["reason"]
        for p in records.pages.values()
        if p["page"] == "detail" and p["state"] == "failed"
    )
    if failed:
        each = ", ".join(f"{reason} {count}" for reason, count in failed.most_common())
        pages = "page" if failed.total() == 1 else "pages"
        faults.append(f"{failed.total()} {pages} failed: {each}")
    return ("partial", "; ".join(faults)) if faults else ("complete", "")
