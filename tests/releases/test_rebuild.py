"""Recipes, what stands against a rebuild, and the comparison of two contents."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market
from carprice_assets.markets.market import PromotionRules, TrainingRules
from carprice_assets.releases import rebuild
from carprice_assets.releases.comparison import Difference, Part, compare
from carprice_assets.releases.golden import Golden
from carprice_assets.releases.manifest import Manifest
from carprice_assets.releases.recipe import RECIPE, Recipe
from carprice_assets.releases.release import PROVENANCE, Provenance, Release
from carprice_assets.releases.store import ReleaseStore

FILES = {
    "release.json": "{}",
    "schema.json": "{}",
    "features/scaler/state.json": "1",
    "regressors/catboost/model.cbm": "2",
    "regressors/catboost/range/ranges.json": "3",
    "regressors/random_forest/form.json": "4",
    "vehicles.npy": "5",
    "comparables/price.npy": "8",
    "golden.json": "6",
    "figures.json": "7",
}


def manifest(folder: Path, **changed: str | None) -> Manifest:
    """The manifest of :data:`FILES`, some of them changed or, with None, left out."""
    for path, text in {**FILES, **changed}.items():
        if text is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    return Manifest.of(folder)


def golden(**prices: tuple[float, ...]) -> Golden:
    cars = ({"make": "Kia"}, {"make": "Ford"}, {"make": "BMW"})
    return Golden(date(2024, 1, 1), cars, prices, dict.fromkeys(prices, ()), "0" * 64)


def test_equal_contents_are_equal_in_every_part(tmp_path: Path) -> None:
    parts = compare(manifest(tmp_path / "a"), manifest(tmp_path / "b"))
    assert [part.line for part in parts] == [
        "head: equal",
        "schema: equal",
        "transformers: equal",
        "catboost: equal",
        "random_forest: equal",
        "vehicles: equal",
        "comparables: equal",
        "figures: equal",
        "golden cases: equal",
    ]


def test_files_that_differ_are_named_under_their_part(tmp_path: Path) -> None:
    first = manifest(tmp_path / "a", **{"features/scaler/state.json": None})
    changed = {
        "regressors/catboost/range/ranges.json": "0",
        "vehicles.npy": "0",
        "regressors/random_forest/form.json": None,
    }
    second = manifest(tmp_path / "b", **changed)
    lines = {part.name: part.line for part in compare(first, second) if part.differing}
    assert lines == {
        "transformers": "transformers: differs in scaler/state.json (not in the release)",
        "catboost": "catboost: differs in range/ranges.json",
        "random_forest": "random_forest: differs in form.json (not made again)",
        "vehicles": "vehicles: differs in vehicles.npy",
    }


def test_prices_of_a_regressor_that_differs_are_compared(tmp_path: Path) -> None:
    first = manifest(tmp_path / "a")
    second = manifest(tmp_path / "b", **{"regressors/catboost/model.cbm": "0"})
    before = golden(catboost=(100.0, 200.0, 400.0), random_forest=(1.0, 2.0, 3.0))
    after = golden(catboost=(101.0, 200.0, 396.0), random_forest=(1.0, 2.0, 3.0))
    parts = {part.name: part for part in compare(first, second, (before, after))}
    told = "its golden prices differ by at most 0.01, 0.01 in the median (relative)"
    assert parts["catboost"].line == f"catboost: differs in model.cbm; {told}"
    assert parts["random_forest"].line == "random_forest: equal"
    others = replace(after, cars=after.cars[::-1])
    parts = {part.name: part for part in compare(first, second, (before, others))}
    assert parts["catboost"].note == "the golden cars are others"
    assert Difference.of((1.0, 2.0), (1.0, 2.0)).told == "its golden prices are equal"
    assert Difference.of((1.0, 2.0, 4.0), (1.0, 2.0, 5.0)) == Difference(0.25, 0.0)


def test_many_files_are_counted() -> None:
    assert Part("figures", tuple("abcdef")).line == "figures: differs in a, b, c, d and 2 more"


@pytest.fixture
def staged(trained_home: Home) -> Release:
    store = ReleaseStore(trained_home.releases)
    return store.open("small", store.champion("small") or "")


@pytest.fixture
def restate(staged: Release) -> Callable[[Callable[[dict[str, Any]], object]], None]:
    """Change the facts of the staged release's provenance, as another training would."""

    def write(change: Callable[[dict[str, Any]], object]) -> None:
        known = staged.provenance()
        facts = json.loads(json.dumps(known.facts))
        change(facts)
        stated = Provenance(known.release, known.staged_at, facts, known.pages)
        (staged.path / PROVENANCE).write_bytes(stated.to_bytes())

    return write


