"""The makes and models that the practice market sells, read from `catalogue/*.toml`.

One file holds one make. Prices are MSRPs in USD of `CATALOGUE_YEAR`; `pricing.msrp_in_year`
carries them to other model years.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

CATALOGUE_YEAR = 2026
"""The year of the MSRPs. A model whose last year is this one is still in production."""

FOLDER = Path(__file__).with_name("catalogue")

GASOLINE, DIESEL, HYBRID = "Gasoline", "Diesel", "Hybrid"
PLUG_IN_HYBRID, ELECTRIC, FLEX_FUEL = "Plug-In Hybrid", "Electric", "E85 Flex Fuel"
FUEL_TYPES = frozenset({GASOLINE, DIESEL, HYBRID, PLUG_IN_HYBRID, ELECTRIC, FLEX_FUEL})

ALL_WHEEL, FOUR_WHEEL = "All-wheel Drive", "Four-wheel Drive"
FRONT_WHEEL, REAR_WHEEL = "Front-wheel Drive", "Rear-wheel Drive"
DRIVETRAINS = frozenset({ALL_WHEEL, FOUR_WHEEL, FRONT_WHEEL, REAR_WHEEL})

BODYSTYLES = frozenset(
    {
        "SUV",
        "Sedan",
        "Pickup Truck",
        "Cargo Van",
        "Passenger Van",
        "Coupe",
        "Convertible",
        "Hatchback",
        "Wagon",
        "Minivan",
    }
)

CATEGORIES = frozenset(
    {
        "coupeconvertible_convertible",
        "coupeconvertible_coupe",
        "coupeconvertible_coupesport",
        "crossover_compact",
        "crossover_midsize",
        "ev_crossover_midsize",
        "ev_luxurypassenger_plus",
        "ev_luxurypassenger_standard",
        "ev_luxurysuv_suv",
        "ev_sedan_compact",
        "ev_sedan_midsize",
        "ev_suv_midsize",
        "ev_truck_fullsize",
        "hybrid_passenger",
        "hybrid_suv",
        "luxurypassenger_plus",
        "luxurypassenger_standard",
        "luxurypassenger_ultra",
        "luxurysuv_crossover",
        "luxurysuv_suv",
        "sedan_compact",
        "sedan_fullsize",
        "sedan_midsize",
        "sportscar_standard",
        "suv_fullsize",
        "suv_midsize",
        "truck_compact",
        "truck_fullsize",
        "van_fullsize",
        "van_mini",
        "wagonhatchback_hatchback",
        "wagonhatchback_wagon",
    }
)


@dataclass(frozen=True, slots=True)
class Trim:
    """A trim of a model.

    Attributes
    ----------
    name
        As the marketplace writes it.
    msrp
        USD of `CATALOGUE_YEAR`.
    drivetrain
        The one drivetrain that the trim comes with, or None where the buyer chooses.
    """

    name: str
    msrp: int
    drivetrain: str | None


@dataclass(frozen=True, slots=True)
class Model:
    """A car's model, with what may be chosen of it. The usual choice comes first.

    Attributes
    ----------
    first_year, last_year
        Model years, both included.
    popularity
        Weight within the make, without unit.
    """

    name: str
    first_year: int
    last_year: int
    cat: str
    bodystyle: str
    fuel_types: tuple[str, ...]
    drivetrains: tuple[str, ...]
    popularity: float
    trims: tuple[Trim, ...]

    def made_in(self, year: int) -> bool:
        """Tell whether the model was made as model year `year`."""
        still_made = self.last_year >= CATALOGUE_YEAR
        return self.first_year <= year and (still_made or year <= self.last_year)


@dataclass(frozen=True, slots=True)
class Make:
    """A make with its models and how its prices behave.

    Attributes
    ----------
    popularity
        Weight among the makes, without unit.
    annual_depreciation
        Loss of value per year after the first, as a log rate: 0.12 leaves exp(-0.12) a year.
    street_ratio
        What a new car of the current model year costs, divided by its MSRP.
    wmi
        World manufacturer identifiers, the first three characters of a VIN.
    exterior_colors, interior_colors
        The manufacturer's names. Exterior: the most popular first. Interior: from the plain to
        the costly.
    """

    name: str
    popularity: float
    annual_depreciation: float
    street_ratio: float
    wmi: tuple[str, ...]
    exterior_colors: tuple[str, ...]
    interior_colors: tuple[str, ...]
    models: tuple[Model, ...]


@cache
def load(folder: Path = FOLDER) -> tuple[Make, ...]:
    """Read the catalogue, in the order of the file names.

    Raises
    ------
    ValueError
        A file lacks a field or breaks a rule of the vocabulary; the message names file and fault.

    Examples
    --------
    >>> [make.name for make in load()][:2]
    ['Acura', 'Alfa Romeo']
    """
    return tuple(_read(path) for path in sorted(folder.glob("*.toml")))


def _read(path: Path) -> Make:
    try:
        return _make(tomllib.loads(path.read_text(encoding="utf-8")))
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def _make(raw: dict[str, Any]) -> Make:
    return Make(
        name=raw["name"],
        popularity=raw["popularity"],
        annual_depreciation=raw["annual_depreciation"],
        street_ratio=raw["street_ratio"],
        wmi=tuple(raw["wmi"]),
        exterior_colors=tuple(raw["exterior_colors"]),
        interior_colors=tuple(raw["interior_colors"]),
        models=tuple(_model(model) for model in raw["models"]),
    )


def _model(raw: dict[str, Any]) -> Model:
    first_year, last_year = raw["years"]
    drivetrains: dict[str, str] = raw.get("trim_drivetrains", {})
    prices: dict[str, int] = raw["trims"]
    model = Model(
        name=raw["name"],
        first_year=first_year,
        last_year=last_year,
        cat=raw["cat"],
        bodystyle=raw["bodystyle"],
        fuel_types=tuple(raw["fuel_types"]),
        drivetrains=tuple(raw["drivetrains"]),
        popularity=raw["popularity"],
        trims=tuple(Trim(name, msrp, drivetrains.get(name)) for name, msrp in prices.items()),
    )
    _check(model)
    return model


def _check(model: Model) -> None:
    """Refuse a model whose words the marketplace does not know."""
    fixed = {trim.drivetrain for trim in model.trims} - {None}
    rules = {
        "cat": model.cat in CATEGORIES,
        "bodystyle": model.bodystyle in BODYSTYLES,
        "fuel_types": bool(model.fuel_types) and set(model.fuel_types) <= FUEL_TYPES,
        "drivetrains": bool(model.drivetrains) and set(model.drivetrains) <= DRIVETRAINS,
        "trim_drivetrains": fixed <= set(model.drivetrains),
        "trims": bool(model.trims),
        "years": model.first_year <= model.last_year,
    }
    broken = [field for field, holds in rules.items() if not holds]
    if broken:
        raise ValueError(f"{model.name}: not in the vocabulary: {', '.join(broken)}")
