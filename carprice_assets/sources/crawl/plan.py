"""Which detail pages to fetch, and why; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from carprice_assets.sources.crawl.known import Known
from carprice_assets.sources.sites.base import Card

Why = Literal["new", "changed", "aged", "missing", "full"]

COLLAPSE = 0.5
"""Share of the known listings without a card beyond which the search is not believed."""


@dataclass(frozen=True)
class Planned:
    """A detail page to fetch: address, listing, the reason, and its card's fingerprint."""

    url: str
    listing_id: str
    why: str
    fingerprint: str


def why_fetch(
    card: Card, known: Known | None, *, day: date, refetch_days: int, full: bool
) -> Why | None:
    """Why a card's detail page is worth a request; None where it is not."""
    if known is None or known.delisted or known.fetched is None:
        return "new"
    if known.fingerprint != card.fingerprint:
        return "changed"
    if full:
        return "full"
    return "aged" if (day - known.fetched).days >= refetch_days else None


def plan_cards(
    cards: Iterable[Card],
    known: Mapping[str, Known],
    *,
    planned: Collection[str],
    day: date,
    refetch_days: int,
    full: bool,
) -> list[Planned]:
    """The details of one search page that are to be fetched.

    Parameters
    ----------
    planned
        Addresses planned or fetched before in this crawl; they are not planned again.
    """
    found: dict[str, Planned] = {}
    for card in cards:
        if card.url in planned or card.url in found:
            continue
        before = known.get(card.listing_id)
        why = why_fetch(card, before, day=day, refetch_days=refetch_days, full=full)
        if why is not None:
            found[card.url] = Planned(card.url, card.listing_id, why, card.fingerprint)
    return list(found.values())


@dataclass(frozen=True)
class Missing:
    """Known listings that a complete search did not show.

    ``collapsed`` says, where it is not '', why the search is not believed; then ``pages`` is
    empty.
    """

    pages: tuple[Planned, ...] = ()
    collapsed: str = ""


def plan_missing(
    known: Mapping[str, Known], seen: Collection[str], planned: Collection[str], *, full: bool
) -> Missing:
    """The details of known, undelisted listings without a card: are they gone?

    Parameters
    ----------
    seen
        Listing ids that had a card in this crawl, whose search was complete.
    planned
        Addresses planned before in this crawl.
    full
        Whether somebody asked for everything: then the search is believed, however little of
        what is known it showed, and each missing page is asked.
    """
    listed = {name: each for name, each in known.items() if not each.delisted}
    missing = {name: each for name, each in listed.items() if name not in seen}
    if not full and len(missing) > COLLAPSE * len(listed):
        return Missing(
            collapsed=f"{len(missing)} of {len(listed)} known listings have no card any more"
        )
    return Missing(
        tuple(
            Planned(each.url, name, "missing", each.fingerprint)
            for name, each in missing.items()
            if each.url not in planned
        )
    )
