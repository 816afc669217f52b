"""What goes over the border: requests as they were read, answers as they are sent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from carprice_assets.listings.notes import Note


class Form(msgspec.Struct, frozen=True):
    """A request for valuations, checked but for its cars, which are checked one by one."""

    cars: list[Any]
    regressor: str | None = None
    as_of: date | None = None


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


class Valuation(msgspec.Struct, frozen=True):
    """The answer for one car: a price with its range, or null with the errors that say why."""

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


class PredictAnswer(msgspec.Struct, frozen=True):
    """Answer to the reference's form; both lists have one entry a car, in order."""

    result: list[float | None]
    valuations: list[Valuation]


class ValuationsAnswer(msgspec.Struct, frozen=True):
    """One valuation a car, in order."""

    valuations: list[Valuation]


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


class Readiness(msgspec.Struct, frozen=True):
    """Whether any market can answer, and from what."""

    ready: bool
    default_market: str | None
    detail: str
    markets: list[MarketReadiness]


class Markets(msgspec.Struct, frozen=True):
    """Markets with a release in service."""

    default_market: str | None
    markets: list[MarketReadiness]


class FieldError(msgspec.Struct, frozen=True):
    """One field of the request and what is wrong with it."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    """``urn:uuid:`` of the log entry, for a defect of the service."""
    errors: list[FieldError] = []
