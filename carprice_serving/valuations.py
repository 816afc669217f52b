"""From a checked request to valuations: short lists on the event loop, long ones in slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Any, TypeVar, cast

from anyio import CapacityLimiter, to_thread
from msgspec.structs import replace

from carprice_assets.listings.notes import Note
from carprice_assets.releases.rating import FIELD as ASKING_PRICE
from carprice_assets.releases.rating import rated
from carprice_serving.answered import Answered, Listeners
from carprice_serving.details import needs_details, with_details
from carprice_serving.gathering import Gathering
from carprice_serving.live_errors import LiveErrors
from carprice_serving.problems import RequestProblem, field_problem
from carprice_serving.schemas import Form, Provenance, Valuation
from carprice_serving.settings import Settings
from carprice_serving.valuers import CarValuation, Valuer, ValuerRegistry

Result = TypeVar("Result")
Compute = Callable[[Sequence[Any]], list[Valuation]]


@dataclass
class Valuations:
    """Answers requests from the valuers in service."""

    registry: ValuerRegistry
    settings: Settings
    live_errors: LiveErrors = field(default_factory=LiveErrors)
    listeners: Listeners = field(default_factory=Listeners)
    """Told of every answer to a list of cars."""
    stage: Callable[[str, float], None] = lambda name, seconds: None
    """Told the seconds of each stage of the work."""
    gathering: Gathering[Valuation] = field(default_factory=Gathering[Valuation], init=False)
    _limiter: CapacityLimiter | None = field(default=None, init=False)
    _asides: dict[bool, CapacityLimiter] = field(
        default_factory=dict[bool, CapacityLimiter], init=False
    )

    async def of(self, market: str | None, form: Form) -> list[Valuation]:
        """One valuation a car of ``form``, in order, all from the same release.

        Raises
        ------
        RequestProblem
            404 for an unknown market, 503 where none of its releases is in service, 422 for a
            regressor that the release does not carry.
        """
        valuer = self.valuer(market)
        self.require_regressor(valuer, form.regressor)
        as_of = form.as_of or today(valuer)
        work = partial(value, valuer, as_of, form.regressor)
        if len(form.cars) <= self.settings.inline_cars:
            found = await self.gathering.value(
                (id(valuer), as_of, form.regressor), self._timed(work), form.cars
            )
        else:
            found = await self._in_slices(work, form.cars)
        self.listeners.tell(Answered(valuer, form.regressor, as_of, form.cars, found))
        if form.real_prices is not None:
            await self.aside(partial(self.live_errors.add, form.cars, found, form.real_prices))
        if needs_details(form, found):
            detailed = partial(with_details, valuer, form, as_of, found)
            found = await self.aside(detailed, long=form.explain)
        return found

    def require_regressor(self, valuer: Valuer, name: str | None) -> None:
        """Refuse (422) a regressor that the release does not carry."""
        if name and name not in valuer.regressors:
            carried = ", ".join(valuer.regressors)
            message = f"unknown regressor {name[:40]!r}; this release carries {carried}"
            raise field_problem("unknown-regressor", "model_type", message)

    async def aside(self, work: Callable[[], Result], *, long: bool = False) -> Result:
        """What ``work`` gives, from a thread, one at a time.

        What few ask for must not slow down what all do, and ``long`` work, which takes up to
        seconds, waits in a line of its own.
        """
        limiter = self._asides.setdefault(long, CapacityLimiter(1))
        return await to_thread.run_sync(work, limiter=limiter)

    def _timed(self, work: Callable[[Sequence[Any]], list[Valuation]]) -> Compute:
        def timed(cars: Sequence[Any]) -> list[Valuation]:
            begin = perf_counter()
            found = work(cars)
            self.stage("value", perf_counter() - begin)
            return found

        return timed

    async def _in_slices(
        self, work: partial[list[Valuation]], cars: Sequence[Any]
    ) -> list[Valuation]:
        done: list[Valuation] = []
        step = self.settings.slice_cars
        for start in range(0, len(cars), step):
            begin = perf_counter()
            done += await self.in_turn(partial(work, cars[start : start + step]))
            self.stage("slice", perf_counter() - begin)
        return done

    async def in_turn(self, work: Callable[[], Result]) -> Result:
        """What ``work`` gives, a slice of a long request, from a thread.

        It takes a place in the line for every slice, so that long requests take turns.
        """
        limiter = self._limiter or CapacityLimiter(self.settings.threads)
        self._limiter = limiter
        return await to_thread.run_sync(work, limiter=limiter)

    def require_market(self, market: str) -> None:
        """Refuse (404) a market that is not known."""
        states = self.registry.states
        if market not in states:
            known = ", ".join(sorted(states)) or "none"
            message = f"unknown market {market[:40]!r}; there are: {known}"
            raise field_problem("unknown-market", "market", message, HTTPStatus.NOT_FOUND)

    def market(self, named: str) -> str | None:
        """The market that is named, else the default one; None where there is none at all."""
        if not named:
            return self.registry.default_market
        self.require_market(named)
        return named

    def valuer(self, market: str | None) -> Valuer:
        """The valuer in service for ``market``, or for the default one; errors as :meth:`of`."""
        states = self.registry.states
        name = market or self.registry.default_market
        if name is None:
            raise _unready("No market has a champion. `carprice train --market us` makes one.")
        if market is not None:
            self.require_market(market)
        elif problem := self.registry.default_problem:
            raise _unready(problem)
        state = states.get(name)
        if state is None or (state.valuer is None and state.pointer is None):
            raise _unready(
                f"Market {name} has no champion. `carprice train --market {name}` makes one."
            )
        if state.valuer is None:
            raise _unready(f"Market {name}: its champion could not be loaded; /ready tells why.")
        return state.valuer


def _unready(detail: str) -> RequestProblem:
    return RequestProblem(HTTPStatus.SERVICE_UNAVAILABLE, "no-champion", detail)


def today(valuer: Valuer) -> date:
    """The day that a price holds for where none is named; no clock is behind the data."""
    return max(datetime.now(UTC).date(), valuer.last_observed)


def value(
    valuer: Valuer, as_of: date, regressor: str | None, cars: Sequence[Any]
) -> list[Valuation]:
    """One valuation a car, in order, with the rating of what is asked for it."""
    if not cars:
        return []
    provenance = provenance_of(valuer, as_of, regressor)
    plain = [without_asking_price(car) for car in cars]
    found = valuer.value_cars(plain, as_of=as_of, regressor=regressor)
    if len(found) != len(cars):
        raise RuntimeError(f"{len(found)} valuations for {len(cars)} cars")
    currency = valuer.currency
    return [
        _valuation(car, currency, provenance)
        if own is given
        else _rated(_valuation(car, currency, provenance), given[ASKING_PRICE])
        for car, own, given in zip(found, plain, cars, strict=True)
    ]


def provenance_of(valuer: Valuer, as_of: date, regressor: str | None = None) -> Provenance:
    """Where the answers of ``valuer`` come from."""
    facts = valuer.provenance
    return Provenance(
        market=valuer.market,
        release=valuer.release_id,
        regressor=regressor or valuer.champion,
        data_version=_text(facts.get("data_version")),
        run=_text(facts.get("run")),
        as_of=valuer.observed_day(as_of),
    )


def without_asking_price(car: Any) -> Any:
    """The same car where it states none: what is asked says nothing of what it is worth."""
    if not isinstance(car, dict) or ASKING_PRICE not in car:
        return car
    fields = cast("dict[str, Any]", car)
    return {name: value for name, value in fields.items() if name != ASKING_PRICE}


def _rated(valuation: Valuation, given: Any) -> Valuation:
    answered = valuation.price, valuation.low, valuation.high
    asking, rating, note = rated(given, valuation.currency, *answered)
    warnings = valuation.warnings if note is None else (*valuation.warnings, note)
    return replace(valuation, warnings=warnings, asking_price=asking, deal_rating=rating)


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
