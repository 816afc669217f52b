"""Bargains as they go over the border."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from carprice_assets.listings.notes import Note

Amount = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Year = Annotated[int, Meta(ge=1900, le=2100)]
Days = Annotated[
    int,
    Meta(
        ge=0,
        le=100_000,
        description="Days from the first sight of the offer to the last; nobody knows of those "
        "before and after. In lists of older versions those of comparables end with the list's day",
    ),
]


class ComparableOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A listing of the same model, on sale now or lately gone."""

    year: Year
    trim: str
    mileage: Count | None
    stock_type: str
    price: Annotated[Amount, Meta(description="What is or was asked for it")]
    days_on_sale: Days | None = None
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

    The listing's own page alone tells who sells the car, which may be a person.
    """

    listing_id: str
    url: Annotated[
        str | None,
        Meta(description="The listing's own page; null where its address is none of http or https"),
    ]
    make: str
    model: str
    year: Year
    trim: str
    mileage: Annotated[Count | None, Meta(description="In `distance_unit`")]
    stock_type: str
    price: Annotated[Amount, Meta(description="What is asked")]
    expected: Annotated[
        Amount | None,
        Meta(
            description="What such a car costs, by fits that have not seen this one; null where "
            "nothing like it was learned from"
        ),
    ]
    low: Annotated[Amount | None, Meta(description="Lower end of the range of `expected`")]
    high: Annotated[Amount | None, Meta(description="Upper end of the range of `expected`")]
    saving: Annotated[int | None, Meta(description="`expected` less `price`")]
    saving_share: Annotated[float | None, Meta(description="`saving` as a share of `expected`")]
    score: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(
            description="How likely it is a bargain, from 0 to 1, by the combination of all "
            "detectors: it ranks and is no share of anything observed; null without a detector"
        ),
    ]
    residual_in_range: Annotated[
        float | None,
        Meta(
            description="Where `price` lies in the range, by logarithm: 0 at `expected`, -1 at "
            "`low`, -2 twice as far below; null without a detector"
        ),
    ]
    evidence: Annotated[
        dict[str, dict[str, float]],
        Meta(
            description="Autoencoder to the fields that it finds odd, each with its largest error "
            "in usual errors: below 0 where the listing says less than the rest of it implies. "
            "`usual_price` is what cars of its make, model, trim and year usually cost, "
            "`day_seen` the day of the listing. Of words, such as the model, only the size counts"
        ),
    ]
    days_on_sale: Days
    first_seen: Annotated[date, Meta(description="Day on which the offer was first seen")]
    last_seen: Annotated[
        date, Meta(description="Day on which the offer was last seen; it may be gone since")
    ]
    first_price: Amount
    drops: Annotated[Count, Meta(description="How often its price fell")]
    last_drop: date | None
    doubts: Annotated[
        tuple[Note, ...], Meta(description="What speaks against it, or why it is set apart")
    ]
    comparables: ComparableOffers
    car: Annotated[
        dict[str, Any] | None,
        Meta(
            description="The car as a request for valuations takes it, in texts and numbers, null "
            "for what its listing does not state; null as a whole in lists of older versions"
        ),
    ] = None


class BargainsAnswer(msgspec.Struct, frozen=True):
    """What was chosen from a market's present list."""

    market: str
    list: str | None
    """Id of the list; null where the market has none yet."""
    day: Annotated[
        date | None,
        Meta(description="The market's last day with listings when the list was made"),
    ]
    detail: str
    """The list in one sentence, or why there is none."""
    currency: str | None
    distance_unit: str | None
    """Unit of mileage: mi or km."""
    release: str | None
    """The release that valued the offers."""
    coverage: float | None
    """Share of such cars' asking prices that lie from ``low`` to ``high``."""
    stale_days: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description="An offer counts as current that is not known to be gone and was last "
            "seen at most so many days before `day`; null in lists of older versions"
        ),
    ]
    offers: int
    """Current offers that were looked at."""
    total: int
    """Bargains that pass the filters, shown or not."""
    total_apart: int
    """Offers set apart that pass them."""
    bargains: tuple[Bargain, ...]
    apart: Annotated[
        tuple[Bargain, ...],
        Meta(
            description="More likely no bargains; none unless they were asked for. `limit` and "
            "`offset` count among them as among `bargains`"
        ),
    ]
