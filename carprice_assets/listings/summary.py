"""What cleaning repaired: values that became missing, and words it did not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from carprice_assets.listings.normalise import tidy

if TYPE_CHECKING:
    import duckdb

NUMBERS = ("msrp", "mileage")
WORDS = ("stock_type", "drivetrain", "fuel_type", "bodystyle", "vin")
SAMPLES = 20


@dataclass(frozen=True)
class Repairs:
    """Values of accepted listings that became missing.

    Attributes
    ----------
    numbers
        Field to values that could not be read or were out of range. An MSRP of 0 means
        missing and is none.
    unmapped
        Field to values outside its closed vocabulary (for ``vin``: no valid VIN);
        placeholders such as a dash or ``N/A`` mean missing and are none.
    samples
        Field to its most frequent such words with their counts; VINs are not listed.
    """

    numbers: Mapping[str, int] = field(default_factory=dict[str, int])
    unmapped: Mapping[str, int] = field(default_factory=dict[str, int])
    samples: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, dict[str, int]])


def measure_repairs(con: duckdb.DuckDBPyConnection) -> Repairs:
    """The repairs of the temporary tables ``extracted`` and ``judged``."""
    both = "extracted JOIN judged USING (row_hash)"
    counts = ", ".join(
        f"count(*) FILTER ({name}_text IS NOT NULL AND {name} IS NULL)" for name in NUMBERS + WORDS
    )
    zeros = (
        "count(*) FILTER (msrp IS NULL AND msrp_text IN"
        " (SELECT text FROM number_lookup WHERE value = 0))"
    )
    row = con.execute(f"SELECT {zeros}, {counts} FROM {both} WHERE reason IS NULL").fetchall()[0]
    found: dict[str, int] = dict(zip(NUMBERS + WORDS, row[1:], strict=True))
    found["msrp"] -= row[0]
    samples: dict[str, dict[str, int]] = {}
    for name in WORDS[:-1]:
        words = con.execute(
            f"SELECT {name}_text, count(*) FROM {both} WHERE reason IS NULL AND"
            f" {name}_text IS NOT NULL AND {name} IS NULL"
            f" GROUP BY ALL ORDER BY count(*) DESC, {name}_text"
        ).fetchall()
        unknown = {word: count for word, count in words if tidy(word)}
        found[name] = sum(unknown.values())
        if unknown:
            samples[name] = dict(list(unknown.items())[:SAMPLES])
    return Repairs(
        numbers={name: found[name] for name in NUMBERS if found[name]},
        unmapped={name: found[name] for name in WORDS if found[name]},
        samples=samples,
    )
