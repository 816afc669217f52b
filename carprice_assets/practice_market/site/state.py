"""A practice site's day and faults, and its stock on that day."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from functools import cached_property

from carprice_assets.errors import UserError
from carprice_assets.files import read_json, write_atomic
from carprice_assets.home import Home
from carprice_assets.practice_market.changes import Changes, changes
from carprice_assets.practice_market.dirt import Rolls
from carprice_assets.practice_market.payloads import payload_of
from carprice_assets.practice_market.site.faults import Fault, Faults, fault_of, kind_of
from carprice_assets.practice_market.site.settings import SiteSettings
from carprice_assets.practice_market.stock import Market

SIMILAR = 8


class Stock:
    """What is on sale on one day; raises ValueError for a day beyond the simulated ones."""

    def __init__(self, market: Market, day: int) -> None:
        self.market, self.day, self.date = market, day, market.date_of(day)
        self.rates = market.settings.dirt
        self.cars = {car.listing_id: car for car in market.stock(day)}
        self._payloads: dict[str, dict[str, object]] = {}

    def payload(self, listing_id: str) -> dict[str, object]:
        """The payload of a listing on sale; KeyError for another. Not to be changed."""
        found = self._payloads.get(listing_id)
        if found is None:
            found = self._payloads[listing_id] = payload_of(self.cars[listing_id], self.rates)
        return found

    @cached_property
    def known(self) -> frozenset[str]:
        """Ids of all listings on sale up to this day."""
        return self.market.ever_listed(self.day)

    @cached_property
    def changes(self) -> Changes:
        """What became of the listings since the day before; on day 0 all are new."""
        if self.day == 0:
            none = frozenset[str]()
            return Changes(frozenset(self.cars), none, none, none)
        return changes(self.market, self.day - 1, self.day)

    @cached_property
    def repeated(self) -> frozenset[str]:
        """Ids that the next search page shows again."""
        share = self.rates.repeated
        return frozenset(each for each in self.cars if Rolls(each)["repeated"] < share)

    @cached_property
    def _by_bodystyle(self) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for car in self.cars.values():
            groups.setdefault(car.vehicle.bodystyle, []).append(car.listing_id)
        return groups

    @cached_property
    def _places(self) -> dict[str, int]:
        return {
            listing_id: place
            for group in self._by_bodystyle.values()
            for place, listing_id in enumerate(group)
        }

    def similar_to(self, listing_id: str, count: int = SIMILAR) -> list[str]:
        """Ids of cars of the same body style, those that follow in order; of the first car's
        style for an id not on sale.
        """
        car = self.cars.get(listing_id) or next(iter(self.cars.values()))
        group, place = self._by_bodystyle[car.vehicle.bodystyle], self._places[car.listing_id]
        count = min(count, len(group) - 1)
        return [group[(place + step) % len(group)] for step in range(1, count + 1)]


class SiteState:
    """All that changes while a site is served.

    Parameters
    ----------
    home
        Keeps the day and the access log below `home.practice`.

    Raises
    ------
    UserError
        Where the day kept there is none of the simulated market's.
    """

    def __init__(self, settings: SiteSettings, home: Home, faults: Faults | None = None) -> None:
        self.settings = settings
        self.folder = home.practice / settings.market
        self.market = settings.open_market()
        self.faults = faults or Faults()
        self.visits = itertools.count(1)
        self._turns: Counter[str] = Counter()
        self.stock = self._stock(self._read_day())

    @property
    def day(self) -> int:
        """The simulated day, from 0."""
        return self.stock.day

    @property
    def last_day(self) -> int:
        """The last day that can be moved to."""
        return self.market.settings.days - 1

    def move_to(self, day: int) -> None:
        """Make it another day, for this process and the next.

        Raises
        ------
        UserError
            Beyond the simulated days.
        """
        stock = self._stock(day)
        write_atomic(self.folder / "day.json", json.dumps({"day": day}).encode())
        self.stock = stock

    def set_faults(self, faults: Faults) -> None:
        """Switch faults; requests are counted anew, so that the same ones meet them again."""
        self.faults = faults
        self._turns.clear()

    def meet(self, path: str, target: str) -> Fault:
        """Count a request and tell the fault that it meets."""
        kind = kind_of(path)
        if kind is None:
            return ""
        self._turns[target] += 1
        return fault_of(self.faults, kind, target, self._turns[target])

    def _stock(self, day: int) -> Stock:
        if not 0 <= day <= self.last_day:
            raise UserError(
                f"practice site of {self.settings.market}: day {day} is outside 0 to"
                f" {self.last_day}"
            )
        return Stock(self.market, day)

    def _read_day(self) -> int:
        path = self.folder / "day.json"
        if not path.exists():
            return 0
        try:
            day = read_json(path)["day"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} does not hold a day: {error!r}") from error
        if type(day) is not int:
            raise UserError(f"{path}: day must be a whole number, got {day!r}")
        return day
