"""Invented parts of a release, for tests and the processes that tests start."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from carprice_assets.files import canonical_json
from carprice_assets.listings.contract import FEATURE_FIELDS, text_array
from carprice_assets.listings.notes import Note
from carprice_assets.markets.market import Market, SplitRules
from carprice_assets.releases.content import build_content
from carprice_assets.releases.engine import Parts
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import Conflict, ReleaseStore
from carprice_assets.releases.vehicles import vehicle_hashes

MARKET = Market("us", "United States", "USD", "mi", SplitRules("us-1"))
YES = Decision("promoted", ())
NO = Decision("refused", ())
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CARS = [
    {"make": "Honda", "model": "Civic", "year": 2020, "mileage": 30_000, "msrp": 24_000},
    {"make": "Ford", "model": "F-150", "year": 2021, "mileage": 12_500, "msrp": 45_000},
    {"make": "Kia", "model": "Soul", "year": 2018, "mileage": 61_000, "msrp": 19_500},
]


class FakeFeatures:
    """Age and mileage, scaled by a number from a file."""

    feature_names = ("age", "mileage", "msrp")

    def __init__(self, scale: float) -> None:
        self.scale = scale

    @classmethod
    def load(cls, folder: Path) -> FakeFeatures:
        return cls(float(np.load(folder / "scaler" / "scale.npy")[0]))

    def transform(self, columns: Mapping[str, Any]) -> Any:
        age = columns["observed_at"] / 365.25 + 1970 - columns["year"]
        stacked = [age, columns["mileage"] / self.scale, columns["msrp"] / self.scale]
        return np.nan_to_num(np.column_stack(stacked)).astype(np.float32)

    def notes(self, columns: Mapping[str, Any]) -> list[tuple[Note, ...]]:
        note = (Note("imputed", "mileage", "mileage is assumed"),)
        return [note if missing else () for missing in np.isnan(columns["mileage"])]


class FakeForm:
    """Weights from a file; a negative MSRP weight gives prices below 0."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        del names
        self.weights = np.load(folder / "weights.npy")

    def predict(self, features: Any) -> Any:
        return 20_000.0 + features.astype(np.float64) @ self.weights


@dataclass
class FakeIntake:
    columns: dict[str, Any]
    rows: Any
    errors: list[tuple[Note, ...]]
    warnings: list[tuple[Note, ...]]


def read_cars(cars: Sequence[Any], *, as_of: float, distance: str) -> FakeIntake:
    """Refuses what is no mapping or has no make, or a year beyond ``as_of``."""
    good: list[int] = []
    errors: list[tuple[Note, ...]] = []
    for index, car in enumerate(cars):
        if not isinstance(car, Mapping) or "make" not in car:
            errors.append((Note("missing", "make", "make is missing"),))
        elif car["year"] > 1972 + as_of / 365.25:
            errors.append((Note("out_of_range", "year", "year lies ahead"),))
        else:
            errors.append(())
            good.append(index)
    columns: dict[str, Any] = {}
    for field in FEATURE_FIELDS:
        values = [cars[index].get(field.name) for index in good]
        if field.kind in ("number", "date"):
            columns[field.name] = np.array([np.nan if v is None else v for v in values], float)
        else:
            columns[field.name] = text_array([v or "" for v in values])
    columns["observed_at"] = np.full(len(good), as_of)
    return FakeIntake(columns, np.array(good, dtype=np.intp), errors, [()] * len(cars))


PARTS = Parts(FakeFeatures.load, FakeForm, read_cars)


def parts_folders(root: Path, tilt: float = 0.0) -> tuple[Path, dict[str, Path]]:
    """A feature set folder and two serving folders; ``tilt`` makes other prices."""
    features = root / "features"
    (features / "scaler").mkdir(parents=True)
    np.save(features / "scaler" / "scale.npy", np.array([1000.0]))
    names = list(FakeFeatures.feature_names)
    forms: dict[str, Path] = {}
    for name, lean in (("catboost", -900.0 + tilt), ("random_forest", -850.0 + tilt)):
        forms[name] = root / name
        forms[name].mkdir()
        np.save(forms[name] / "weights.npy", np.array([lean, -60.0, 120.0]))
        form = canonical_json({"kind": "fake", "feature_names": names})
        (forms[name] / "form.json").write_bytes(form)
    return features, forms


