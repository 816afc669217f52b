"""Every file of a release, damaged in every way, is named and refused."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from carprice_assets.errors import UserError
from carprice_assets.features.base import load_state
from carprice_assets.files import folder_files, sha256_bytes
from carprice_assets.regressors.serving import load_serving_form
from carprice_assets.releases.manifest import FileEntry, Manifest
from carprice_assets.releases.release import Release
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import MAX_JSON
from carprice_assets.releases.valuer import Valuer
from carprice_assets.releases.verify import (
    MAX_CONTENT,
    content_types,
    npy_problem,
    release_problems,
)


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


def refused_everywhere(release: Release, name: str, kit: ModuleType) -> None:
    """Verifying, loading and promotion refuse the release and name the file; nothing serves."""
    store = ReleaseStore(release.path.parent.parent)
    problems = store.verify(release)
    assert any(name in problem for problem in problems), (name, problems)
    with pytest.raises(UserError, match=rf"(refused|broken).*{re.escape(name)}|{name} is broken"):
        Valuer.load(release.path, parts=kit.PARTS)
    with pytest.raises(UserError, match=re.escape(name)):
        store.promote(release.market, release.id, None, kit.YES)
    assert store.champion(release.market) is None
    assert store.ledger(release.market) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_file_damaged_is_named(
    release: Release, pristine: list[Release], damage: str, tmp_path: Path, kit: ModuleType
) -> None:
    for name in folder_files(release.path):
        DAMAGES[damage](release.path / name)
        refused_everywhere(release, name, kit)
        shutil.rmtree(release.path)
        shutil.copytree(pristine[0].path, release.path)
    assert ReleaseStore(tmp_path).verify(release) == []


@pytest.mark.parametrize("name", ["manifest.json", "provenance.json"])
def test_any_flipped_bit_of_what_tells_the_hashes_is_named(release: Release, name: str) -> None:
    path = release.path / name
    data = path.read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        told = release_problems(release)
        assert told, (place, changed[place])
        assert name in told[0], (place, told)


def test_each_file_swapped_with_another_release_is_named(
    release: Release, pristine: list[Release], kit: ModuleType
) -> None:
    other = pristine[1]
    swapped = 0
    for name in folder_files(release.path):
        theirs = (other.path / name).read_bytes()
        ours = (release.path / name).read_bytes()
        if theirs == ours:
            continue
        (release.path / name).write_bytes(theirs)
        refused_everywhere(release, name, kit)
        (release.path / name).write_bytes(ours)
        swapped += 1
    assert swapped >= 4


@pytest.mark.parametrize(
    "name", ["content/extra.json", "content/features/extra.npy", "notes.txt", "content/.hidden"]
)
def test_an_added_file_is_named(release: Release, name: str, kit: ModuleType) -> None:
    (release.path / name).write_bytes(b"{}")
    assert ReleaseStore(release.path.parent.parent).verify(release) == [f"{name} is added"]
    refused_everywhere(release, f"{name} is added", kit)


@pytest.mark.parametrize("name", ["content/regressors/other", "empty", "content/features/a"])
def test_an_added_folder_is_named(release: Release, name: str, kit: ModuleType) -> None:
    (release.path / name / "below").mkdir(parents=True)
    refused_everywhere(release, f"the folder {name} is added", kit)


@pytest.mark.parametrize("kind", ["link out", "link to a folder", "pipe"])
def test_what_is_no_file_is_named(
    release: Release, tmp_path: Path, kind: str, kit: ModuleType
) -> None:
    path = release.content / "golden.json"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        aside = tmp_path / "aside"
        shutil.copytree(release.content, aside) if "folder" in kind else aside.write_bytes(b"{}")
        path.symlink_to(aside)
    refused_everywhere(release, "content/golden.json", kit)


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
        (npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}"), "malformed"),
        (npy("{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}"), "malformed order"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'a': 1}"), "malformed"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,) * 9}"), "is no array"),
        (npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {(1,) * 9}}}"), "dimensions"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}"), "fit"),
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


def listing(release: Release, path: str, data: bytes) -> Manifest:
    """A manifest that lists ``data`` with its right hash, as whoever made the release would."""
    (release.content / path).write_bytes(data)
    return Manifest("0" * 32, {path: FileEntry(sha256_bytes(data), len(data))})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "is broken"),
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b'{"a": NaN}', "no JSON number"),
        (b"[1]", "not a JSON object"),
        (b" " * (MAX_JSON + 1), "more than"),
    ],
)
def test_json_is_judged_before_it_is_loaded(release: Release, data: bytes, told: str) -> None:
    found = content_types(release, listing(release, "odd.json", data))
    assert len(found) == 1
    assert "content/odd.json cannot be loaded" in found[0]
    assert told in found[0]


def test_content_beyond_the_limit_is_refused_before_it_is_read(release: Release) -> None:
    """A sparse file of four gigabytes takes no disk; reading it would take all memory."""
    path = release.content / "large.npy"
    header = npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({MAX_CONTENT},)}}")
    path.write_bytes(header)
    size = MAX_CONTENT + len(header)
    os.truncate(path, size)
    manifest = Manifest("0" * 32, {"large.npy": FileEntry("0" * 64, size)})
    assert content_types(release, manifest) == [
        f"manifest.json lists {size} bytes of content, more than {MAX_CONTENT}"
    ]


def test_a_file_of_another_size_is_not_read(release: Release, kit: ModuleType) -> None:
    """Its size is compared before its hash is taken: a terabyte costs nothing."""
    os.truncate(release.content / "vehicles.npy", 1 << 40)
    told = release_problems(release)
    assert told == [f"content/vehicles.npy is changed: {1 << 40} bytes instead of 144"]
    with pytest.raises(UserError, match=r"vehicles\.npy is changed"):
        Valuer.load(release.path, verify=False, parts=kit.PARTS)


def restage(release: Release, tmp_path: Path, name: str, data: bytes) -> Release:
    """The release with another file and right hashes, as whoever made it would."""

    def build(folder: Path) -> None:
        shutil.copytree(release.content, folder, dirs_exist_ok=True)
        (folder / name).write_bytes(data)

    return ReleaseStore(tmp_path / "again").stage("us", build, {})


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("schema.json", b'{"format": 1, "fields": [{}]}', "cannot be loaded: KeyError"),
        ("schema.json", b'{"format": 3, "fields": []}', "newer than the 2"),
        ("release.json", b'{"format": 1, "market": "us"}', "currency is missing"),
        ("golden.json", b'{"format": 1}', "format 1, without ranges, which is no longer read"),
        ("golden.json", b'{"format": 3}', "newer than the 2"),
        ("regressors/catboost/weights.npy", b"", "is no array"),
    ],
)
def test_right_hashes_over_wrong_content_are_told_in_a_line(
    release: Release, tmp_path: Path, name: str, data: bytes, told: str, kit: ModuleType
) -> None:
    with pytest.raises(UserError, match=told):
        Valuer.load(restage(release, tmp_path, name, data).path, parts=kit.PARTS)


def test_names_in_states_and_forms_cannot_lead_out(tmp_path: Path) -> None:
    state = {"arrays": ["../x"], "dataset": "", "upstream": {}, "transformer": "", "settings": {}}
    (tmp_path / "state.json").write_text(json.dumps(state))
    with pytest.raises(UserError, match=r"'\.\./x' is no name of an array"):
        load_state(tmp_path)
    form = {"kind": "blend", "feature_names": [], "settings": {"weights": {"..": 1.0}}}
    (tmp_path / "form.json").write_text(json.dumps(form))
    with pytest.raises(UserError, match=r"'\.\.' is no name of a member"):
        load_serving_form(tmp_path, [])
    (tmp_path / "form.json").write_text(json.dumps({"kind": "pickle", "feature_names": []}))
    with pytest.raises(UserError, match="unknown serving form 'pickle'"):
        load_serving_form(tmp_path, [])
