"""Artifacts: what is named stays, what nothing leads to goes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.files import write_atomic
from carprice_assets.home import Home
from carprice_assets.housekeeping.garbage import find_garbage, sweep
from carprice_assets.releases.rules import Decision
from carprice_assets.releases.store import ReleaseStore

HOURS = 1.0
YES = Decision("promoted", ())


def keep(home: Home, name: str, **facts: Any) -> Artifact:
    """An artifact whose JSON holds ``facts``, last asked for long ago."""

    def build(folder: Path) -> None:
        (folder / "origin.json").write_text(json.dumps({"name": name, **facts}))

    artifact = ArtifactStore(home.artifacts).put(build)
    old = time.time() - 48 * 3600
    os.utime(artifact.path, (old, old))
    return artifact


def name(home: Home, asset: str, artifact: Artifact) -> None:
    path = home.artifacts / "refs" / asset / "us.json"
    write_atomic(path, json.dumps({"address": artifact.address}).encode())


def stage(home: Home, number: int, dataset: str, **provenance: Any) -> str:
    def build(folder: Path) -> None:
        head = {
            **{"format": 1, "market": "us", "currency": "USD", "distance": "mi"},
            **{"champion": "catboost", "regressors": ["catboost"]},
            "data": {"last_observed": "2026-01-01", "address": dataset, "number": number},
        }
        (folder / "release.json").write_text(json.dumps(head))

    return ReleaseStore(home.releases).stage("us", build, provenance).id


def swept(home: Home) -> set[str]:
    """Names of the artifacts that a prune removes."""
    store = ArtifactStore(home.artifacts)
    before = {path.name for path in store.root.glob("??/*")}
    found = find_garbage(home, HOURS)
    assert sweep(home, found, HOURS) == (found.artifacts, found.bytes)
    after = {path.name for path in store.root.glob("??/*")}
    assert len(before - after) == found.artifacts
    assert len(after) == found.kept
    assert list((store.root / "tmp").iterdir()) == []
    return before - after


def test_what_is_led_to_stays(home: Home) -> None:
    dataset = keep(home, "dataset")
    features = keep(home, "features", dataset=dataset.address)
    member = keep(home, "member", feature_set=features.address)
    blend = keep(home, "blend", members={"catboost": member.address})
    name(home, "ensemble", blend)
    old = keep(home, "old", dataset=dataset.address)
    assert swept(home) == {old.address}
    assert swept(home) == set()


def test_a_release_keeps_its_dataset_and_a_champion_all_that_it_names(home: Home) -> None:
    datasets = [keep(home, f"dataset {n}") for n in range(4)]
    fits = [keep(home, f"fit {n}") for n in range(3)]
    first, second, _ = (
        stage(home, n, datasets[n].address, recipe={"judged": fits[n].address}) for n in range(3)
    )
    store = ReleaseStore(home.releases)
    store.promote("us", first, None, YES)
    store.promote("us", second, first, YES)
    assert swept(home) == {datasets[3].address, fits[2].address}


def test_what_was_lately_asked_for_stays(home: Home) -> None:
    used, unused = keep(home, "used"), keep(home, "unused")

    def build(folder: Path) -> None:
        (folder / "origin.json").write_text(json.dumps({"name": "used"}))

    found = find_garbage(home, HOURS)
    assert found.artifacts == 2
    assert ArtifactStore(home.artifacts).put(build) == used  # between the look and the sweep
    assert sweep(home, found, HOURS)[0] == 1
    assert used.path.is_dir()
    assert not unused.path.exists()


def test_trials_and_costs_go_with_their_artifact(home: Home) -> None:
    kept, gone = keep(home, "kept"), keep(home, "gone")
    name(home, "feature_set", kept)
    for artifact in (kept, gone):
        (study := home.artifacts / "studies" / artifact.address).mkdir(parents=True)
        (study / "trials.log").write_text("x")
        write_atomic(home.artifacts / "costs" / f"{artifact.address}.json", b"{}")
    assert swept(home) == {gone.address}
    assert [path.name for path in (home.artifacts / "studies").iterdir()] == [kept.address]
    assert [path.stem for path in (home.artifacts / "costs").iterdir()] == [kept.address]


def test_nothing_goes_while_a_pointer_cannot_be_read(home: Home) -> None:
    keep(home, "unnamed")
    release = stage(home, 1, "d" * 32)
    ReleaseStore(home.releases).promote("us", release, None, YES)
    (home.releases / "us" / "champion.json").write_text("{")
    with pytest.raises(UserError, match=r"champion\.json is broken"):
        find_garbage(home, HOURS)


def test_an_empty_home_has_none(home: Home) -> None:
    assert find_garbage(home, HOURS).paths == ()
