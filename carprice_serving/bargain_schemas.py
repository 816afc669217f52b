"""Bargains as they go over the border."""

from __future__ import annotations

from datetime import date

import msgspec

from carprice_assets.listings.notes import Note


class ComparableOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A listing of the same model, on sale now or lately gone."""

    year: int
    trim: str
    mileage: int | None
    stock_type: str
    price: int
    """What is or was asked for it."""
    days_on_sale: int | None = None
    """Of one on sale."""
    last_seen: date | None = None
    """Of one that is gone."""
    delisted: date | None = None
    """When it was seen to be gone, where that is known."""


class ComparableOffers(msgspec.Struct, frozen=True):
    """Nearest first, the offer itself not among them."""

    on_sale: tuple[ComparableOffer, ...]
    gone: tuple[ComparableOffer, ...]
    """Sold, delisted or not seen again in the last 60 days."""


class Bargain(msgspec.Struct, frozen=True):
    """An offer of the list, or of those set apart; amounts in the market's currency.

    Who sells it is told by the listing alone, which may name a person.
    """

    listing_id: str
    url: str | None
    """The listing's own page; null where its address is none of http or https."""
    make: str
    model: str
    year: int
    trim: str
    mileage: int | None
    """In ``distance_unit``."""
    stock_type: str
    price: int
    """What is asked."""
    expected: int | None
    """What such a car costs; null where it is not supported."""
    low: int | None
    high: int | None
    saving: int | None
    """``expected`` less ``price``."""
    saving_share: float | None
    """Of ``expected``."""
    score: float | None
    """From 0 to 1, by the combination of all detectors; null without a detector."""
    residual_in_range: float | None
    """How far below the expected price, in lower halves of the range: below -1 is outside it."""
    evidence: dict[str, dict[str, float]]
    """Autoencoder to the errors worth telling, in usual spreads: below 0 where the listing says
    less than the rest of it implies."""
    days_on_sale: int
    first_seen: date
    last_seen: date
    first_price: int
    drops: int
    """How often its price fell."""
    last_drop: date | None
    doubts: tuple[Note, ...]
    """What speaks against it, or why it is set apart."""
    comparables: ComparableOffers
    car: dict[str, str | int | float | None] | None = None
    """The car as a request for valuations takes it, null for what its listing does not state;
    null as a whole in lists of older versions."""


class BargainsAnswer(msgspec.Struct, frozen=True):
    """What was chosen from a market's present list."""

    market: str
    list: str | None
    """Id of the list; null where the market has none yet."""
    day: date | None
    """The market's last day when it was made."""
    detail: str
    """The list in one sentence, or why there is none."""
    currency: str | None
    distance_unit: str | None
    """Unit of mileage: mi or km."""
    release: str | None
    """The release that valued the offers."""
    coverage: float | None
    """Share of such cars' asking prices that lie from ``low`` to ``high``."""
    stale_days: int | None
    """An offer counts as current that is not known to be gone and was last seen so many days
    before ``day`` at most; null in lists of older versions."""
    offers: int
    """Current offers that were looked at."""
    total: int
    """Bargains that pass the filters, shown or not."""
    total_apart: int
    """Offers set apart that pass them."""
    bargains: tuple[Bargain, ...]
    apart: tuple[Bargain, ...]
    """More likely no bargains; none unless they were asked for. ``limit`` and ``offset`` count in
    them as in ``bargains``."""
    warnings: tuple[Note, ...] = ()
    """Names in the address that mean nothing here."""
