"""Small real releases: prices are a factor times the year."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from carprice_assets.home import Home
from carprice_assets.listings.contract import NUMBER_FEATURES, TEXT_FEATURES, text_array
from carprice_assets.listings.notes import Note
from carprice_assets.markets.market import load_market
from carprice_assets.releases.content import build_content
from carprice_assets.releases.engine import Parts
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore

CAR = {"make": "Ford", "model": "F-150", "year": 2021}
PROMOTED = Decision("promoted", ())


class YearAlone:
    """Features: the year."""

    feature_names = ("year",)

    def transform(self, columns: Mapping[str, Any]) -> Any:
        return columns["year"].astype(np.float32)[:, None]

    def notes(self, columns: Mapping[str, Any]) -> list[tuple[Note, ...]]:
        return [() for _ in columns["year"]]


@dataclass
class PerYear:
    """Prices: the year times what the form file says."""

    factor: float

    def predict(self, features: Any) -> Any:
        return features[:, 0].astype(float) * self.factor


@dataclass
class Read:
    columns: Mapping[str, Any]
    rows: Any
    errors: list[tuple[Note, ...]]
    warnings: list[tuple[Note, ...]]


def read_cars(cars: Sequence[Any], *, as_of: float, distance: str) -> Read:
    good = [i for i, car in enumerate(cars) if isinstance(car, dict) and "year" in car]
    columns: dict[str, Any] = {name: np.zeros(len(good)) for name in NUMBER_FEATURES}
    columns |= {name: text_array([""] * len(good)) for name in TEXT_FEATURES}
    columns["year"] = np.array([float(cars[i]["year"]) for i in good])
    errors = [() if i in good else (Note("missing", "year", "missing"),) for i in range(len(cars))]
    return Read(columns, np.array(good, dtype=np.intp), errors, [() for _ in cars])


def load_form(folder: Path, names: Sequence[str]) -> PerYear:
    assert tuple(names) == YearAlone.feature_names
    return PerYear(json.loads((folder / "form.json").read_bytes())["factor"])


PARTS = Parts(lambda _folder: YearAlone(), load_form, read_cars)


def stage(
    home: Home,
    tmp_path: Path,
    factor: float,
    market: str = "us",
    *,
    figures: Mapping[str, Any] | None = None,
    pages: Mapping[str, bytes] | None = None,
) -> str:
    """A staged release whose prices are ``factor`` times the year; gives its id."""
    inputs = tmp_path / f"inputs-{factor}"
    (inputs / "features").mkdir(parents=True, exist_ok=True)
    (inputs / "features" / "state.json").write_text("{}")
    (inputs / "form").mkdir(exist_ok=True)
    (inputs / "form" / "form.json").write_text(json.dumps({"factor": factor}))

    def build(folder: Path) -> None:
        build_content(
            folder,
            market=load_market(home, market),
            dataset={"address": "d" * 32, "last_observed": "2024-06-30"},
            feature_set_folder=inputs / "features",
            regressors={"catboost": inputs / "form"},
            champion="catboost",
            golden=[CAR],
            figures={"catboost": figures or {}},
            vehicles=np.array([1, 2], dtype=np.uint64),
            parts=PARTS,
        )

    moments = datetime(2024, 7, 1, tzinfo=UTC) + timedelta(seconds=factor)
    store = ReleaseStore(home.releases, clock=lambda: moments)
    return store.stage(market, build, {"data_version": "d1", "run": "run-1"}, pages).id