def test_a_training_records_its_recipe(trained_home: Home, staged: Release) -> None:
    recipe = Recipe.parse(staged.provenance().facts, "here")
    market = load_market(trained_home, "small")
    assert recipe.training == market.training
    assert recipe.promotion == market.promotion
    assert set(recipe.judged) == {"catboost", "random_forest"}
    fit = recipe.fits[recipe.judged["catboost"]]
    assert (fit.regressor, fit.seed, fit.trials) == ("catboost", market.training.seed, 0)
    assert fit.parameters == market.regressors["catboost"]
    assert fit.coverage == market.ranges.coverage
    assert fit.threads > 0
    assert Recipe.parse({RECIPE: json.loads(json.dumps(recipe.to_json()))}, "here") == recipe
    dataset = ArtifactStore(trained_home.artifacts).get(staged.head().data["address"])
    assert recipe.market("small", dataset.path).cleaning == market.cleaning


def test_a_recipe_of_before_a_limit_came_can_be_read(staged: Release) -> None:
    """A release tells its card, and can be made again, when the gate has learned new rules."""
    facts = json.loads(json.dumps(staged.provenance().facts))
    for table, name in (("promotion", "max_data_age_days"), ("training", "max_drift")):
        facts[RECIPE][table].pop(name)
    recipe = Recipe.parse(facts, "here")
    assert recipe.promotion.max_data_age_days == PromotionRules().max_data_age_days
    assert recipe.training.max_drift == TrainingRules().max_drift
    facts[RECIPE]["promotion"]["of_tomorrow"] = 1
    with pytest.raises(UserError, match="reads other settings than it states: of_tomorrow"):
        Recipe.parse(facts, "here")


def test_what_can_be_made_again_has_no_warning(trained_home: Home, staged: Release) -> None:
    planned = rebuild.plan(trained_home, "small", staged.id)
    assert planned.warnings == ()
    assert planned.dataset.address == staged.head().data["address"]


def test_other_conditions_are_told(
    trained_home: Home, staged: Release, restate: Callable[..., None]
) -> None:
    def change(facts: dict[str, Any]) -> None:
        facts["versions"]["numpy"] = "1.0"
        facts["versions"]["abacus"] = "7"
        facts["processor"] = "another"
        fits = facts[RECIPE]["fits"].values()
        for fit in fits:
            fit["threads"] = 64
        next(fit for fit in fits if fit["regressor"] == "catboost")["minutes"] = 2.5

    restate(change)
    told = rebuild.plan(trained_home, "small", staged.id).warnings
    assert len(told) == 5
    assert told[0].startswith("processor is ")
    assert told[0].endswith(", the release was made with another")
    assert told[1] == "abacus is unknown, the release was made with 7"
    assert told[2].startswith("numpy is ")
    assert told[2].endswith(", the release was made with 1.0")
    assert "the release was made with 64" in told[3]
    assert told[4] == (
        "catboost: its search was limited to 2.5 minutes, so that the same regressor cannot be"
        " promised"
    )


def missing(home: Home, release: str) -> str:
    with pytest.raises(UserError) as refused:
        rebuild.plan(home, "small", release)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_is_missing_is_named(
    trained_home: Home, staged: Release, restate: Callable[..., None]
) -> None:
    assert f"market small has no release {'f' * 32}:" in missing(trained_home, "f" * 32)
    address = staged.head().data["address"]
    folder = ArtifactStore(trained_home.artifacts).path_of(address)
    head = folder / "dataset.json"
    whole = head.read_bytes()
    head.write_bytes(whole + b" ")
    assert missing(trained_home, staged.id).startswith(f"the dataset artifact {address} is changed")
    shutil.rmtree(folder)
    assert f"dataset artifact {address}, which is no longer" in missing(trained_home, staged.id)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda facts: facts.pop(RECIPE), "does not say how it was made"),
        (lambda facts: facts[RECIPE].update(format=99), "newer than the 1"),
        (lambda facts: facts[RECIPE].pop("judged"), "its recipe is broken: KeyError('judged')"),
        (lambda facts: facts[RECIPE]["fits"].popitem(), "its recipe has no fit"),
        (lambda facts: facts[RECIPE]["training"].update(odd=1), "than it states: odd"),
        (
            lambda facts: next(iter(facts[RECIPE]["fits"].values())).update(regressor="oracle"),
            "this version has no regressor oracle",
        ),
    ],
)
def test_a_recipe_that_cannot_be_followed(
    trained_home: Home,
    staged: Release,
    restate: Callable[..., None],
    change: Callable[[dict[str, Any]], object],
    told: str,
) -> None:
    restate(change)
    assert told in missing(trained_home, staged.id)


def test_what_the_content_does_not_hold_has_no_say() -> None:
    differing = Part("random_forest (not carried)", ("its artifact",))
    beside = rebuild.Rebuilt("a", "a", (Part("head"),), (differing,))
    assert beside.same
    assert beside.lines[1:] == [differing.line, "release a: made again with the same id"]
    damaged = rebuild.Rebuilt("a", "a", (Part("head", ("release.json",)),))
    assert not damaged.same
    assert damaged.lines[-1] == "release a: made again, its files in the store differ"
    assert not rebuild.Rebuilt("a", "b", ()).same
