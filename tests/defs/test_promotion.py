"""The gate in Dagster: both paths, what is red, what is green, what the ledger says."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from tests_support import SMALL_MARKET, add_market, checks, materialized

from carprice_assets.defs.automation import training_assets
from carprice_assets.defs.run_checks import checks_behind
from carprice_assets.home import Home
from carprice_assets.releases.card import model_card
from carprice_assets.releases.rules import REQUIRED_CHECKS
from carprice_assets.releases.store import ReleaseStore

WORSE = SMALL_MARKET.replace("iterations = 250", "iterations = 60").replace(
    "n_estimators = 20", "n_estimators = 2"
)
MANUAL = SMALL_MARKET + 'approval = "manual"\n'
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


def test_a_champion_that_breaks_the_rules_of_now_is_told_and_not_refused_anew(
    trained_home: Home,
    store: ReleaseStore,
    instance: dg.DagsterInstance,
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Trained again on the same data, a release that was promoted by override is the same one."""
    monkeypatch.setenv("CARPRICE_APPROVER", "Ada")
    add_market(trained_home, "small", HOPELESS)
    red = run("challenger")
    assert not red.success
    config = {"override": red.facts["challenger"]["release"], "reason": "the market moved"}
    assert run("champion", config={"champion": config}).success
    champion, lines = store.champion("small"), store.ledger("small")
    outcome = run("challenger", "champion")
    assert outcome.success
    check = checks(instance, outcome)["challenger:promotion_rules"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.description.startswith("serves already; by the rules of now refused: ")
    assert store.champion("small") == champion
    assert store.ledger("small") == lines


def test_the_champion_asset_alone_refuses_what_the_check_refuses(
    trained_home: Home, store: ReleaseStore, instance: dg.DagsterInstance, run: object
) -> None:
    champion = store.champion("small")
    add_market(trained_home, "small", WORSE.replace("min_r2 = 0.8", "min_r2 = 0.9999"))
    staged = run(*training_assets(["catboost", "random_forest"])[:-1])  # type: ignore[operator]
    assert not staged.success
    check = checks(instance, staged)["challenger:promotion_rules"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert store.ledger("small")[-1]["event"] == "refused"
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
    lenient = SMALL_MARKET.replace("min_r2 = 0.8", "min_r2 = 0.5").replace(
        "ratio = 1.2", "ratio = 9"
    )
    # So much worse that the next one is better beyond chance.
    worst = lenient.replace("iterations = 250", "iterations = 25").replace("tors = 20", "tors = 1")
    add_market(trained_home, "small", worst)
    assert run(*training_assets(names)).success  # type: ignore[operator]
    worse = store.champion("small")
    add_market(trained_home, "small", SMALL_MARKET)
    assert run(*training_assets(names)).success  # type: ignore[operator]
    assert worse is not None
    assert store.champion("small") != worse
    assert store.rollback("small", None, "test") == worse
    assert store.ledger("small")[-1]["event"] == "rolled_back"


def _no_champion(home: Home, market: str = "small") -> None:
    """As before the first promotion; the challenger stays staged."""
    for file in ("champion.json", "ledger.jsonl"):
        (home.releases / market / file).unlink()


def _observed(instance: dg.DagsterInstance) -> Any:
    record = instance.fetch_observations(dg.AssetKey("champion"), limit=1).records[0]
    assert record.asset_observation is not None
    return record.asset_observation.metadata


def test_a_promotion_says_what_it_stands_on(
    trained_home: Home, store: ReleaseStore, instance: dg.DagsterInstance
) -> None:
    (line,) = store.ledger("small")
    decision = line["decision"]
    assert instance.get_run_by_id(decision["run"]) is not None
    assert decision["judgements"] == 1
    assert len(decision["holdout"]) == 64
    rules = {reason["rule"] for reason in decision["reasons"]}
    assert {f"checks:{name}" for name in REQUIRED_CHECKS} < rules
    assert {"coverage:all", "data_age", "judgements", "serving_form:catboost"} < rules
    release = store.open("small", line["release"])
    assert checks_behind(instance, "small", release) == dict.fromkeys(REQUIRED_CHECKS, True)
    wanted = dg.AssetRecordsFilter(dg.AssetKey("champion"), asset_partitions=["small"])
    made = instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert made is not None
    facts = {key: entry.value for key, entry in made.metadata.items()}
    assert facts["trained_by_run"] == release.provenance().facts["run"]
    assert facts["run"] == decision["run"]
    assert facts["data_version"] == release.head().data["data_version"]
    assert facts["dataset"] == release.head().data["address"]
    assert facts["limits"]["min_r2"] == 0.8
    assert "| small |" in facts["all_markets"]
    assert "| us |" in facts["all_markets"]


def test_without_a_record_of_its_checks_nothing_is_promoted(
    trained_home: Home, store: ReleaseStore
) -> None:
    from carprice_assets.defs import launch

    _no_champion(trained_home)
    shutil.rmtree(trained_home.dagster)
    with launch.instance(trained_home) as empty:
        assert launch.materialize(empty, "small", ["champion"]).success
    assert store.champion("small") is None
    (line,) = store.ledger("small")
    broken = [reason["rule"] for reason in line["decision"]["reasons"] if not reason["passed"]]
    assert broken == sorted(f"checks:{name}" for name in REQUIRED_CHECKS)


def test_data_that_is_too_old_is_red(
    trained_home: Home, store: ReleaseStore, instance: dg.DagsterInstance, run: Any
) -> None:
    _no_champion(trained_home)
    add_market(trained_home, "small", SMALL_MARKET + "max_data_age_days = -40000\n")
    assert not run("challenger", "champion").success
    assert store.champion("small") is None
    (line,) = store.ledger("small")
    broken = [reason["rule"] for reason in line["decision"]["reasons"] if not reason["passed"]]
    assert broken == ["data_age"]


def test_a_judgement_that_nothing_follows_stands_in_the_ledger(
    trained_home: Home, store: ReleaseStore, run: Any
) -> None:
    _no_champion(trained_home)
    assert run("challenger").success
    (line,) = store.ledger("small")
    assert line["event"] == "judged"
    assert line["decision"]["judgements"] == 1
    assert run("challenger", "champion").success
    assert [each["event"] for each in store.ledger("small")] == ["judged", "promoted"]
    # The same challenger on the same hold-out is no second one.
    assert store.ledger("small")[-1]["decision"]["judgements"] == 1


def test_a_manual_market_waits_and_the_ui_approves(
    trained_home: Home,
    store: ReleaseStore,
    instance: dg.DagsterInstance,
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = store.champion("small")
    assert release is not None
    _no_champion(trained_home)
    add_market(trained_home, "small", MANUAL)
    outcome = run("challenger", "champion")
    assert outcome.success
    assert "champion" not in materialized(instance, outcome)
    check = checks(instance, outcome)["challenger:promotion_rules"]
    assert check.passed
    assert "a person must approve it" in check.description
    facts = _observed(instance)
    assert facts["status"].value == "waiting"
    assert facts["decision"].value.startswith("waiting for approval until ")
    assert store.champion("small") is None
    assert [line["event"] for line in store.ledger("small")] == ["waiting"]

    monkeypatch.delenv("CARPRICE_APPROVER", raising=False)
    config = {"champion": {"approve": release}}
    nobody = run("champion", config=config)
    assert not nobody.success
    assert "say who you are" in nobody.error
    monkeypatch.setenv("CARPRICE_APPROVER", "Ada")
    approved = run("champion", config=config)
    assert approved.success
    assert "champion" in materialized(instance, approved)
    assert store.champion("small") == release
    events = [line["event"] for line in store.ledger("small")]
    assert events == ["waiting", "approved", "promoted"]
    assert "approved by Ada" in model_card(store.open("small", release), store.ledger("small"))


def test_an_approval_is_refused_where_the_rules_no_longer_hold(
    trained_home: Home, store: ReleaseStore, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPRICE_APPROVER", "Ada")
    release = store.champion("small")
    _no_champion(trained_home)
    add_market(trained_home, "small", MANUAL)
    assert run("champion").success
    add_market(trained_home, "small", MANUAL.replace("min_r2 = 0.8", "min_r2 = 0.9999"))
    outcome = run("champion", config={"champion": {"approve": release}})
    assert not outcome.success
    assert "passes no longer" in outcome.error
    assert store.champion("small") is None
    assert [line["event"] for line in store.ledger("small")] == ["waiting", "refused"]


def test_an_override_needs_a_name_and_a_reason_and_is_told_for_ever(
    trained_home: Home,
    store: ReleaseStore,
    instance: dg.DagsterInstance,
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = str(store.champion("small"))
    _no_champion(trained_home)
    add_market(trained_home, "small", HOPELESS)
    monkeypatch.delenv("CARPRICE_APPROVER", raising=False)
    config = {"override": release, "reason": "the market moved"}
    assert "say who you are" in run("champion", config={"champion": config}).error
    monkeypatch.setenv("CARPRICE_APPROVER", "Ada")
    bare = run("champion", config={"champion": {"override": release}})
    assert "an override needs a reason" in bare.error
    both = run("champion", config={"champion": config | {"approve": release}})
    assert "not both" in both.error
    assert store.champion("small") is None
    outcome = run("champion", config={"champion": config})
    assert outcome.success
    told = outcome.facts["champion"]["decision"]
    assert told.startswith("promoted by override of Ada (the market moved), against: R2: ")
    assert store.champion("small") == release
    card = model_card(store.open("small", release), store.ledger("small"))
    assert "> **OVERRIDDEN** by Ada: the market moved (rules broken: r2)" in card


def test_an_override_works_where_nothing_can_be_judged(
    trained_home: Home, store: ReleaseStore, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that came from elsewhere: no dataset here, no challenger, no record of a check."""
    monkeypatch.setenv("CARPRICE_APPROVER", "Ada")
    release = str(store.champion("small"))
    _no_champion(trained_home)
    shutil.rmtree(trained_home.artifacts / "refs")
    assert "no challenger yet" in run("champion").error
    config = {"override": release, "reason": "trained elsewhere"}
    assert run("champion", config={"champion": config}).success
    assert store.champion("small") == release
    assert store.ledger("small")[-1]["decision"]["override"]["broken"] == ["judged"]


def test_an_override_moves_nothing_in_a_market_whose_file_is_broken(
    trained_home: Home, store: ReleaseStore, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run would be red all the same, and what serves must not move in a red run."""
    monkeypatch.setenv("CARPRICE_APPROVER", "Ada")
    release = str(store.champion("small"))
    _no_champion(trained_home)
    add_market(trained_home, "small", SMALL_MARKET + "min_r2 = 0.1\n")
    config = {"override": release, "reason": "the market moved"}
    assert "small.toml" in run("champion", config={"champion": config}).error
    assert store.champion("small") is None


def test_an_overdue_wait_is_ended_by_the_sensor(
    trained_home: Home, store: ReleaseStore, instance: dg.DagsterInstance
) -> None:
    from carprice_assets.defs.automation import approvals

    release = store.champion("small")
    past = datetime.now(UTC) - timedelta(days=1)
    store.record("small", {"event": "waiting", "release": release, "until": past.isoformat()})
    with dg.build_sensor_context(instance=instance) as context:
        told: Any = approvals(context)
    assert f"small: the wait of {release} is over" in told.skip_message
    assert store.ledger("small")[-1]["event"] == "expired"
