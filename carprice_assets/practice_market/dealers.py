"""The dealers of the practice market: some for each make, and independent ones."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("dealers.toml")

DEALERS_PER_MAKE = 8
INDEPENDENT_DEALERS = 72
_FIRST_CUSTOMER_ID = 2_000_000


@dataclass(frozen=True, slots=True)
class Dealer:
    """Who sells a car. `zone` is the state, `market_name` the advertising region."""

    name: str
    customer_id: str
    zip_code: str
    zone: str
    market_name: str


@cache
def dealers(makes: tuple[str, ...]) -> tuple[Dealer, ...]:
    """List `DEALERS_PER_MAKE` dealers of each make in turn, then `INDEPENDENT_DEALERS` others."""
    raw = tomllib.loads(FILE.read_text(encoding="utf-8"))
    franchised = [make for make in makes for _ in range(DEALERS_PER_MAKE)]
    independent = [""] * INDEPENDENT_DEALERS
    return tuple(
        _dealer(number, make, raw["franchise_names" if make else "independent_names"], raw)
        for number, make in enumerate(franchised + independent)
    )


def _dealer(number: int, make: str, patterns: Sequence[str], raw: dict[str, Any]) -> Dealer:
    """Dealer of that number; the strides keep neighbours from sharing city and surname."""
    city: dict[str, str] = raw["cities"][number * 7 % len(raw["cities"])]
    surname: str = raw["surnames"][number * 5 % len(raw["surnames"])]
    pattern = patterns[number % len(patterns)]
    return Dealer(
        name=pattern.format(city=city["name"], surname=surname, make=make),
        customer_id=str(_FIRST_CUSTOMER_ID + number * 37),
        zip_code=city["zip"],
        zone=city["zone"],
        market_name=city["market"],
    )
