"""Stores that versions of the project wrote: they open, or are refused as written."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from carprice_assets.errors import UserError
from carprice_assets.releases.card import model_card
from carprice_assets.releases.golden import Golden
from carprice_assets.releases.prune import prune
from carprice_assets.releases.release import Release
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import read_object
from carprice_assets.releases.valuer import Valuer

SAMPLES = Path(__file__).parents[1] / "samples" / "releases"
MARKET = "sample"


@pytest.fixture(params=["format-1"])
def store(request: Any, tmp_path: Path) -> ReleaseStore:
    """The store of a kept sample: two releases, the second serves."""
    with tarfile.open(SAMPLES / f"{request.param}.tar.gz") as archive:
        archive.extractall(tmp_path / "releases", filter="data")
    return ReleaseStore(tmp_path / "releases")


def champion(store: ReleaseStore) -> Release:
    serving = store.champion(MARKET)
    assert serving is not None
    return store.open(MARKET, serving)


def test_it_opens_and_answers_what_it_answered(store: ReleaseStore) -> None:
    releases = store.list(MARKET)
    assert len(releases) == 2
    assert champion(store) == releases[1]
    for release in releases:
        assert store.verify(release) == []
        valuer = Valuer.load(release.path)
        path = release.content / "golden.json"
        golden = Golden.parse(read_object(path), str(path))
        cars = valuer.value_cars(golden.cars, as_of=golden.as_of)
        pairs = zip(cars, golden.prices[valuer.champion], strict=True)
        supported = [(car.price, price) for car, price in pairs if car.price is not None]
        assert len(supported) >= len(cars) // 2
        assert [given for given, _ in supported] == pytest.approx([p for _, p in supported], 1e-6)
        assert release.id in model_card(release, store.ledger(MARKET))


def test_its_history_goes_on(store: ReleaseStore, kit: ModuleType) -> None:
    first, second = store.list(MARKET)
    before = store.ledger(MARKET)
    assert [line["sequence"] for line in before if "sequence" in line] == [1, 2]
    assert store.rollback(MARKET, None, "a sample") == first.id
    store.promote(MARKET, second.id, first.id, kit.YES)
    assert store.ledger(MARKET)[: len(before)] == before
    assert [line["event"] for line in store.ledger(MARKET)[len(before) :]] == [
        "rolled_back",
        "promoted",
    ]
    assert [verdict.reason for verdict in prune(store, MARKET, 0)] == [
        "the champion",
        "the champion's predecessor",
    ]


def test_another_release_beside_it_shares_its_files(store: ReleaseStore) -> None:
    old = champion(store)

    def build(folder: Path) -> None:
        shutil.copytree(old.content, folder, dirs_exist_ok=True)
        (folder / "more.json").write_bytes(b"{}")

    new = store.stage(MARKET, build, {})
    paths = [each.content / "vehicles.npy" for each in (old, new)]
    assert len({path.stat().st_ino for path in paths}) == 1
    assert store.verify(old) == store.verify(new) == []


@pytest.mark.parametrize(
    "file", ["manifest.json", "provenance.json", "content/release.json", "content/golden.json"]
)
def test_a_newer_version_is_refused_with_a_clear_line(store: ReleaseStore, file: str) -> None:
    """As a later carprice would write it: all hashes right, the number greater."""
    old = champion(store)
    if file.startswith("content"):

        def build(folder: Path) -> None:
            shutil.copytree(old.content, folder, dirs_exist_ok=True)
            path = folder / Path(file).name
            path.write_text(json.dumps(json.loads(path.read_bytes()) | {"format": 99}))

        with pytest.raises(UserError, match=r"json has format 99, newer than .*: update carprice"):
            Valuer.load(store.stage(MARKET, build, {}).path)
        return
    path = old.path / file
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"format": 99}))
    told = store.verify(old)
    assert len(told) == 1
    assert f"{file} has format 99, newer than the 1 that this version reads" in told[0]
    for act in (lambda: Valuer.load(old.path), lambda: store.rollback(MARKET, old.id, "x")):
        with pytest.raises(UserError):
            act()


def test_a_release_before_a_transformer_came_is_refused_as_written(store: ReleaseStore) -> None:
    old = champion(store)

    def build(folder: Path) -> None:
        shutil.copytree(old.content, folder, dirs_exist_ok=True)
        shutil.rmtree(folder / "features" / "market_features")

    release = store.stage(MARKET, build, {})
    assert store.verify(release) == []
    with pytest.raises(UserError, match=r"cannot answer with this carprice: .*market_features"):
        Valuer.load(release.path)
