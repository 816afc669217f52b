"""The truth of a day's changes: what a second visit of the market has to bring."""

from __future__ import annotations

from dataclasses import dataclass

from carprice_assets.practice_market.payloads import payload_of
from carprice_assets.practice_market.stock import Market


@dataclass(frozen=True, slots=True)
class Changes:
    """Listing ids by what became of them between two days; no id is in two of the sets.

    Attributes
    ----------
    new
        On sale on the later day alone.
    changed
        On sale on both, with another payload: what the pages show of the car differs.
    gone
        On sale on the earlier day alone.
    unchanged
        On sale on both, with the same payload.
    """

    new: frozenset[str]
    changed: frozenset[str]
    gone: frozenset[str]
    unchanged: frozenset[str]


def changes(market: Market, before: int, after: int) -> Changes:
    """Compare the payloads of two days.

    A listing that was re-priced counts as changed only if its payload shows the price: one with
    "Not Priced" looks the same before and after.

    Raises
    ------
    ValueError
        A day is not between 0 and `market.settings.days - 1`.

    Examples
    --------
    >>> from carprice_assets.practice_market import Settings, simulate
    >>> found = changes(simulate(Settings(seed=7, size=500)), before=0, after=1)
    >>> len(found.new), len(found.changed), len(found.gone), len(found.unchanged)
    (14, 15, 8, 477)
    """
    rates = market.settings.dirt
    was = {car.listing_id: car for car in market.stock(before)}
    now = {car.listing_id: car for car in market.stock(after)}
    changed = frozenset(
        listing_id
        for listing_id in was.keys() & now.keys()
        if payload_of(was[listing_id], rates) != payload_of(now[listing_id], rates)
    )
    return Changes(
        new=frozenset(now.keys() - was.keys()),
        changed=changed,
        gone=frozenset(was.keys() - now.keys()),
        unchanged=frozenset(was.keys() & now.keys() - changed),
    )
