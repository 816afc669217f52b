"""Packs: a release as one file, and the same release elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from carprice_assets.errors import UserError
from carprice_assets.files import folder_hashes
from carprice_assets.releases.card import model_card
from carprice_assets.releases.pack import pack
from carprice_assets.releases.release import Release
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.unpack import unpack
from carprice_assets.releases.valuer import Valuer


def test_a_release_is_the_same_elsewhere(
    source: tuple[Path, Release], packed: Path, target: ReleaseStore, kit: ModuleType
) -> None:
    release = source[1]
    got = unpack(target, "us", packed)
    assert (got.release.id, got.signed_by) == (release.id, None)
    assert folder_hashes(got.release.path) == folder_hashes(release.path)
    assert target.champion("us") is None
    cars = kit.CARS
    one, other = (Valuer.load(each.path, parts=kit.PARTS) for each in (release, got.release))
    day = one.last_observed
    assert one.value_cars(cars, as_of=day) == other.value_cars(cars, as_of=day)
    assert unpack(target, "us", packed).release == got.release
    assert [line["event"] for line in target.ledger("us")] == ["unpacked", "unpacked"]


def test_what_was_decided_goes_along(
    source: tuple[Path, Release], packed: Path, target: ReleaseStore
) -> None:
    release = unpack(target, "us", packed).release
    line = target.ledger("us")[0]
    assert [each["event"] for each in line["history"]] == ["promoted"]
    assert "promoted (elsewhere)" in model_card(release, target.ledger("us"))
    again = packed.with_name("again.pack")
    pack(target, release, again)
    third = ReleaseStore(target.root.parent / "third")
    unpack(third, "us", again)
    card = model_card(third.list("us")[0], third.ledger("us"))
    assert card.count("promoted (elsewhere)") == 1
    assert card.count("unpacked (elsewhere)") == 1


def test_equal_releases_have_equal_packs(
    source: tuple[Path, Release], packed: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.pack"
    pack(ReleaseStore(source[0] / "releases"), source[1], again)
    assert again.read_bytes() == packed.read_bytes()
    with pytest.raises(UserError, match=r"again\.pack exists already"):
        pack(ReleaseStore(source[0] / "releases"), source[1], again)


def test_a_pack_needs_a_folder(source: tuple[Path, Release], tmp_path: Path) -> None:
    for target in (tmp_path / "none" / "a.pack", tmp_path / "file" / "a.pack"):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(UserError, match=r"cannot write .*a\.pack: .* is no folder"):
            pack(ReleaseStore(source[0] / "releases"), source[1], target)
    assert not (tmp_path / "none").exists()


def test_a_damaged_release_is_not_packed(
    packed: Path, target: ReleaseStore, tmp_path: Path
) -> None:
    release = unpack(target, "us", packed).release
    (release.content / "golden.json").write_bytes(b"{}")
    with pytest.raises(UserError, match=r"golden\.json is changed"):
        pack(target, release, tmp_path / "out.pack")
    assert not list(tmp_path.glob("*out*"))
