"""Faults of a practice site: what goes wrong, how often, and on which request."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from carprice_assets.practice_market.dirt import choose
from carprice_assets.practice_market.site.draws import roll

Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=3600)]
Kind: TypeAlias = Literal["search", "detail"]
Fault: TypeAlias = Literal[
    "", "too_many", "server_error", "slow", "cut", "truncated", "interstitial"
]

SHARES: tuple[Fault, ...] = (
    "too_many",
    "server_error",
    "slow",
    "cut",
    "truncated",
    "interstitial",
)


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong. The shares are of requests for search and detail pages; they add up.

    Attributes
    ----------
    too_many
        429 with ``Retry-After: <retry_after>`` in seconds.
    server_error
        500, 502 or 503.
    slow
        The right answer after `slow_seconds`.
    cut
        The connection closes in the middle of the body.
    truncated
        200 and a complete HTML page, but the JSON in it ends in its middle; a page without JSON
        is answered right.
    interstitial
        403 or 503 with a page titled "Just a moment…".
    layout
        "renamed": the payload's `price` is called `asking_price`, its make (`make`, or `brand` in
        schema.org) `brand_name`. "moved": the script that holds the payload has another id (in
        schema.org another type).
    endless
        Search pages beyond the last one repeat it.
    hostile
        The first search page lists the pages of `hostile.HOSTILE` as well.
    hostile_port
        Port of this machine that a hostile page redirects to.
    kinds
        Kinds of page that the shares apply to.
    times
        Of one path, only the first so many requests meet faults; None for all.
    robots
        robots.txt answers "500", is "missing" (404), or disallows everything.
    robots_delay
        Crawl-delay of robots.txt in seconds.
    seed
        Another seed draws other requests.
    """

    too_many: Share = 0.0
    server_error: Share = 0.0
    slow: Share = 0.0
    cut: Share = 0.0
    truncated: Share = 0.0
    interstitial: Share = 0.0
    retry_after: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 1
    slow_seconds: Seconds = 2.0
    layout: Literal["", "renamed", "moved"] = ""
    endless: bool = False
    hostile: bool = False
    hostile_port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 9
    kinds: tuple[Kind, ...] = ("search", "detail")
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    robots: Literal["", "500", "missing", "disallow_all"] = ""
    robots_delay: Seconds | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError where the shares add up to more than 1."""
        if sum(getattr(self, name) for name in SHARES) > 1 + 1e-9:
            raise ValueError("the shares of the faults add up to more than 1")


def kind_of(path: str) -> Kind | None:
    """Kind of page that a path leads to; None for all that never meets a fault.

    The cards that a script fetches are part of the search page.

    Examples
    --------
    >>> kind_of("/shopping/cards"), kind_of("/cars/"), kind_of("/cars/1b"), kind_of("/robots.txt")
    ('search', 'search', 'detail', None)
    """
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["shopping", "results" | "cards"] | ["cars"]:
            return "search"
        case ["vehicledetail" | "cars", _]:
            return "detail"
        case _:
            return None


def fault_of(faults: Faults, kind: Kind | None, target: str, turn: int) -> Fault:
    """The fault that a request meets; the same arguments give the same.

    Parameters
    ----------
    target
        The path with its query.
    turn
        1 for the first request of that target, and so on.
    """
    if kind not in faults.kinds or (faults.times is not None and turn > faults.times):
        return ""
    shares: list[tuple[float, Fault]] = [(getattr(faults, name), name) for name in SHARES]
    return choose(roll(faults.seed, target, turn), shares, "")
