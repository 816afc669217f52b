"""``carprice releases rebuild``: the same id, a difference, a kill; all six regressors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tests_support import SMALL_MARKET, add_market

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.files import folder_hashes
from carprice_assets.home import Home
from carprice_assets.regressors.registry import ALL
from carprice_assets.releases.recipe import RECIPE
from carprice_assets.releases.release import PROVENANCE, Provenance, Release
from carprice_assets.releases.store import ReleaseStore

CARPRICE = [sys.executable, "-m", "carprice_assets.cli"]
TRAIN = """
import os
from tests_support import train_in_process
from carprice_assets.home import Home
from carprice_assets.regressors.registry import ALL
train_in_process(Home.current(), "small", list(ALL))
os._exit(0)  # as `carprice` itself ends, without Python's teardown
"""
PARTS = ("head", "schema", "transformers", "vehicles", "comparables", "figures", "golden cases")
LAX = SMALL_MARKET.replace("min_r2 = 0.8", "min_r2 = -1e9").replace(
    "max_naive_ratio = 1.2", "max_naive_ratio = 1e9"
)
"""Whatever is trained in seconds is carried."""


def champion(home: Home) -> Release:
    store = ReleaseStore(home.releases)
    return store.open("small", store.champion("small") or "")


def kept(home: Home) -> dict[str, str]:
    """Every file of the home's artifacts and releases, lock files apart."""
    return {
        f"{folder.name}/{name}": digest
        for folder in (home.artifacts, home.releases)
        for name, digest in folder_hashes(folder).items()
        if not name.endswith(".lock")
    }


def test_the_same_release_again(trained_home: Home, carprice: Callable[..., Result]) -> None:
    release, before = champion(trained_home), kept(trained_home)
    made = carprice("releases", "rebuild", "-m", "small", release.id)
    assert made.exit_code == 0, made.stdout
    *parts, last = made.stdout.splitlines()
    assert last == f"release {release.id}: made again with the same id"
    assert sorted(parts) == sorted(f"{n}: equal" for n in (*PARTS, "catboost", "random_forest"))
    assert kept(trained_home) == before
    assert not list((trained_home.artifacts / "tmp").iterdir())


def test_another_seed_and_a_changed_byte_are_told(
    trained_home: Home, carprice: Callable[..., Result]
) -> None:
    release = champion(trained_home)
    known = release.provenance()
    facts = json.loads(json.dumps(known.facts))
    for fit in facts[RECIPE]["fits"].values():
        fit["seed"] += fit["regressor"] == "catboost"
    stated = Provenance(known.release, known.staged_at, facts, known.pages)
    (release.path / PROVENANCE).write_bytes(stated.to_bytes())
    forest = release.content / "regressors" / "random_forest"
    path = max(forest.glob("*.npy"), key=lambda file: file.stat().st_size)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    before = kept(trained_home)
    made = carprice("releases", "rebuild", "-m", "small", release.id)
    assert made.exit_code == 1
    told = {line.partition(":")[0]: line for line in made.stdout.splitlines()}
    name = path.relative_to(release.content).as_posix()
    assert f"the release is damaged: content/{name} is changed" in told["warning"]
    assert told["transformers"] == "transformers: equal"
    assert told["random_forest"] == (
        f"random_forest: differs in {path.name}; its golden prices are equal"
    )
    assert told["catboost"].startswith("catboost: differs in ")
    assert "model.cbm" in told["catboost"]
    assert "its golden prices differ by at most " in told["catboost"]
    assert told["figures"] == "figures: differs in figures.json"
    assert made.stdout.splitlines()[-1].startswith(f"release {release.id}: made again as ")
    assert kept(trained_home) == before


def test_a_kill_leaves_nothing_behind(trained_home: Home) -> None:
    release, before = champion(trained_home), kept(trained_home)
    words = [*CARPRICE, "releases", "rebuild", "-m", "small", release.id]
    with subprocess.Popen(
        words,
        env={**os.environ, "CARPRICE_HOME": str(trained_home.root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "features" in process.stderr.readline()
        process.kill()
    assert [path.name for path in (trained_home.artifacts / "tmp").iterdir()]
    with ArtifactStore(trained_home.artifacts).scratch():
        pass
    assert not list((trained_home.artifacts / "tmp").iterdir())
    assert kept(trained_home) == before


def test_what_is_missing_ends_with_one_line(
    trained_home: Home, refused: Callable[..., str]
) -> None:
    words = ("releases", "rebuild", "-m")
    assert "has no release ffff" in refused(*words, "small", "f" * 32)
    assert "unknown market 'nowhere'" in refused(*words, "nowhere", "f" * 32)


@pytest.mark.long
def test_all_six_regressors_come_out_the_same(tmp_path: Path) -> None:
    """Trained in one home, trained in another, rebuilt, each in a process of its own: one id."""
    homes = [Home(tmp_path / name) for name in ("first", "second")]
    for place, home in enumerate(homes):
        add_market(home, "small", LAX)
        done = in_process([sys.executable, "-c", TRAIN], home, str(place))
        assert done.returncode == 0, done.stdout
    first, second = map(champion, homes)
    assert set(first.head().regressors) == set(ALL)
    assert first.manifest().files == second.manifest().files
    assert first.id == second.id
    words = ("releases", "rebuild", "-m", "small", first.id)
    made = in_process([*CARPRICE, *words], homes[0], "7")
    assert made.returncode == 0, made.stdout
    assert set(made.stdout.splitlines()) >= {f"{name}: equal" for name in (*PARTS, *ALL)}


def in_process(words: list[str], home: Home, hash_seed: str) -> subprocess.CompletedProcess[str]:
    """Run a command on ``home``; no two processes hash text alike."""
    own = {"CARPRICE_HOME": str(home.root), "PYTHONHASHSEED": hash_seed}
    path = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        words,
        env={**os.environ, **own, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
