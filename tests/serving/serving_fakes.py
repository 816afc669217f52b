"""A fake release source: constant prices, per-car errors by a simple rule, pointers to move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from carprice_assets.bargains.published import BargainList
from carprice_assets.errors import UserError
from carprice_assets.listings.contract import FEATURE_FIELDS, days, text_array
from carprice_assets.listings.intake import read_cars
from carprice_assets.listings.notes import Note
from carprice_assets.markets.features import DeclaredFeature
from carprice_assets.releases.comparables import Comparables
from carprice_serving.release_details import Decision, ReleaseDetails
from carprice_serving.schemas import Releases


@dataclass(frozen=True)
class FakeCar:
    price: float | None
    warnings: tuple[Note, ...] = ()
    errors: tuple[Note, ...] = ()
    low: float | None = None
    high: float | None = None
    coverage: float | None = None
    supported: bool | None = None
    reasons: tuple[Note, ...] = ()


@dataclass
class FakeValuer:
    """Prices a car by its ``msrp``; ``model`` 'boom' raises, as a defect would.

    A car of ``make`` 'Nobody' is not supported.
    """

    market: str = "us"
    release_id: str = "r1"
    currency: str = "USD"
    distance: str = "mi"
    regressors: tuple[str, ...] = ("catboost", "random_forest")
    champion: str = "catboost"
    last_observed: date = date(2024, 6, 30)
    provenance: dict[str, Any] = field(
        default_factory=lambda: {"data_version": "d1", "run": "run-1"}
    )
    asked: list[tuple[int, date, str | None]] = field(default_factory=list)
    features: tuple[DeclaredFeature, ...] = ()
    comparables: Comparables | None = None

    def value_cars(
        self, cars: Sequence[Any], *, as_of: date, regressor: str | None = None
    ) -> list[FakeCar]:
        self.asked.append((len(cars), as_of, regressor))
        return [self._value(car) for car in cars]

    def observed_day(self, day: date) -> date:
        return min(day, self.last_observed)

    def read_cars(self, cars: Sequence[Any], as_of: date) -> tuple[Any, Any]:
        intake = read_cars(cars, as_of=days(as_of), distance=self.distance, currency=self.currency)
        return intake, dict(intake.columns)

    def value(self, columns: Any, regressor: str | None = None) -> Any:
        """As ``_value``, and a dollar less for ten miles, so that there is something to explain."""
        price = np.where(np.isnan(columns["msrp"]), 10_000.0, columns["msrp"])
        return price - 0.1 * np.nan_to_num(columns["mileage"])

    def _value(self, car: Any) -> FakeCar:
        if not isinstance(car, dict):
            return FakeCar(None, errors=(Note("wrong_type", "car", "must be an object"),))
        if car.get("model") == "boom":
            raise ZeroDivisionError("secret inner detail")
        year = car.get("year")
        if not isinstance(year, int) or isinstance(year, bool):
            return FakeCar(None, errors=(Note("wrong_type", "year", "must be a number"),))
        if not 1900 <= year <= 2026:
            return FakeCar(None, errors=(Note("out_of_range", "year", "out of range"),))
        notes = () if "trim" in car else (Note("imputed", "trim", "not given"),)
        if car.get("make") == "Nobody":
            reason = Note("unknown_make", "make", "no listing of make 'Nobody' was learned")
            error = Note("unsupported", "make", reason.message)
            return FakeCar(None, notes, (error,), supported=False, reasons=(reason,))
        price = float(car.get("msrp", 10_000)) + 0.004
        return FakeCar(price, notes, (), 0.9 * price, 1.1 * price, 0.9, supported=True)


def stock(*cars: dict[str, Any]) -> Comparables:
    """Comparables of listings that ``cars`` tell in part, Used Ford F-150 of 2020 else."""
    plain: dict[str, Any] = {"make": "Ford", "model": "F-150", "trim": "XLT", "year": 2020.0,
                             "mileage": 30_000.0, "price": 30_000.0, "stock_type": "Used",
                             "observed_at": days(date(2024, 6, 1))}  # fmt: skip
    rows = [plain | {"vehicle": f"v{n}"} | car for n, car in enumerate(cars)]
    numbers = {"year", "mileage", "msrp", "price", "observed_at"}
    names = {f.name for f in FEATURE_FIELDS} | {"price", "vehicle"}
    return Comparables.of(
        {
            "train": {
                name: np.array([row.get(name, np.nan) for row in rows], float)
                if name in numbers
                else text_array([row.get(name, "") for row in rows])
                for name in names
            }
        }
    )


class FakeSource:
    """Champions by market; a text in place of a valuer is why it cannot be loaded."""

    def __init__(self, **champions: FakeValuer | str) -> None:
        self.names = {"us", "practice"} | set(champions)
        self.champions: dict[str, FakeValuer | str] = dict(champions)
        self.moves = dict.fromkeys(champions, 1)
        self.loads: list[str] = []
        self.lost: set[str] = set()
        self.titles: dict[str, str] = {}
        self.lists: dict[str, BargainList] = {}

    def move(self, market: str, champion: FakeValuer | str) -> None:
        self.champions[market] = champion
        self.moves[market] = self.moves.get(market, 0) + 1

    def markets(self) -> set[str]:
        return self.names

    def title(self, market: str) -> str:
        return self.titles.get(market, market)

    def pointer(self, market: str) -> int | None:
        return self.moves.get(market)

    def champion(self, market: str) -> str | None:
        champion = self.champions[market]
        return champion if isinstance(champion, str) else champion.release_id

    def load(self, market: str, release_id: str) -> FakeValuer:
        self.loads.append(release_id)
        champion = self.champions[market]
        if isinstance(champion, str):
            raise UserError(f"release {champion} is damaged")
        return champion

    def holds(self, market: str, release_id: str) -> bool:
        return release_id not in self.lost

    def releases(self, market: str, limit: int) -> Releases:
        return Releases(market, [], [])

    def details(self, market: str, release_id: str) -> ReleaseDetails:
        raise UserError(f"market {market} has no release {release_id}")

    def decisions(self, market: str, limit: int) -> list[Decision]:
        return []

    def picture(self, market: str, release_id: str, name: str) -> bytes:
        raise UserError(f"release {release_id} has no picture {name}")

    def bargains_pointer(self, market: str) -> str | None:
        found = self.lists.get(market)
        return found.id if found else None

    def bargains(self, market: str) -> BargainList | None:
        return self.lists.get(market)
