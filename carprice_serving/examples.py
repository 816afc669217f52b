"""Cars that documents and collections show."""

from __future__ import annotations

from typing import Any

CAR: dict[str, Any] = {
    "make": "Ford",
    "model": "F-150",
    "trim": "XLT",
    "year": 2021,
    "mileage": 31000,
    "msrp": 45500,
    "stock_type": "Used",
    "drivetrain": "Four-wheel Drive",
    "fuel_type": "Gasoline",
    "bodystyle": "Pickup Truck",
    "cat": "truck_fullsize",
    "exterior_color": "Oxford White",
    "interior_color": "Black",
}

_FIELDS = (
    *("msrp", "year", "make", "model", "interior_color", "exterior_color", "drivetrain"),
    *("mileage", "bodystyle", "cat", "fuel_type", "stock_type"),
)
_ROWS: tuple[tuple[Any, ...], ...] = (
    (57215, 2024, "Chevrolet", "Blazer EV", "Black", "Sterling Gray Metallic",
     "All-wheel Drive", 0, "SUV", "ev_crossover_midsize", "Electric", "New"),
    (50185, 2024, "Dodge", "Hornet", "Black", "Blue Steel",
     "All-wheel Drive", 16, "SUV", "hybrid_suv", "Hybrid", "New"),
    (30946, 2024, "Volkswagen", "Jetta", "Volcano Brown", "Deep Black Pearl Effect",
     "Front-wheel Drive", 1, "Sedan", "sedan_compact", "Gasoline", "New"),
    (0, 2021, "Ford", "F-150", "Black/Medium Dark Slate", "Oxford White",
     "Four-wheel Drive", 27667, "Pickup Truck", "truck_fullsize", "Gasoline", "Used"),
)  # fmt: skip
REFERENCE_CARS: list[dict[str, Any]] = [dict(zip(_FIELDS, row, strict=True)) for row in _ROWS]
"""The four cars that the reference system's own collection asks for."""
REFERENCE_PRICES: list[float] = [54595, 40185, 29911, 36000]
"""What they were offered for."""
