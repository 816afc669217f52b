"""What a search page lists: cut into pages, some listings shown again on the next one."""

from __future__ import annotations

from dataclasses import dataclass

from carprice_assets.practice_market.site.hostile import HOSTILE
from carprice_assets.practice_market.site.state import SiteState, Stock

STOCK_TYPES = {"all": "", "new": "New", "used": "Used", "cpo": "Certified"}
"""Value of the query's `stock_type` to the stock type; empty for all."""


@dataclass(frozen=True)
class Results:
    """One page of the search.

    Attributes
    ----------
    listing_ids
        In order; those that the page before showed already come last, then hostile ones.
    number, pages
        Number of the page, from 1, and of the last one.
    found
        Listings of all pages, each counted once.
    sponsored
        A car of another page, shown above the list; None where there is no other page.
    """

    listing_ids: tuple[str, ...]
    number: int
    pages: int
    found: int
    sponsored: str | None


def search(state: SiteState, number: int, stock_type: str = "all", make: str = "") -> Results:
    """The listings of one search page; none beyond the last page, unless the site is endless.

    Parameters
    ----------
    number
        From 1; what is below counts as 1.
    stock_type
        A key of `STOCK_TYPES`; any other word finds all.
    make
        Name of a make in any case; empty finds all.
    """
    stock, size = state.stock, state.settings.per_page
    found = _found(stock, STOCK_TYPES.get(stock_type, ""), make.casefold())
    pages = max(1, -(-len(found) // size))
    number = max(1, number)
    if state.faults.endless:
        number = min(number, pages)
    here = found[(number - 1) * size : number * size]
    before = found[max(0, number - 2) * size : (number - 1) * size] if here else []
    listed = [*here, *(each for each in before if each in stock.repeated)]
    if number == 1 and state.faults.hostile:
        listed += HOSTILE.values()
    other = number * size if number < pages else 0
    sponsored = found[other] if here and pages > 1 else None
    return Results(tuple(listed), number, pages, len(found), sponsored)


def _found(stock: Stock, stock_type: str, make: str) -> list[str]:
    if not stock_type and not make:
        return list(stock.cars)
    return [
        listing_id
        for listing_id, car in stock.cars.items()
        if stock_type in ("", car.vehicle.stock_type) and make in ("", car.vehicle.make.casefold())
    ]
