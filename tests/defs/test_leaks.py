"""Leaks planted in a trained home: each is caught by its check, and stops what comes below."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from tests_support import add_market, checks, materialized, offers_of, with_fields, write_payloads

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.defs import launch
from carprice_assets.defs.automation import LISTINGS
from carprice_assets.features.fit import fit_one, load_fitted, save_fitted
from carprice_assets.features.registry import NAMES
from carprice_assets.home import Home
from carprice_assets.listings.contract import row_count
from carprice_assets.listings.dataset import read_side
from carprice_assets.markets.market import SIDES

Run = Callable[..., launch.Outcome]
PRICES, ENCODERS = "feature_set:no_price_leak", "feature_set:encoders_learned_from_training_alone"

DECLARING = """
title = "A market that declares a number"
currency = "USD"
distance = "mi"

[features.worth]
kind = "number"

[sources.fields.payload]
worth = "worth"

[regressors.catboost]
iterations = 20
"""


@pytest.fixture
def bare(home: Home) -> Home:
    """A home with the market ``declaring`` and no listings."""
    add_market(home, "declaring", DECLARING)
    return home


def taken_in(opened: dg.DagsterInstance, path: Path, *assets: str) -> launch.Outcome:
    """Import a file of payloads into ``declaring`` and materialize what is asked for."""
    config = {"raw_listings": {"path": str(path), "format": "payload"}}
    return launch.materialize(opened, "declaring", [*LISTINGS, *NAMES, *assets], config)


def test_a_declared_number_that_is_the_price_under_another_name(bare: Home, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    offers = offers_of(11, 500, days=3)
    copied = with_fields(offers, lambda p: {"worth": float(p["price"]) * 0.92})
    guessed = with_fields(
        offers, lambda p: {"worth": float(p["price"]) * float(rng.lognormal(0.0, 0.1))}
    )
    with launch.instance(bare) as opened:
        path = write_payloads(tmp_path / "copied.jsonl", copied)
        outcome = taken_in(opened, path, "feature_set", "catboost")
        assert not outcome.success
        assert PRICES in checks(opened, outcome), outcome.error
        check = checks(opened, outcome)[PRICES]
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.ERROR
        assert check.metadata["features"].value == ["market.worth"]
        assert "market.worth tells the price of" in check.description
        assert "catboost" not in materialized(opened, outcome)
        assert checks(opened, outcome)[ENCODERS].passed
        line = next(told for told in outcome.checks if told.name == "no_price_leak")
        assert "market.worth" in line.told
    with launch.instance(bare) as opened:
        add_market(bare, "declaring", f'{DECLARING}\n[training]\nfeatures_off = ["market.worth"]\n')
        outcome = launch.materialize(opened, "declaring", ["feature_set"])
        assert outcome.success, outcome.error
        add_market(bare, "declaring", DECLARING.replace('"worth"', '"guess"'))
        path = write_payloads(
            tmp_path / "guessed.jsonl",
            with_fields(guessed, lambda p: {"guess": p["worth"], "worth": None}),
        )
        outcome = taken_in(opened, path, "feature_set")
        assert outcome.success, outcome.error
        assert checks(opened, outcome)[PRICES].passed


def test_an_msrp_that_is_the_price(
    trained_home: Home, instance: dg.DagsterInstance, run: Run
) -> None:
    import pyarrow.parquet as pq

    store = ArtifactStore(trained_home.artifacts)
    dataset = store.get(address(trained_home, "dataset"))
    honest = run(*NAMES, "feature_set")
    assert honest.success
    assert checks(instance, honest)[PRICES].passed
    assert checks(instance, honest)[ENCODERS].passed

    def filled(folder: Path) -> None:
        for file in dataset.path.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        for side in SIDES:
            table = pq.read_table(folder / f"{side}.parquet")
            place = table.column_names.index("msrp")
            price = table.column("price").cast(table.schema.field("msrp").type)
            pq.write_table(table.set_column(place, "msrp", price), folder / f"{side}.parquet")

    point(trained_home, "dataset", store.put(filled).address)
    outcome = run(*NAMES, "feature_set", "catboost")
    assert not outcome.success
    check = checks(instance, outcome)[PRICES]
    assert not check.passed
    assert check.description.startswith("msrp tells the price of 100%")
    assert "catboost" not in materialized(instance, outcome)


@pytest.mark.parametrize("name", ["price_encoder", "word_encoder", "imputer"])
def test_an_encoder_that_was_fitted_on_all_rows(
    trained_home: Home, instance: dg.DagsterInstance, run: Run, name: str
) -> None:
    store = ArtifactStore(trained_home.artifacts)
    dataset = store.get(address(trained_home, "dataset"))
    sides = [read_side(dataset.path, side) for side in SIDES]
    rows = {key: np.concatenate([side[key] for side in sides]) for key in sides[0]}
    assert row_count(rows) > row_count(sides[0])
    addresses = {each: address(trained_home, each) for each in NAMES}
    upstream = {each: load_fitted(store.get(addresses[each]).path)[0] for each in NAMES}
    leaky = fit_one(name, rows, rows["price"], upstream)
    planted = store.put(lambda folder: save_fitted(leaky, folder, dataset.address, addresses))
    point(trained_home, name, planted.address)
    # What reads the planted one's block is fitted anew, as it would be by a wrong fit.
    above = NAMES[NAMES.index(name) + 1 :]
    outcome = run(*above, "feature_set", "catboost")
    assert not outcome.success
    check = checks(instance, outcome)[ENCODERS]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.metadata["transformers"].value == [name]
    assert "catboost" not in materialized(instance, outcome)


def address(home: Home, asset: str) -> str:
    return json.loads((home.artifacts / "refs" / asset / "small.json").read_text())["address"]


def point(home: Home, asset: str, to: str) -> None:
    reference: dict[str, Any] = {"address": to}
    (home.artifacts / "refs" / asset / "small.json").write_text(json.dumps(reference))
