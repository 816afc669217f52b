"""The valuers in service: one a market, swapped whole when its champion pointer moves."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.listings.contract import Columns
from carprice_assets.listings.notes import Note
from carprice_assets.markets.features import DeclaredFeature
from carprice_assets.releases.comparables import Comparables
from carprice_assets.releases.engine import Intake
from carprice_serving.bargain_lists import ListSource
from carprice_serving.release_details import Decision, ReleaseDetails
from carprice_serving.schemas import Releases

logger = logging.getLogger(__name__)


class CarValuation(Protocol):
    """What a valuer says about one car; ``price`` is None where there are errors."""

    @property
    def price(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def coverage(self) -> float | None: ...
    @property
    def supported(self) -> bool | None: ...
    @property
    def reasons(self) -> tuple[Note, ...]: ...
    @property
    def warnings(self) -> tuple[Note, ...]: ...
    @property
    def errors(self) -> tuple[Note, ...]: ...


class Valuer(Protocol):
    """One loaded release. Used by several threads at once, so it changes nothing of itself."""

    @property
    def release_id(self) -> str: ...
    @property
    def market(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def distance(self) -> str: ...
    @property
    def regressors(self) -> tuple[str, ...]: ...
    @property
    def champion(self) -> str: ...
    @property
    def last_observed(self) -> date: ...
    def observed_day(self, day: date) -> date:
        """The day nearest to ``day`` of those that listings were learned from."""
        ...

    @property
    def provenance(self) -> Mapping[str, Any]: ...
    @property
    def features(self) -> tuple[DeclaredFeature, ...]: ...
    @property
    def comparables(self) -> Comparables | None: ...

    def value_cars(
        self, cars: Sequence[Any], *, as_of: date, regressor: str | None = None
    ) -> Sequence[CarValuation]:
        """One valuation a car, in order; never raises for what a car holds."""
        ...

    def read_cars(self, cars: Sequence[Any], as_of: date) -> tuple[Intake, Columns]:
        """What cars came to, and the columns that are valued; never raises for what one holds."""
        ...

    def value(self, columns: Columns, regressor: str | None = None) -> NDArray[np.float64]:
        """Prices of columns, (rows,)."""
        ...


class ReleaseSource(ListSource, Protocol):
    """Where champions come from; any method may raise, and the registry tells it in words."""

    def markets(self) -> Iterable[str]:
        """Names of all markets that are configured or have releases."""
        ...

    def title(self, market: str) -> str:
        """What people call a market; its name where its file tells none."""
        ...

    def pointer(self, market: str) -> Hashable | None:
        """What changes whenever the champion pointer is replaced; None where there is none."""
        ...

    def champion(self, market: str) -> str | None:
        """The id that the pointer names."""
        ...

    def load(self, market: str, release_id: str) -> Valuer:
        """The release, verified, ready to answer."""
        ...

    def holds(self, market: str, release_id: str) -> bool:
        """Whether the release's folder is still there."""
        ...

    def releases(self, market: str, limit: int) -> Releases:
        """The latest releases of a market and what was decided, for people to read."""
        ...

    def details(self, market: str, release_id: str) -> ReleaseDetails:
        """All that is shown of one release."""
        ...

    def decisions(self, market: str, limit: int) -> list[Decision]:
        """The latest lines of the market's ledger, latest first."""
        ...

    def picture(self, market: str, release_id: str, name: str) -> bytes:
        """A plot of a release, as PNG."""
        ...


@dataclass(frozen=True)
class MarketState:
    """One market as the registry knows it.

    Attributes
    ----------
    valuer, since
        What answers, and since when; None where nothing does.
    pointer
        The pointer's identity at the last look; None where there is no champion.
    error
        Why the champion is not what answers.
    retry_at
        Clock time from which a failed release is tried again.
    """

    market: str
    valuer: Valuer | None = None
    since: datetime | None = None
    pointer: Hashable | None = None
    error: str | None = None
    retry_at: float = 0.0


