"""The stock of the practice market, day by day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from carprice_assets.practice_market.cohorts import Cohort, draw
from carprice_assets.practice_market.settings import Settings
from carprice_assets.practice_market.vehicle import SimulatedCar, Vehicle


def simulate(settings: Settings | None = None) -> Market:
    """Open the market of these settings, by default of `Settings()`.

    Examples
    --------
    >>> market = simulate(Settings(size=100))
    >>> len(market.stock(0))
    100
    """
    return Market(settings or Settings())


class Market:
    """A simulated marketplace; days are drawn when first asked for, in any order.

    Parameters
    ----------
    settings
        The same settings give the same market.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._batches: dict[int, _Batch] = {}

    def date_of(self, day: int) -> date:
        """Date of a day.

        Raises
        ------
        ValueError
            `day` is not between 0 and `settings.days - 1`.
        """
        if not 0 <= day < self.settings.days:
            raise ValueError(f"day {day} is outside 0 to {self.settings.days - 1}")
        return self.settings.start + timedelta(days=day)

    def stock(self, day: int) -> list[SimulatedCar]:
        """Listings on sale on a day, ordered by listing id.

        Raises
        ------
        ValueError
            `day` is not between 0 and `settings.days - 1`.
        """
        on = self.date_of(day)
        cars = [car for past in range(day + 1) for car in self._batch(past).on_sale(day, on)]
        return sorted(cars, key=lambda car: car.listing_id)

    def ever_listed(self, day: int) -> frozenset[str]:
        """Ids of all listings that have been on sale up to and on a day, ended ones included.

        Raises
        ------
        ValueError
            `day` is not between 0 and `settings.days - 1`.
        """
        self.date_of(day)
        return frozenset(known for past in range(day + 1) for known in self._batch(past).begun(day))

    def planted_bargains(self) -> frozenset[str]:
        """Ids of all listings up to the market's last day whose price was lowered on purpose."""
        days = range(self.settings.days)
        return frozenset(planted for day in days for planted in self._batch(day).planted(days))

    def _batch(self, day: int) -> _Batch:
        if day not in self._batches:
            self._batches[day] = _Batch(draw(self.settings, day))
        return self._batches[day]


@dataclass
class _Batch:
    """A cohort, with its cars spelled out once they are asked for."""

    cohort: Cohort
    _first_prices: list[int] = field(init=False)

    def __post_init__(self) -> None:
        first_days = self.cohort.listings.first_day
        self._first_prices = self.cohort.prices(first_days).tolist()

    @cached_property
    def vehicles(self) -> list[Vehicle]:
        return self.cohort.vehicles()

    @cached_property
    def listing_ids(self) -> list[str]:
        return self.cohort.listing_ids()

    def on_sale(self, day: int, on: date) -> list[SimulatedCar]:
        listings = self.cohort.listings
        rows = np.flatnonzero((listings.first_day <= day) & (day < listings.end_day)).tolist()
        if not rows:
            return []
        prices, values = self.cohort.prices(day), self.cohort.true_values(day)
        found: list[SimulatedCar] = []
        for row in rows:
            car = int(listings.car[row])
            found.append(
                SimulatedCar(
                    listing_id=self.listing_ids[row],
                    vehicle=self.vehicles[car],
                    on=on,
                    listed_on=on - timedelta(days=day - int(listings.first_day[row])),
                    price=int(prices[row]),
                    first_price=self._first_prices[row],
                    true_value=float(values[car]),
                )
            )
        return found

    def begun(self, day: int) -> list[str]:
        """Ids of the listings whose first day is that day or an earlier one."""
        rows = np.flatnonzero(self.cohort.listings.first_day <= day)
        return [self.listing_ids[row] for row in rows]

    def planted(self, days: range) -> list[str]:
        """Ids of the planted bargains among the listings that start before the days are over."""
        listings = self.cohort.listings
        rows = np.flatnonzero(listings.bargain & (listings.first_day < days.stop))
        return [self.listing_ids[row] for row in rows]
