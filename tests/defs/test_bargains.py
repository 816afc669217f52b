"""Bargains in Dagster: detector, limits, list, and who is told."""

from __future__ import annotations

import json
import shutil
from typing import Any

import dagster as dg
import numpy as np
import pytest
from click.testing import CliRunner
from tests_support import SMALL_MARKET, add_market, checks, materialized

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.bargains.announcing import FILE
from carprice_assets.bargains.autoencoders import KINDS
from carprice_assets.bargains.current import read_current
from carprice_assets.bargains.detector import Detector
from carprice_assets.bargains.making import detector_of
from carprice_assets.bargains.published import FOLDER, present
from carprice_assets.bargains.refit import RECIPE
from carprice_assets.bargains.rules import Reconstruction
from carprice_assets.bargains.valuing import unseen_of, value_offers
from carprice_assets.cli import main
from carprice_assets.defs import bargains as module
from carprice_assets.defs.bargains import announce_bargains
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import load_market
from carprice_assets.releases.content import DETECTOR
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer

PLAIN = "plain_autoencoder"
STRICT = SMALL_MARKET.replace("max_reconstruction = 5.0", "max_reconstruction = 0.001")
HOOKED = SMALL_MARKET.replace("epochs = 3", 'webhook = "http://127.0.0.1:9/hook"')


@pytest.fixture
def valuer(trained_home: Home) -> Valuer:
    store = ReleaseStore(trained_home.releases)
    champion = store.champion("small")
    assert champion is not None
    return Valuer.load(store.open("small", champion).path)


def test_a_release_carries_its_detector_and_says_how_it_was_made(valuer: Valuer) -> None:
    detector = detector_of(valuer)
    assert detector is not None
    assert set(detector.members) <= set(KINDS)
    assert detector.regressor == valuer.champion
    made = valuer.provenance[RECIPE]
    assert made["members"] == sorted(detector.members)
    assert set(made["autoencoders"]) == set(KINDS)
    assert not list((valuer.content / DETECTOR).rglob("*.pt"))


def test_no_detector_in_a_release_is_none(valuer: Valuer) -> None:
    assert Detector.load(valuer.content / "nothing") is None


def test_the_list_has_prices_that_are_none_apart(trained_home: Home, run: Any) -> None:
    before = present(trained_home.releases, "small")
    assert before is not None
    assert run("bargains").success
    assert present(trained_home.releases, "small") == before, "the same offers, the same list"
    assert before.bargains
    codes = {doubt["code"] for entry in before.apart for doubt in entry["doubts"]}
    assert {"price_rejected", "placeholder_price"} <= codes
    listed = {entry["listing_id"] for entry in before.bargains}
    assert not listed & {entry["listing_id"] for entry in before.apart}
    for entry in before.bargains:
        assert entry["price"] < entry["low"]
        assert entry["evidence"]


def test_cars_learned_from_are_valued_by_the_fit_that_had_not_seen_them(
    trained_home: Home, valuer: Valuer
) -> None:
    market = load_market(trained_home, "small")
    with Warehouse.of(trained_home).connect("a test") as con:
        current = read_current(con, market)
    store = ArtifactStore(trained_home.artifacts)
    unseen = unseen_of(valuer, store)
    assert unseen is not None
    ids = current.offers["listing_id"].tolist()
    trained = np.array([each in unseen.rows for each in ids])
    assert 0.5 < trained.mean() < 0.9
    blind = value_offers(valuer, market, current.offers, current.day, unseen)
    wanted = [unseen.price[unseen.rows[each]] for each in ids if each in unseen.rows]
    reposted = [each not in unseen.rows for each in current.offers["vehicle"].tolist()]
    assert set(np.array(ids)[reposted]).isdisjoint(unseen.rows)
    np.testing.assert_allclose(blind.expected[trained], wanted)
    assert not blind.known.any()
    seeing = value_offers(valuer, market, current.offers, current.day)
    assert seeing.known[trained].all()
    price = current.offers["price"]

    def off(found: np.ndarray) -> float:
        return float(np.abs(np.log(price / found))[trained].mean())

    assert off(blind.expected) > off(seeing.expected), "it knew the prices"
    shutil.rmtree(trained_home.artifacts)
    assert unseen_of(valuer, store) is None


