"""From a checked request to valuations: short lists on the event loop, long ones in slices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from anyio import CapacityLimiter, to_thread

from carprice_assets.listings.notes import Note
from carprice_serving.problems import RequestProblem, field_problem
from carprice_serving.schemas import Form, Provenance, Valuation
from carprice_serving.settings import Settings
from carprice_serving.shadows import Shadows
from carprice_serving.valuers import CarValuation, Valuer, ValuerRegistry


@dataclass
class Valuations:
    """Answers requests from the valuers in service."""

    registry: ValuerRegistry
    settings: Settings
    shadows: Shadows | None = None
    _limiter: CapacityLimiter | None = field(default=None, init=False)

    async def of(self, market: str | None, form: Form) -> list[Valuation]:
        """One valuation a car of ``form``, in order, all from the same release.

        Raises
        ------
        RequestProblem
            404 for an unknown market, 503 where none of its releases is in service, 422 for a
            regressor that the release does not carry.
        """
        valuer = self.valuer(market)
        if form.regressor is not None and form.regressor not in valuer.regressors:
            carried = ", ".join(valuer.regressors)
            message = f"unknown regressor {form.regressor[:40]!r}; this release carries {carried}"
            raise field_problem("unknown-regressor", "model_type", message)
        as_of = form.as_of or datetime.now(UTC).date()
        work = partial(_value, valuer, as_of, form.regressor)
        if len(form.cars) <= self.settings.inline_cars:
            found = work(form.cars)
        else:
            found = await self._in_slices(work, form.cars)
        if self.shadows is not None and form.regressor is None:
            self.shadows.offer(valuer, as_of, form.cars, found)
        return found

    async def _in_slices(
        self, work: partial[list[Valuation]], cars: Sequence[Any]
    ) -> list[Valuation]:
        # A place in the line for every slice, so that long requests take turns.
        limiter = self._limiter or CapacityLimiter(self.settings.threads)
        self._limiter = limiter
        done: list[Valuation] = []
        step = self.settings.slice_cars
        for start in range(0, len(cars), step):
            done += await to_thread.run_sync(work, cars[start : start + step], limiter=limiter)
        return done

    def valuer(self, market: str | None) -> Valuer:
        """The valuer in service for ``market``, or for the default one; errors as :meth:`of`."""
        states = self.registry.states
        name = market or self.registry.default_market
        if name is None:
            raise _unready("No market has a champion. `carprice train --market us` makes one.")
        state = states.get(name)
        if state is None and market is not None:
            known = ", ".join(sorted(states)) or "none"
            message = f"unknown market {market[:40]!r}; there are: {known}"
            raise field_problem("unknown-market", "market", message, HTTPStatus.NOT_FOUND)
        if state is None or (state.valuer is None and state.pointer is None):
            raise _unready(
                f"Market {name} has no champion. `carprice train --market {name}` makes one."
            )
        if state.valuer is None:
            raise _unready(f"Market {name}: its champion could not be loaded; /ready tells why.")
        return state.valuer


def _unready(detail: str) -> RequestProblem:
    return RequestProblem(HTTPStatus.SERVICE_UNAVAILABLE, "no-champion", detail)


def _value(
    valuer: Valuer, as_of: date, regressor: str | None, cars: Sequence[Any]
) -> list[Valuation]:
    if not cars:
        return []
    facts = valuer.provenance
    provenance = Provenance(
        market=valuer.market,
        release=valuer.release_id,
        regressor=regressor or valuer.champion,
        data_version=_text(facts.get("data_version")),
        run=_text(facts.get("run")),
        as_of=min(as_of, valuer.last_observed),
    )
    found = valuer.value_cars(cars, as_of=as_of, regressor=regressor)
    if len(found) != len(cars):
        raise RuntimeError(f"{len(found)} valuations for {len(cars)} cars")
    return [_valuation(car, valuer.currency, provenance) for car in found]


def _valuation(car: CarValuation, currency: str, provenance: Provenance) -> Valuation:
    price, errors = car.price, car.errors
    if price is not None and not math.isfinite(price):
        price = None
    if price is None and not errors:
        errors = (Note("no_price", "car", "the regressor gave no price for this car"),)
    return Valuation(
        price=_money(price),
        low=None if price is None else _money(car.low),
        high=None if price is None else _money(car.high),
        coverage=None if price is None else car.coverage,
        supported=car.supported,
        reasons=car.reasons,
        currency=currency,
        warnings=car.warnings,
        errors=errors,
        provenance=provenance,
    )


def _money(amount: float | None) -> float | None:
    return None if amount is None else round(float(amount), 2)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
