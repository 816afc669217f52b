"""What goes over the border: requests as they were read, answers as they are sent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from carprice_assets.listings.notes import Note
from carprice_assets.releases.explanation import Explanation
from carprice_assets.releases.nearest import Comparable, Suggestion
from carprice_assets.releases.rating import DealRating


class Form(msgspec.Struct, frozen=True):
    """A request for valuations, checked but for its cars, which are checked one by one."""

    cars: list[Any]
    regressor: str | None = None
    as_of: date | None = None
    comparables: int = 0
    """Comparables wanted of each car."""
    explain: bool = False
    real_prices: list[float | None] | None = None
    """What each car was sold or offered for, None where it is not known."""
    unknown: tuple[FieldError, ...] = ()
    """Names of the body that mean nothing."""

    @property
    def plain(self) -> bool:
        """Whether nothing beside price, range, rating and warnings is wanted."""
        return not (self.comparables or self.explain)


class Provenance(msgspec.Struct, frozen=True):
    """Where a valuation comes from."""

    market: str
    release: str
    regressor: str
    data_version: str | None
    """Content hash of the dataset that the release was fitted on."""
    run: str | None
    """Dagster run that made the release."""
    as_of: date
    """Day that the valuation holds for."""


class Valuation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer for one car: a price with its range, or null with the errors that say why.

    The last five are left out where there is nothing to tell.
    """

    price: float | None
    """Price in ``currency``, two decimals."""
    low: float | None
    """Lower end of the range, two decimals; null without a price."""
    high: float | None
    """Upper end of the range, two decimals; null without a price."""
    coverage: float | None
    """Share of such cars' asking prices that lie from ``low`` to ``high``."""
    supported: bool | None
    """False where nothing like the car was learned from, null where it could not be read."""
    reasons: tuple[Note, ...]
    """Why the car is not supported."""
    currency: str
    warnings: tuple[Note, ...]
    errors: tuple[Note, ...]
    provenance: Provenance
    asking_price: float | None = None
    """As it was sent with the car."""
    deal_rating: DealRating | None = None
    """great below the range, overpriced above it; fair up to a third of the way, in log price,
    from the price to an end; good and high between."""
    suggestions: tuple[Suggestion, ...] = ()
    """What an unknown make or model may have meant."""
    comparables: tuple[Comparable, ...] | None = None
    """Nearest first, where ``comparables`` asked for some."""
    explanation: Explanation | None = None
    """Where ``explain`` asked for it and the car has a price."""


class PredictAnswer(msgspec.Struct, frozen=True):
    """Answer to the reference's form; both lists have one entry a car, in order."""

    result: list[float | None]
    valuations: list[Valuation]


class ValuationsAnswer(msgspec.Struct, frozen=True):
    """One valuation a car, in order."""

    valuations: list[Valuation]


class LiveError(msgspec.Struct, frozen=True):
    """How far one regressor of one release was off the real prices that were sent along.

    Of the latest 5,000 cars that this process was told the price of; the same car, price and day
    count once.
    """

    market: str
    release: str
    regressor: str
    rows: int
    """Cars with a price and a real one."""
    mae: float
    """Mean absolute error in the market's currency."""
    median_error: float
    """Median of the absolute error."""
    bias: float
    """Mean of price less real price."""
    mape: float
    """Mean absolute error as a share of the real price."""
    coverage: float | None
    """Share of the real prices that lie within the range."""


class LiveErrorAnswer(msgspec.Struct, frozen=True):
    """Figures by release and regressor, latest used last; none before a real price came."""

    market: str
    currency: str
    errors: list[LiveError]


class ComparablesAnswer(msgspec.Struct, frozen=True):
    """Known listings of a car's model, nearest first."""

    comparables: tuple[Comparable, ...]
    suggestions: tuple[Suggestion, ...]
    """What an unknown make or model may have meant."""
    currency: str
    distance_unit: str
    """Unit of mileage: mi or km."""
    warnings: tuple[Note, ...]
    provenance: Provenance


class ReleaseFacts(msgspec.Struct, frozen=True):
    """One release of a market: what it carries and what it scored on its hold-out."""

    release: str
    champion: bool
    """Whether the champion pointer names it."""
    staged_at: str | None
    regressor: str | None
    """The one that answers unless another is asked for."""
    regressors: tuple[str, ...]
    last_observed: date | None
    data_version: str | None
    run: str | None
    figures: dict[str, float]
    """Those of ``regressor``: rows, r2, r2_log, rmse, mae, mape, median_error, coverage."""
    problem: str | None
    """Why it cannot be read; everything else but ``release`` may then be missing."""


class Event(msgspec.Struct, frozen=True):
    """One line of the market's ledger: a promotion, a refusal, a rollback."""

    at: str | None
    event: str
    release: str | None
    replaced: str | None
    reasons: tuple[str, ...]
    """The rules that were broken, or why it was rolled back."""


class Releases(msgspec.Struct, frozen=True):
    """Releases and events of a market, latest first."""

    market: str
    releases: list[ReleaseFacts]
    events: list[Event]


class Health(msgspec.Struct, frozen=True):
    """Sent as long as the process lives."""

    status: str = "ok"


class MarketReadiness(msgspec.Struct, frozen=True):
    """What one market answers from."""

    market: str
    ready: bool
    release: str | None
    regressor: str | None
    """The champion regressor."""
    regressors: list[str]
    """All that ``model_type`` can name."""
    currency: str | None
    distance: str | None
    """Unit of mileage: mi or km."""
    last_observed: date | None
    since: datetime | None
    """When the release was taken into service."""
    error: str | None
    """Why the champion could not be loaded; an older release may still answer."""


class Worker(msgspec.Struct, frozen=True):
    """One process of the service."""

    pid: int
    releases: dict[str, str]
    """Market to the release that it answers from."""


class Readiness(msgspec.Struct, frozen=True):
    """Whether any market can answer, and from what."""

    ready: bool
    default_market: str | None
    detail: str
    markets: list[MarketReadiness]
    workers: list[Worker]
    """Every process of the service, the one that answers first."""


class Markets(msgspec.Struct, frozen=True):
    """Markets with a release in service."""

    default_market: str | None
    markets: list[MarketReadiness]


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of the request and what is wrong with it."""

    field: str
    message: str
    car: int | None = None
    """Place of the car in the request, from 0, where one is at fault."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    """``urn:uuid:`` of the log entry, for a defect of the service."""
    errors: list[FieldError] = []