class ValuerRegistry:
    """Keeps one valuer a market in step with the champion pointers.

    :meth:`refresh` works in one thread at a time and replaces a market's state whole, so that
    a reader in any thread sees the old release or the new one. On any failure the old one
    stays, with the reason beside it.
    """

    def __init__(
        self,
        source: ReleaseSource,
        *,
        default_market: str | None = None,
        retry_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._default_market = default_market
        self._retry_seconds = retry_seconds
        self._clock = clock
        self.reloaded: Callable[[str, bool, float], None] = _untold
        """Told of each reload: the market, whether it went well, and its seconds."""
        self._states: Mapping[str, MarketState] = {}

    @property
    def states(self) -> Mapping[str, MarketState]:
        """All known markets by name, as they stand now."""
        return self._states

    @property
    def default_market(self) -> str | None:
        """The market of requests that name none.

        The one set; else the only one with a champion, else ``us`` where it has one, else the
        first by name. Once found it stays while the process lives: a promotion elsewhere must
        not turn requests over to another currency. A champion that cannot be loaded counts too,
        so that a damaged release does not do so either.
        """
        if self._default_market is None:
            named = sorted(s.market for s in self._states.values() if s.pointer or s.valuer)
            self._default_market = "us" if "us" in named else next(iter(named), None)
        return self._default_market

    @property
    def default_problem(self) -> str | None:
        """What is wrong with the default market that is set; None where it is one of the home."""
        name, states = self._default_market, self._states
        if name is None or name in states:
            return None
        known = ", ".join(sorted(states)) or "none"
        told = f"CARPRICE_DEFAULT_MARKET names {name[:40]!r}, but no market is called so"
        return f"{told}; there are: {known}"

    def title(self, market: str) -> str:
        """What people call a market, from where champions come."""
        return self._source.title(market)

    def releases(self, market: str, limit: int) -> Releases:
        """The latest ``limit`` releases of a market, from where champions come."""
        return self._source.releases(market, limit)

    def details(self, market: str, release_id: str) -> ReleaseDetails:
        """All that is shown of one release, from where champions come."""
        return self._source.details(market, release_id)

    def decisions(self, market: str, limit: int) -> list[Decision]:
        """The latest lines of a market's ledger, latest first."""
        return self._source.decisions(market, limit)

    def picture(self, market: str, release_id: str, name: str) -> bytes:
        """A plot of a release, as PNG."""
        return self._source.picture(market, release_id, name)

    def refresh(self) -> None:
        """Look at every pointer once, and load what is new. Never raises for one market."""
        try:
            names = set(self._source.markets())
        except Exception as error:  # told in the log; the markets known so far go on
            logger.warning("the list of markets cannot be read: %s", _told(error))
            names = set[str]()
        for name in sorted(names | set(self._states)):
            old = self._states.get(name, MarketState(name))
            new = self._with_folder(self._refreshed(old))
            if new.error and new.error != old.error:
                logger.warning("market %s: %s", name, new.error)
            if new is not old or name not in self._states:
                self._states = {**self._states, name: new}
        gone = [n for n, s in self._states.items() if n not in names and s == MarketState(n)]
        if gone:
            self._states = {n: s for n, s in self._states.items() if n not in gone}

    def _refreshed(self, old: MarketState) -> MarketState:
        pointer = old.pointer
        try:
            pointer = self._source.pointer(old.market)
            if pointer is None:
                return _without_pointer(old)
            if pointer == old.pointer and (not old.error or self._clock() < old.retry_at):
                return old
            release_id = self._source.champion(old.market)
            if release_id is None:
                return _without_pointer(old)
            if old.valuer and old.valuer.release_id == release_id:
                return replace(old, pointer=pointer, error=None)
            begin = time.perf_counter()
            valuer = self._source.load(old.market, release_id)
            if valuer.market != old.market:
                raise UserError(f"release {release_id} is of market {valuer.market}")
        except Exception as error:  # whatever ails one release must not stop what answers
            self.reloaded(old.market, False, 0.0)
            return replace(
                old,
                pointer=pointer,
                error=_told(error),
                retry_at=self._clock() + self._retry_seconds,
            )
        logger.info("market %s: release %s is in service", old.market, release_id)
        self.reloaded(old.market, True, time.perf_counter() - begin)
        return MarketState(old.market, valuer, datetime.now(UTC), pointer)

    def _with_folder(self, state: MarketState) -> MarketState:
        """The same state; it tells where the folder of what answers has vanished."""
        if state.valuer is None or state.error:
            return state
        release_id = state.valuer.release_id
        try:
            if self._source.holds(state.market, release_id):
                return state
            told = f"the folder of release {release_id} is gone; it still answers from memory"
        except Exception as error:  # whatever ails the disk must not stop what answers
            told = f"release {release_id} cannot be looked for: {_told(error)}"
        return replace(state, error=told, retry_at=0.0)


def _without_pointer(old: MarketState) -> MarketState:
    if old.valuer is None:
        return MarketState(old.market) if old.error or old.pointer else old
    kept = f"the champion pointer is gone; release {old.valuer.release_id} still answers"
    return replace(old, pointer=None, error=kept)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def _untold(market: str, well: bool, seconds: float) -> None:
    del market, well, seconds