def test_a_broken_limit_is_red_and_stops_the_detector(
    trained_home: Home, instance: dg.DagsterInstance, run: Any
) -> None:
    add_market(trained_home, "small", STRICT)
    outcome = run(PLAIN, "bargain_detector")
    assert not outcome.success
    check = checks(instance, outcome)[f"{PLAIN}:reconstruction_limits"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert "bargain_detector" not in materialized(instance, outcome)
    alone = run("bargain_detector")
    assert alone.success
    assert alone.facts["bargain_detector"]["autoencoders"] == "none", "it asks the same rules"


def test_where_the_deployed_one_is_better_the_run_goes_on_without_the_new_one(
    instance: dg.DagsterInstance, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    better = {PLAIN: Reconstruction(500, 1e-6, 1e-6, {})}
    monkeypatch.setattr(module, "_deployed", lambda *given: better)
    outcome = run(PLAIN, "bargain_detector")
    assert outcome.success
    check = checks(instance, outcome)[f"{PLAIN}:reconstruction_limits"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert PLAIN not in outcome.facts["bargain_detector"]["autoencoders"]
    assert PLAIN in outcome.facts["bargain_detector"]["left_out"]


def test_a_deployed_detector_that_cannot_be_read_does_not_stop_its_successor(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(valuer: Valuer) -> None:
        raise UserError(f"release {valuer.release_id}: its detector is of another time")

    monkeypatch.setattr(module, "detector_of", refuse)
    assert run(PLAIN, "bargain_detector").success


def test_a_detector_of_another_feature_set_is_not_carried(
    trained_home: Home, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from carprice_assets.defs import promotion

    real = promotion.recipe_of
    monkeypatch.setattr(promotion, "recipe_of", lambda each: real(each) | {"feature_set": "x"})
    outcome = run("challenger")
    assert outcome.success
    staged = ReleaseStore(trained_home.releases).open(
        "small", outcome.facts["challenger"]["release"]
    )
    assert not (staged.content / DETECTOR).exists()


def test_without_a_champion_there_is_no_list_and_no_fault(
    trained_home: Home, instance: dg.DagsterInstance, run: Any
) -> None:
    (trained_home.releases / "small" / "champion.json").unlink()
    outcome = run("bargains")
    assert outcome.success
    assert "bargains" not in materialized(instance, outcome)


def test_the_sensor_announces_each_bargain_once(
    trained_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[int] = []
    monkeypatch.setattr(module, "post", lambda hook, found, entries: posted.append(len(entries)))
    add_market(
        trained_home,
        "small",
        HOOKED,
    )
    found = present(trained_home.releases, "small")
    assert found is not None
    context = dg.build_sensor_context()
    announce_bargains(context)
    assert posted == [len(found.bargains)]
    announce_bargains(dg.build_sensor_context(cursor=context.cursor))
    announce_bargains(dg.build_sensor_context())  # the cursor was lost
    assert posted == [len(found.bargains)]


def test_a_webhook_that_fails_is_tried_again(
    trained_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_market(
        trained_home,
        "small",
        HOOKED,
    )
    context = dg.build_sensor_context()
    told = announce_bargains(context)
    assert "webhook http://127.0.0.1:9" in str(told.skip_message)  # type: ignore[union-attr]
    assert not (trained_home.releases / "small" / FOLDER / FILE).exists()
    posted: list[int] = []
    monkeypatch.setattr(module, "post", lambda hook, found, entries: posted.append(len(entries)))
    announce_bargains(dg.build_sensor_context(cursor=context.cursor))
    assert posted


def test_the_command_shows_the_list(trained_home: Home) -> None:
    def told(*words: str) -> str:
        result = CliRunner().invoke(main, ["bargains", "--market", "small", *words])
        assert result.exit_code == 0, result.output
        return result.output

    found = present(trained_home.releases, "small")
    assert found is not None
    assert f"{len(found.bargains)} bargains" in told("--limit", "3")
    assert f"set apart: {len(found.apart)} more likely no bargains" in told("--apart")
    whole = json.loads(told("--json"))
    assert (whole["list"], whole["bargains"]) == (found.id, found.bargains)
    make = found.bargains[0]["make"]
    of_make = json.loads(told("--json", "--make", make, "--limit", "1"))
    assert [each["make"] for each in of_make["bargains"]] == [make]
    assert len(of_make["apart"]) <= 1
    assert told("--proof").startswith("1 past lists")
    assert json.loads(told("--proof", "--json"))["lists"] == 1
    result = CliRunner().invoke(main, ["bargains", "-m", "small", "--proof", "--limit", "3"])
    assert (result.exit_code, "--limit" in result.output) == (2, True)
    (trained_home.releases / "small" / "bargains.json").unlink()
    result = CliRunner().invoke(main, ["bargains", "--market", "small"])
    assert result.exit_code == 2
    assert "no list of bargains yet" in result.output
