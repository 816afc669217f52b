"""Invented cars, and their transformers written as the artifact store would hold them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Transformer
from carprice_assets.features.fit import save_fitted
from carprice_assets.files import content_id, folder_hashes
from carprice_assets.listings.contract import BODYSTYLES, DRIVETRAINS, FUEL_TYPES, text_array
from carprice_assets.listings.normalise import vin

Cars = dict[str, NDArray[Any]]
Sample = tuple[Cars, NDArray[np.float64]]
CATALOGUE = {
    ("Astra", "Comet"): (21_000, ("Base", "Sport w/Tech", "Limited AWD")),
    ("Astra", "Meteor"): (34_000, ("LX", "EX-L", "Touring Elite")),
    ("Borealis", "Grizzly 1500"): (46_000, ("Work", "Big Horn", "Laramie Night Edition")),
    ("Cygnus", "Swan"): (88_000, ("350 4MATIC", "450")),
    ("Rara Avis", "One"): (240_000, ("",)),
}
COLOURS = ("Oxford White", "Jet Black", "Sterling Gray Metallic", "Yellow", "Deep Wine", "")
CATEGORIES = ("suv_midsize", "sedan_compact", "truck_fullsize", "ev_crossover_midsize", "")
DAY = 19_700.0
YEAR_CHARS = "ABCDEFGHJKLMNPRSTVWXY123456789"


def invented(rows: int, seed: int = 0) -> Sample:
    """Columns and prices of ``rows`` invented cars, two in ten of them of a vehicle before."""
    rng = np.random.default_rng(seed)
    names = list(CATALOGUE)
    which = rng.choice(len(names), rows, p=[0.4, 0.3, 0.18, 0.1, 0.02])
    kinds = rng.choice(["New", "Used", "Certified", ""], rows, p=[0.5, 0.4, 0.08, 0.02])
    new = kinds == "New"
    years = np.where(new, 2024 - rng.integers(0, 2, rows), 2023 - rng.integers(0, 15, rows))
    age = 2024.5 - years
    mileage = np.where(new, np.nan, age * rng.uniform(4_000, 16_000, rows))
    list_price = np.array([CATALOGUE[names[i]][0] for i in which], dtype=np.float64)
    list_price *= rng.uniform(0.95, 1.15, rows)
    price = list_price * 0.9**age * rng.uniform(0.9, 1.1, rows)
    mileage[rng.random(rows) < 0.03] = np.nan
    msrp = np.where(new & (rng.random(rows) < 0.6), list_price.round(), np.nan)
    trims = [str(rng.choice(CATALOGUE[names[i]][1])) for i in which]

    def pick(words: tuple[str, ...]) -> NDArray[Any]:
        return text_array([str(word) for word in rng.choice(words, rows)])

    columns: Cars = {
        "year": years.astype(np.float64),
        "mileage": mileage,
        "msrp": msrp,
        "observed_at": DAY + rng.integers(0, 60, rows).astype(np.float64),
        "make": text_array([names[i][0] for i in which]),
        "model": text_array([names[i][1] for i in which]),
        "trim": text_array(trims),
        "stock_type": text_array([str(kind) for kind in kinds]),
        "drivetrain": pick((*DRIVETRAINS, "")),
        "fuel_type": pick((*FUEL_TYPES, "")),
        "bodystyle": pick((*BODYSTYLES, "")),
        "cat": pick(CATEGORIES),
        "exterior_color": pick(COLOURS),
        "interior_color": pick(COLOURS),
        "vin": text_array([invented_vin(which[i], years[i], i) for i in range(rows)]),
        "vehicle": text_array([f"car-{i - (i % 5 == 4)}" for i in range(rows)]),
    }
    return columns, price


def invented_vin(model: int, year: int, number: int) -> str:
    """A VIN with a valid check digit, one in four without; its engine is one of three."""
    if number % 4 == 3:
        return ""
    head, tail = f"9ZZAB{model}0{number % 3 + 1}", f"{YEAR_CHARS[year % 30]}Z{number:06d}"
    return next(found for digit in "0123456789X" if (found := vin(f"{head}{digit}{tail}")))


def strange(rows: int = 1) -> Cars:
    """Cars of which nothing is known but that they are there."""
    return {"make": text_array(["Zzyzx"] * rows), "model": text_array(["Ψ 9"] * rows)}


def save_all(
    fitted: Mapping[str, Transformer], root: Path, dataset: str = "d" * 32
) -> dict[str, Path]:
    """State folders of ``fitted`` below ``root``, as the artifact store would hold them."""
    addresses: dict[str, str] = {}
    folders: dict[str, Path] = {}
    for name, transformer in fitted.items():
        folder = root / name
        folder.mkdir(parents=True)
        save_fitted(transformer, folder, dataset, addresses)
        addresses[name] = content_id(folder_hashes(folder))
        folders[name] = folder
    return folders
