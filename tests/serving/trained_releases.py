"""Releases made from the trained home's own parts, and the cars that are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from carprice_assets.files import read_json
from carprice_assets.home import Home
from carprice_assets.markets.market import load_market
from carprice_assets.releases.content import build_content
from carprice_assets.releases.release import Release
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.vehicles import read_vehicles
from carprice_serving.examples import REFERENCE_CARS, REFERENCE_PRICES

MARKET = "small"
PROMOTED = Decision("promoted", ())
KINDS = {"catboost": "catboost", "trees": "random_forest"}


def reference_cars() -> list[dict[str, Any]]:
    """The four cars of the reference's collection, in its client's form."""
    return [dict(car) for car in REFERENCE_CARS]


REAL_PRICES = REFERENCE_PRICES


def champion(home: Home) -> Release:
    """The release that training promoted."""
    store = ReleaseStore(home.releases)
    found = store.champion(MARKET)
    assert found is not None
    return store.open(MARKET, found)


def stage_both(home: Home, releases: Path) -> Release:
    """A release that carries both regressors of the training; the forest answers."""
    trained = champion(home)
    head = trained.head()
    forms = {
        KINDS[kind]: path.parent
        for path in home.artifacts.glob("*/*/serving/form.json")
        if (kind := read_json(path)["kind"]) in KINDS
    }

    def build(folder: Path) -> None:
        build_content(
            folder,
            market=load_market(home, MARKET),
            dataset={name: value for name, value in head.data.items() if name != "salt"},
            feature_set_folder=trained.content / "features",
            regressors=forms,
            champion="random_forest",
            golden=read_json(trained.content / "golden.json")["cars"],
            figures={name: {} for name in forms},
            vehicles=read_vehicles(trained.content),
        )

    facts = {"data_version": "another", "run": "another-run"}
    return ReleaseStore(releases).stage(MARKET, build, facts)