def figures_of(mae: float) -> dict[str, Any]:
    """A report's deterministic figures, as far as a card reads them."""
    each = {"rows": 400, "r2": {"value": 0.95, "low": 0.94, "high": 0.96}}
    each["mae"] = {"value": mae, "low": mae - 50, "high": mae + 50}
    behaviour = {"mileage_violations": 0.01, "year_violations": 0.02, "new_violations": 0.0}
    stock_types = {"Used": {"figures": each, "naive": each}}
    return {"figures": each, "naive": each, "stock_types": stock_types, "behaviour": behaviour}


def builder(root: Path, tilt: float = 0.0, market: Market = MARKET) -> Callable[[Path], None]:
    """A ``build`` callback for the store."""
    features, forms = parts_folders(root / f"parts{tilt}{market.name}", tilt)

    def build(folder: Path) -> None:
        build_content(
            folder,
            market=market,
            dataset={"address": "a" * 32, "last_observed": "2023-12-31"},
            feature_set_folder=features,
            regressors=forms,
            champion="catboost",
            golden=CARS,
            figures={name: figures_of(3000.0) for name in forms},
            vehicles=vehicle_hashes(market.split.salt, ["car-1", "car-2", "car-2"]),
            parts=PARTS,
        )

    return build


def listings(rows: int, seed: int = 0) -> tuple[dict[str, Any], Any]:
    """Feature columns with ``vehicle``, and prices, of ``rows`` cars that do not exist."""
    rng = np.random.default_rng(seed)
    words = {
        "make": ("Astra", "Borealis"),
        "model": ("Comet", "Meteor"),
        "trim": ("LX", "Sport Touring", ""),
        "stock_type": ("New", "Used", "Used", "Certified"),
        "drivetrain": ("All-wheel Drive", "Front-wheel Drive", ""),
        "fuel_type": ("Gasoline", "Electric", ""),
        "bodystyle": ("SUV", "Sedan"),
        "cat": ("suv_midsize", "sedan_compact", ""),
        "exterior_color": ("Oxford White", "Jet Black", "Deep Wine"),
        "interior_color": ("Black", "Sand", ""),
    }
    columns: dict[str, Any] = {
        name: text_array([str(word) for word in rng.choice(choices, rows)])
        for name, choices in words.items()
    }
    columns["year"] = rng.integers(2010, 2025, rows).astype(float)
    age = 2025.0 - columns["year"]
    new = columns["stock_type"] == "New"
    columns["mileage"] = np.where(new, np.nan, age * rng.uniform(5_000, 15_000, rows))
    price = np.where(columns["make"] == "Astra", 24_000.0, 52_000.0) * 0.9**age
    price *= rng.uniform(0.95, 1.05, rows)
    columns["msrp"] = np.where(new & (rng.random(rows) < 0.7), price.round(), np.nan)
    columns["observed_at"] = 19_700.0 + rng.integers(0, 50, rows)
    columns["vehicle"] = text_array([f"car-{number}" for number in range(rows)])
    return columns, price


def tiny(number: int) -> Callable[[Path], None]:
    """A ``build`` callback for content that the store accepts and nothing answers from."""

    def build(folder: Path) -> None:
        head = {
            "format": 1,
            "market": "us",
            "currency": "USD",
            "distance": "mi",
            "champion": "catboost",
            "regressors": ["catboost"],
            "data": {"last_observed": "2023-12-31", "number": number},
        }
        (folder / "release.json").write_bytes(json.dumps(head).encode())
        (folder / "big.npy").parent.mkdir(exist_ok=True)
        np.save(folder / "big.npy", np.arange(1000) + number)

    return build


def contend(root: Path, ids: list[str], tries: int) -> tuple[int, int]:
    """Promote in turns against whatever serves; gives wins and conflicts."""
    store = ReleaseStore(root)
    wins = conflicts = 0
    for turn in range(tries):
        serving = store.champion("us")
        target = next(each for each in ids[turn % len(ids) :] + ids if each != serving)
        try:
            store.promote("us", target, serving, YES)
            wins += 1
        except Conflict:
            conflicts += 1
    return wins, conflicts


def contender(root: Path) -> None:
    """Promote what each line of standard input says, "<release> over <champion>"; tell the end."""
    store = ReleaseStore(root)
    for line in sys.stdin:
        release, _, expected = line.split()
        try:
            store.promote("us", release, None if expected == "none" else expected, YES)
            told = "won"
        except Conflict:
            told = "lost"
        sys.stdout.write(f"{told}\n")
        sys.stdout.flush()
