"""The Listing contract: what a typed, clean car is, in one place.

Cleaning makes listings by it, training reads columns by it, and the service checks requests
by it. Numbers are float64 with NaN for missing; text is ``str`` with ``""`` for missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Columns: TypeAlias = Mapping[str, NDArray[Any]]
"""Equally long arrays by name: float64 numbers, object arrays of ``str``, or float32 blocks."""

EPOCH = date(1970, 1, 1)

NEW, USED, CERTIFIED = "New", "Used", "Certified"
STOCK_TYPES = (NEW, USED, CERTIFIED)
DRIVETRAINS = ("All-wheel Drive", "Four-wheel Drive", "Front-wheel Drive", "Rear-wheel Drive")
FUEL_TYPES = ("Gasoline", "Diesel", "Hybrid", "Plug-in Hybrid", "Electric", "Flexible Fuel")
BODYSTYLES = (
    "SUV",
    "Sedan",
    "Pickup Truck",
    "Coupe",
    "Convertible",
    "Hatchback",
    "Wagon",
    "Minivan",
    "Cargo Van",
    "Passenger Van",
)


@dataclass(frozen=True)
class Field:
    """One field of a listing.

    Attributes
    ----------
    name
        Column name, as in requests, tables and reports.
    kind
        ``number`` (float64), ``text`` (free), ``category`` (closed list in ``values``) or
        ``date`` (days since 1970-01-01 in feature columns, DATE in tables).
    unit
        Unit of a number; ``currency`` and ``distance`` are the market's own.
    low, high
        Range of a number, both ends allowed. Outside it a value counts as absurd.
    required
        True where a listing without it is rejected.
    feature
        True where regressors learn from it.
    """

    name: str
    kind: Literal["number", "text", "category", "date"]
    doc: str
    unit: str = ""
    low: float = float("-inf")
    high: float = float("inf")
    required: bool = False
    feature: bool = False
    values: tuple[str, ...] = ()


FIELDS: tuple[Field, ...] = (
    Field("listing_id", "text", "the marketplace's id of the offer", required=True),
    Field("vin", "text", "vehicle identification number, 17 characters", feature=True),
    Field("dealer", "text", "seller's name", feature=True),
    Field("url", "text", "address of the offer"),
    Field("observed_at", "date", "day of the scrape that the row describes", feature=True),
    Field("first_seen", "date", "day of the first scrape with this listing"),
    Field("last_seen", "date", "day on which it was last on offer"),
    Field("delisted_at", "date", "day it was known to be gone, or empty"),
    Field("price", "number", "asking price", "currency", low=0.0, required=True),
    Field("make", "text", "maker, normalised", required=True, feature=True),
    Field("model", "text", "model, normalised", required=True, feature=True),
    Field("trim", "text", "trim and package words", feature=True),
    Field("year", "number", "model year", "year", 1900, 2100, required=True, feature=True),
    Field("mileage", "number", "odometer", "distance", 0.0, 1_000_000.0, feature=True),
    Field("msrp", "number", "price when new by the maker", "currency", 1.0, 1e7, feature=True),
    Field("stock_type", "category", "New, Used, Certified", values=STOCK_TYPES, feature=True),
    Field("drivetrain", "category", "driven wheels", values=DRIVETRAINS, feature=True),
    Field("fuel_type", "category", "fuel group", values=FUEL_TYPES, feature=True),
    Field("bodystyle", "category", "body", values=BODYSTYLES, feature=True),
    Field("cat", "text", "the marketplace's category, such as suv_midsize", feature=True),
    Field("exterior_color", "text", "colour name as on the page", feature=True),
    Field("interior_color", "text", "colour name as on the page", feature=True),
)

BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
FEATURE_FIELDS: tuple[Field, ...] = tuple(field for field in FIELDS if field.feature)
NUMBER_FEATURES = tuple(f.name for f in FEATURE_FIELDS if f.kind in ("number", "date"))
TEXT_FEATURES = tuple(f.name for f in FEATURE_FIELDS if f.kind in ("text", "category"))


def days(day: date) -> float:
    """Days since 1970-01-01, the form of a date in feature columns."""
    return float((day - EPOCH).days)


def from_days(value: float) -> date:
    """The date that is ``value`` days after 1970-01-01."""
    return EPOCH + timedelta(days=int(value))


def row_count(columns: Columns) -> int:
    """Number of rows of ``columns``; 0 where there is no column."""
    return next((len(values) for values in columns.values()), 0)


def take(columns: Columns, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The chosen ``rows`` (indices or mask) of every column."""
    return {name: values[rows] for name, values in columns.items()}


def text_array(values: list[str]) -> NDArray[Any]:
    """An object array of ``str``, also for zero or one value."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
