"""What cleaning repaired: values that became missing, and words it did not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from carprice_assets.listings.normalise import tidy
from carprice_assets.markets import DeclaredFeature, Market
from carprice_assets.sources.declared import raw_text

if TYPE_CHECKING:
    import duckdb

NUMBERS = ("msrp", "mileage")
WORDS = ("stock_type", "drivetrain", "fuel_type", "bodystyle", "vin")
SAMPLES = 20
TOLD = 0.01
"""Share of the listings from which on a field's unknown words are told."""
BOTH = "extracted JOIN judged USING (row_hash)"


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
    known
        Feature of the market's own to listings that have it; its values that became missing
        are counted above as those of other fields.
    """

    numbers: Mapping[str, int] = field(default_factory=dict[str, int])
    unmapped: Mapping[str, int] = field(default_factory=dict[str, int])
    samples: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, dict[str, int]])
    known: Mapping[str, int] = field(default_factory=dict[str, int])

    def lines(self, listings: int) -> list[str]:
        """A line for each field of which many of the ``listings`` have words not known."""
        found = [(name, self.unmapped[name], first) for name, first in self.samples.items()]
        return [
            f"{name}: {count:,} of {listings:,} listings have a word that is not known, taken as"
            " missing: "
            + ", ".join(f"{word!r} ({times:,})" for word, times in list(first.items())[:3])
            for name, count, first in found
            if count >= TOLD * listings
        ]


def measure_repairs(con: duckdb.DuckDBPyConnection, market: Market) -> Repairs:
    """The repairs of the temporary tables ``extracted`` and ``judged``."""
    counts = ", ".join(
        f"count(*) FILTER ({name}_text IS NOT NULL AND {name} IS NULL)" for name in NUMBERS + WORDS
    )
    zeros = (
        "count(*) FILTER (msrp IS NULL AND msrp_text IN"
        " (SELECT text FROM number_lookup WHERE value = 0))"
    )
    row = con.execute(f"SELECT {zeros}, {counts} FROM {BOTH} WHERE reason IS NULL").fetchall()[0]
    found: dict[str, int] = dict(zip(NUMBERS + WORDS, row[1:], strict=True))
    found["msrp"] -= row[0]
    samples: dict[str, dict[str, int]] = {}
    for name in WORDS[:-1]:
        found[name] = _unmapped(con, name, f"{name}_text", name, samples)
    known = _measure_own(con, market.features, found, samples)
    numbers = (*NUMBERS, *(f.name for f in market.features if f.kind == "number"))
    words = (*WORDS, *(f.name for f in market.features if f.kind == "category"))
    return Repairs(
        numbers={name: found[name] for name in numbers if found[name]},
        unmapped={name: found[name] for name in words if found[name]},
        samples=samples,
        known=known,
    )


def _unmapped(
    con: duckdb.DuckDBPyConnection,
    name: str,
    text: str,
    value: str,
    samples: dict[str, dict[str, int]],
) -> int:
    """Texts of accepted listings that gave no value and are no placeholders; adds samples."""
    words = con.execute(
        f"SELECT {text}, count(*) FROM {BOTH} WHERE reason IS NULL AND"
        f" {text} IS NOT NULL AND {value} IS NULL"
        f" GROUP BY ALL ORDER BY count(*) DESC, {text}"
    ).fetchall()
    unknown = {word: count for word, count in words if tidy(word)}
    if unknown:
        samples[name] = dict(list(unknown.items())[:SAMPLES])
    return sum(unknown.values())


def _measure_own(
    con: duckdb.DuckDBPyConnection,
    features: Sequence[DeclaredFeature],
    found: dict[str, int],
    samples: dict[str, dict[str, int]],
) -> dict[str, int]:
    """Listings that have each feature of the market's own; adds its repairs."""
    known: dict[str, int] = {}
    for feature in features:
        name = feature.name
        value = f"{'numbers' if feature.kind == 'number' else 'words'}['{name}']"
        known[name] = con.execute(
            f"SELECT count({value}) FROM judged WHERE reason IS NULL"
        ).fetchall()[0][0]
        found[name] = _unmapped(con, name, raw_text(name), value, samples)
    return known
