"""The gate in Dagster: both paths, what is red, what is green, what the ledger says."""

from __future__ import annotations

import dagster as dg
import pytest
from tests_support import SMALL_MARKET, add_market, checks, materialized

from carprice_assets.defs.automation import training_assets
from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore

WORSE = SMALL_MARKET.replace("iterations = 250", "iterations = 60").replace(
    "n_estimators = 20", "n_estimators = 2"
)
HOPELESS = SMALL_MARKET.replace("min_r2 = 0.8", "min_r2 = 0.9999")


@pytest.fixture
def store(trained_home: Home) -> ReleaseStore:
    return ReleaseStore(trained_home.releases)


def test_a_challenger_that_is_not_better_ends_green_and_changes_nothing(
    trained_home: Home, store: ReleaseStore, instance: dg.DagsterInstance, run: object
) -> None:
    champion = store.champion("small")
    add_market(trained_home, "small", WORSE)
    outcome = run(*training_assets(["catboost", "random_forest"]))  # type: ignore[operator]
    assert outcome.success
    check = checks(instance, outcome)["challenger:promotion_rules"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "champion" not in materialized(instance, outcome)
    assert store.champion("small") == champion
    last = store.ledger("small")[-1]
    assert last["event"] == "refused"
    failed = [reason["rule"] for reason in last["decision"]["reasons"] if not reason["passed"]]
    assert "improvement" in failed


def test_an_absolute_rule_that_is_broken_makes_the_run_red(
    trained_home: Home, store: ReleaseStore, instance: dg.DagsterInstance, run: object
) -> None:
    champion = store.champion("small")
    add_market(trained_home, "small", HOPELESS)
    outcome = run("challenger", "champion")  # type: ignore[operator]
    assert not outcome.success
    check = checks(instance, outcome)["challenger:promotion_rules"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert store.champion("small") == champion
    assert store.ledger("small")[-1]["event"] == "refused"


def test_the_champion_asset_alone_refuses_what_the_check_refuses(
    trained_home: Home, store: ReleaseStore, instance: dg.DagsterInstance, run: object
) -> None:
    champion = store.champion("small")
    add_market(trained_home, "small", WORSE.replace("min_r2 = 0.8", "min_r2 = 0.9999"))
    staged = run(*training_assets(["catboost", "random_forest"])[:-1])  # type: ignore[operator]
    assert not staged.success  # the check is red
    outcome = run("champion")  # type: ignore[operator]
    assert outcome.success
    assert "champion" not in materialized(instance, outcome)
    assert store.champion("small") == champion
    observed = instance.fetch_observations(dg.AssetKey("champion"), limit=1).records
    assert "refused" in observed[0].asset_observation.metadata["decision"].value


def test_a_first_release_must_pass_the_absolute_rules(
    trained_home: Home, store: ReleaseStore, run: object
) -> None:
    (trained_home.releases / "small" / "champion.json").unlink()
    (trained_home.releases / "small" / "ledger.jsonl").unlink()
    add_market(trained_home, "small", HOPELESS)
    assert not run("challenger", "champion").success  # type: ignore[operator]
    assert store.champion("small") is None


def test_rollback_is_followed_by_the_next_decision(
    trained_home: Home, store: ReleaseStore, run: object
) -> None:
    names = ["catboost", "random_forest"]
    for file in ("champion.json", "ledger.jsonl"):
        (trained_home.releases / "small" / file).unlink()
    add_market(trained_home, "small", WORSE)
    assert run(*training_assets(names)).success  # type: ignore[operator]
    worse = store.champion("small")
    add_market(trained_home, "small", SMALL_MARKET)
    assert run(*training_assets(names)).success  # type: ignore[operator]
    assert worse is not None
    assert store.champion("small") != worse
    assert store.rollback("small", None, "test") == worse
    assert store.ledger("small")[-1]["event"] == "rolled_back"
