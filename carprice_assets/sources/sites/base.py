"""What every site adapter gives: pages as text in, offers out; no network, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias


@dataclass(frozen=True)
class Card:
    """One offer as a search page shows it.

    Attributes
    ----------
    listing_id
        The marketplace's id.
    url
        Absolute address of the detail page.
    fingerprint
        Hash of what the card shows that matters (title, price, MSRP, mileage, stock status):
        another one means that the detail page is worth a visit. Empty where it shows nothing
        but a link.
    """

    listing_id: str
    url: str
    fingerprint: str


@dataclass(frozen=True)
class SearchPage:
    """A page of the search: its offers, and addresses of other hosts that stood among them."""

    cards: tuple[Card, ...]
    strangers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offer:
    """The main car of a detail page: its id and the payload to keep, tracking dropped."""

    listing_id: str
    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Gone:
    """The page says that the car is no longer offered; ``notice`` is what it says."""

    notice: str


@dataclass(frozen=True)
class Broken:
    """The page is not what the adapter knows.

    ``no_data``: the place where data stand is missing (a changed layout, or not rendered);
    ``bad_data``: it is there and cannot be read, as in a page that was cut off.
    """

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Unreadable:
    """A page that must not be taken for a car, whatever it says.

    ``reason`` is a code of ``carprice_assets.listings.rejections``.
    """

    reason: str
    detail: str = ""


Detail: TypeAlias = Offer | Gone | Broken | Unreadable


class SiteAdapter(Protocol):
    """How the pages of one kind of marketplace are built."""

    @property
    def name(self) -> str:
        """As a market's ``adapter`` setting names it."""
        ...

    @property
    def format(self) -> str:
        """The file format that reads this adapter's payloads."""
        ...

    @property
    def renders(self) -> frozenset[str]:
        """Kinds of page (``search``, ``detail``) that only a browser makes whole."""
        ...

    @property
    def ready(self) -> Mapping[str, str]:
        """Kind of page to the CSS selector that is attached once a browser has made it whole."""
        ...

    def search_address(self, start: str, number: int) -> str:
        """Address of search page ``number``, from 1."""
        ...

    def read_search(self, html: str, address: str) -> SearchPage | Broken:
        """The offers of a search page that was fetched from ``address``."""
        ...

    def read_detail(self, html: str, address: str) -> Detail:
        """The main car of a detail page, never one of its carousel."""
        ...
