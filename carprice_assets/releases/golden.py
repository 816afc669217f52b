"""Golden cases: cars with the prices that a release must give whenever it is loaded."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import numpy as np

from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json
from carprice_assets.listings.contract import Columns, days, row_count
from carprice_assets.listings.declared import declared_numbers, declared_words
from carprice_assets.releases.engine import Engine
from carprice_assets.releases.strict import check_format

FORMAT = 2
"""The second has ranges."""
RELATIVE = 1e-6
"""Relative difference of a golden price that another machine may make."""

COUNT = 20
TEXT = (
    "make",
    "model",
    "trim",
    "stock_type",
    "drivetrain",
    "fuel_type",
    "bodystyle",
    "cat",
    "exterior_color",
    "interior_color",
)
ROUNDED = {"mileage": 500.0, "msrp": 250.0}


@dataclass(frozen=True)
class Replay:
    """What a replay showed: one line for each price that differs, and equality of features."""

    problems: list[str]
    same_bits: bool


@dataclass(frozen=True)
class Golden:
    """Cars in business form with prices and ranges of every regressor, and a hash of the features.

    ``ranges`` has the two ends of each car's range, or nothing for a regressor without ranges.
    ``features`` is the SHA-256 of the cars' float32 block. Equal bits are promised on equal
    processors; what decides is the prices.
    """

    as_of: date
    cars: tuple[Mapping[str, Any], ...]
    prices: Mapping[str, tuple[float, ...]]
    ranges: Mapping[str, tuple[tuple[float, float], ...]]
    features: str

    @classmethod
    def of(cls, engine: Engine, cars: Sequence[Mapping[str, Any]], as_of: date) -> Golden:
        """Compute the cases of ``cars``.

        Raises
        ------
        UserError
            Where there is no car, one is refused, or one gets no price above 0.
        """
        if not cars:
            raise UserError("a release needs golden cases: there is no car")
        intake = engine.read_cars(cars, as_of=days(as_of), distance=engine.distance)
        for position, errors in enumerate(intake.errors):
            if errors:
                raise UserError(f"golden car {position}: {errors[0].field}: {errors[0].message}")
        prices: dict[str, tuple[float, ...]] = {}
        ranges: dict[str, tuple[tuple[float, float], ...]] = {}
        for name, predictor in sorted(engine.predictors.items()):
            values, low, high = predictor.ranges(intake.columns)
            if not (np.isfinite(values) & (values > 0)).all():
                raise UserError(f"{name} has no price above 0 for every golden car")
            prices[name] = tuple(map(float, values))
            ends = zip(low.tolist(), high.tolist(), strict=True)
            ranges[name] = tuple(ends) if predictor.coverage is not None else ()
        block = np.ascontiguousarray(engine.features.transform(intake.columns), dtype="<f4")
        bits = hashlib.sha256(block.tobytes()).hexdigest()
        return cls(as_of, tuple(cars), prices, ranges, bits)

    def to_bytes(self) -> bytes:
        """The bytes of ``golden.json``."""
        table = {
            "format": FORMAT,
            "as_of": self.as_of.isoformat(),
            "cars": [dict(car) for car in self.cars],
            "prices": {name: list(values) for name, values in self.prices.items()},
            "ranges": {name: [list(ends) for ends in each] for name, each in self.ranges.items()},
            "features": self.features,
        }
        return canonical_json(table)

    @classmethod
    def parse(cls, table: dict[str, Any], where: str) -> Golden:
        """Check the object of ``golden.json``.

        Raises
        ------
        UserError
            For a newer format, or a part missing or malformed.
        """
        check_format(table, FORMAT, where)
        if table["format"] < FORMAT:
            raise UserError(f"{where} has format 1, without ranges, which is no longer read")
        keys = ("cars", "prices", "ranges", "features")
        cars, prices, ranges, features = (table.get(key) for key in keys)
        mappings = isinstance(prices, dict) and isinstance(ranges, dict)
        if not (isinstance(cars, list) and cars and mappings):
            raise UserError(f"{where}: cars, prices or ranges are missing")
        expected = cast("dict[str, list[Any]]", prices)
        for name, values in expected.items():
            if len(values) != len(cars) or not all(isinstance(value, float) for value in values):
                raise UserError(f"{where}: prices of {name} do not pair up with the cars")
        try:
            as_of = date.fromisoformat(table.get("as_of", ""))
        except (TypeError, ValueError) as error:
            raise UserError(f"{where}: as_of is no ISO date") from error
        pairs = {name: tuple(values) for name, values in expected.items()}
        ends = _ends(cast("dict[str, Any]", ranges), set(expected), len(cars), where)
        return cls(as_of, tuple(cast("list[Any]", cars)), pairs, ends, str(features))

    def replay(self, engine: Engine) -> Replay:
        """Compute the cases again: a price or end may differ by :data:`RELATIVE` at most."""
        if set(self.prices) != set(engine.predictors):
            return Replay(["golden cases are not of the regressors carried"], False)
        now = Golden.of(engine, self.cars, self.as_of)
        problems = [
            f"golden case {position}: {name} gives {given!r} instead of {expected!r}"
            for name, prices in self.prices.items()
            for position, (expected, given) in enumerate(zip(prices, now.prices[name]))
            if not math.isclose(expected, given, rel_tol=RELATIVE)
        ]
        for name, ranges in self.ranges.items():
            if len(ranges) != len(now.ranges[name]):
                problems.append(f"golden cases: {name} has ranges where it had none, or none now")
            problems += [
                f"golden case {position}: the range of {name} is {given!r} instead of {expected!r}"
                for position, (expected, given) in enumerate(zip(ranges, now.ranges[name]))
                if not np.allclose(expected, given, rtol=RELATIVE, atol=0.0)
            ]
        return Replay(problems, now.features == self.features)


def _ends(
    ranges: Mapping[str, Any], names: set[str], cars: int, where: str
) -> dict[str, tuple[tuple[float, float], ...]]:
    """Check the ranges of ``golden.json``: two numbers a car, or nothing for a regressor."""
    found: dict[str, tuple[tuple[float, float], ...]] = {}
    for name in sorted(names | set(ranges)):
        given: Any = ranges.get(name)
        if name not in names or not isinstance(given, list):
            raise UserError(f"{where}: ranges are not of the regressors with prices")
        pairs = cast("list[Any]", given)
        numbers = all(
            isinstance(pair, list)
            and len(cast("list[Any]", pair)) == 2
            and all(isinstance(end, float) for end in cast("list[Any]", pair))
            for pair in pairs
        )
        if not numbers or len(pairs) not in (0, cars):
            raise UserError(f"{where}: ranges of {name} do not pair up with the cars")
        found[name] = tuple((low, high) for low, high in pairs)
    return found


def golden_cars(columns: Columns, *, seed: int = 0, count: int = COUNT) -> list[dict[str, Any]]:
    """Cars in business form after the rows of ``columns``: what they are, not whose they are.

    Drawn in equal parts from the stock types; mileage and MSRP are rounded, and VIN, dealer,
    listing id and price are left out. The last two are the first car with only what a car must
    have, and with words that nobody knows.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(row_count(columns))
    kinds = columns["stock_type"][order].astype(str)
    queues = [list(order[kinds == kind]) for kind in np.unique(kinds)]
    chosen: list[int] = []
    while len(chosen) < count - 2 and any(queues):
        chosen += [int(queue.pop()) for queue in queues if queue]
    cars = [_car(columns, row) for row in chosen[: count - 2]]
    if cars:
        first = cars[0]
        cars.append({name: first[name] for name in ("make", "model", "year")})
        cars.append(first | {"drivetrain": "levitation", "exterior_color": "zzyx qwv"})
    return cars


def _car(columns: Columns, row: int) -> dict[str, Any]:
    car: dict[str, Any] = {name: str(columns[name][row]) for name in TEXT if columns[name][row]}
    car["year"] = int(columns["year"][row])
    for name, step in ROUNDED.items():
        value = float(columns[name][row])
        if math.isfinite(value):
            car[name] = int(max(round(value / step) * step, 0.0))
    for name in declared_words(columns):
        if columns[name][row]:
            car[name] = str(columns[name][row])
    for name in declared_numbers(columns):
        value = float(columns[name][row])
        if math.isfinite(value):
            # Three digits tell no car from another; what was seen is within the range.
            known = columns[name][np.isfinite(columns[name])]
            car[name] = float(np.clip(float(f"{value:.3g}"), known.min(), known.max()))
    return car
