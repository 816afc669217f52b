"""Transformers from the UI: together, alone, and the mix that is refused."""

from __future__ import annotations

import dagster as dg
from tests_support import SMALL_MARKET, add_market, materialized

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.defs.automation import LISTINGS
from carprice_assets.evaluation.reporting import read_report
from carprice_assets.features.registry import NAMES
from carprice_assets.files import read_json
from carprice_assets.home import Home
from carprice_assets.listings.dataset import read_head


def test_one_transformer_alone_after_new_data_is_refused_by_name(
    trained_home: Home, instance: dg.DagsterInstance, run: object
) -> None:
    add_market(trained_home, "small", SMALL_MARKET.replace("days = 9", "days = 11"))
    assert run(*LISTINGS).success  # type: ignore[operator]
    assert run("make_encoder").success  # type: ignore[operator]
    outcome = run("feature_set")  # type: ignore[operator]
    assert not outcome.success
    assert "make_encoder" in outcome.error
    assert "materialize" in outcome.error
    assert run(*NAMES, "feature_set").success  # type: ignore[operator]


def test_a_transformer_alone_on_the_same_data_fits_in(
    instance: dg.DagsterInstance, run: object
) -> None:
    outcome = run("fuel_type_encoder", "feature_set")  # type: ignore[operator]
    assert outcome.success
    assert materialized(instance, outcome) == {"fuel_type_encoder", "feature_set"}


def test_a_downstream_transformer_alone_says_which_upstream_is_stale(
    trained_home: Home, run: object
) -> None:
    add_market(trained_home, "small", SMALL_MARKET.replace("days = 9", "days = 11"))
    assert run(*LISTINGS).success  # type: ignore[operator]
    outcome = run("scaler")  # type: ignore[operator]
    assert not outcome.success
    assert "fitted on dataset" in outcome.error


def test_outliers_may_be_left_out_of_training_but_never_of_the_holdout(
    trained_home: Home, instance: dg.DagsterInstance, run: object
) -> None:
    text = SMALL_MARKET + "\n[training]\ndrop_outliers = true\n"
    add_market(trained_home, "small", text)
    outcome = run("feature_set", "random_forest", "random_forest_report")  # type: ignore[operator]
    assert outcome.success, outcome.error
    dropped = outcome.facts["feature_set"]["training_rows_dropped"]
    assert dropped == outcome.facts["feature_set"]["training_outliers"] > 0
    store = ArtifactStore(trained_home.artifacts)
    address = read_json(trained_home.artifacts / "refs/random_forest_report/small.json")["address"]
    report = read_report(store.get(address))
    dataset = read_json(trained_home.artifacts / "refs/dataset/small.json")["address"]
    counts = read_head(store.get(dataset).path)["counts"]
    assert report.rows["train"] == counts["train"] - dropped
    assert report.rows["holdout"] == counts["holdout"]
