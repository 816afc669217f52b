"""Every file of a release, damaged in every way, is named and refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.files import folder_files
from carprice_assets.releases.release import Release
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer
from carprice_assets.releases.verify import npy_problem


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, kit: ModuleType) -> list[Release]:
    root = tmp_path_factory.mktemp("pristine")
    store = ReleaseStore(root / "releases")

    def pages(tilt: float) -> dict[str, bytes]:
        return {"catboost/report.md": f"# {tilt:.0f}\n".encode(), "catboost/costs.png": b"pixels"}

    return [
        store.stage("us", kit.builder(root, tilt), {"run": tilt}, pages(tilt))
        for tilt in (0.0, 5.0)
    ]


@pytest.fixture
def release(pristine: list[Release], tmp_path: Path) -> Release:
    first = pristine[0]
    path = tmp_path / "us" / first.id
    shutil.copytree(first.path, path)
    return Release("us", first.id, path)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def link(path: Path) -> None:
    kept = path.rename(path.with_name("aside"))
    path.symlink_to(kept)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "flip": flip,
    "cut": cut,
    "missing": Path.unlink,
    "link": link,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\n\n"),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_file_damaged_is_named(
    release: Release, pristine: list[Release], damage: str, tmp_path: Path, kit: ModuleType
) -> None:
    for name in folder_files(release.path):
        if name in ("manifest.json", "provenance.json") and damage == "longer":
            continue  # white space after the object changes nothing that they say
        DAMAGES[damage](release.path / name)
        problems = ReleaseStore(tmp_path).verify(release)
        assert problems, (name, damage)
        assert any(name in problem for problem in problems), (name, problems)
        with pytest.raises(UserError, match=r"refused|broken"):
            Valuer.load(release.path, parts=kit.PARTS)
        shutil.rmtree(release.path)
        shutil.copytree(pristine[0].path, release.path)
    assert ReleaseStore(tmp_path).verify(release) == []


def test_each_file_swapped_with_another_release_is_named(
    release: Release, pristine: list[Release], tmp_path: Path
) -> None:
    other = pristine[1]
    swapped = 0
    for name in folder_files(release.path):
        theirs = (other.path / name).read_bytes()
        ours = (release.path / name).read_bytes()
        if theirs == ours:
            continue
        (release.path / name).write_bytes(theirs)
        problems = ReleaseStore(tmp_path).verify(release)
        assert any(name in problem for problem in problems), (name, problems)
        (release.path / name).write_bytes(ours)
        swapped += 1
    assert swapped >= 4


@pytest.mark.parametrize(
    "name", ["content/extra.json", "content/features/extra.npy", "notes.txt", "content/.hidden"]
)
def test_an_added_file_is_named(
    release: Release, name: str, tmp_path: Path, kit: ModuleType
) -> None:
    (release.path / name).write_bytes(b"{}")
    assert ReleaseStore(tmp_path).verify(release) == [f"{name} is added"]
    with pytest.raises(UserError, match=f"{name} is added"):
        Valuer.load(release.path, parts=kit.PARTS)


def test_a_release_under_another_name_or_market_is_refused(release: Release) -> None:
    store = ReleaseStore(release.path.parent.parent)
    moved = release.path.rename(release.path.with_name("0" * 32))
    assert any("belongs to" in p for p in store.verify(Release("us", "0" * 32, moved)))
    other = release.path.parent.parent / "practice" / release.id
    shutil.copytree(moved, other)
    problems = store.verify(Release("practice", release.id, other))
    assert problems == ["content/release.json is of market 'us', not 'practice'"]


def test_a_newer_format_is_told(release: Release, tmp_path: Path, kit: ModuleType) -> None:
    path = release.path / "manifest.json"
    path.write_bytes(json.dumps(json.loads(path.read_bytes()) | {"format": 2}).encode())
    assert "newer than the 1" in ReleaseStore(tmp_path).verify(release)[0]
    with pytest.raises(UserError, match="newer than the 1"):
        Valuer.load(release.path, parts=kit.PARTS)


def test_a_provenance_that_was_edited_is_told(release: Release, tmp_path: Path) -> None:
    path = release.path / "provenance.json"
    table = json.loads(path.read_bytes())
    table["provenance"]["run"] = "another"
    path.write_bytes(json.dumps(table).encode())
    assert "digest does not fit" in ReleaseStore(tmp_path).verify(release)[0]


def npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "unknown magic"),
        (b"\x93NUMPY\x09\x00", "unknown magic"),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "holds object"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"), "not fit"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"), "malformed shape"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}"), "malformed shape"),
        (npy("{'descr': '<V8', 'fortran_order': False, 'shape': (1,)}"), "not allowed"),
        (npy("__import__('os')"), "is no array"),
        (npy("{'descr': '<f8'}"), "is no array"),
        (npy("3"), "is no array"),
        (npy("(" * 5000), "is no array"),
    ],
)
def test_arrays_are_judged_by_their_header(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(data)
    assert told in npy_problem(path, len(data))


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.array(3), np.array(["ab"])])
def test_plain_arrays_pass(tmp_path: Path, array: np.ndarray) -> None:
    path = tmp_path / "a.npy"
    np.save(path, array)
    assert npy_problem(path, path.stat().st_size) == ""
