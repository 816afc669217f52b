"""The manifest: strict reading, paths that stay inside, an id that is the hash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from carprice_assets.errors import UserError
from carprice_assets.files import content_id, folder_hashes
from carprice_assets.releases.manifest import Manifest, check_path


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    (folder / "features").mkdir(parents=True)
    (folder / "release.json").write_bytes(b"{}")
    (folder / "features" / "a.npy").write_bytes(b"abc")
    return folder


def changed(content: Path, **values: Any) -> bytes:
    return json.dumps(json.loads(Manifest.of(content).to_bytes()) | values).encode()


def test_id_is_the_hash_of_content_and_round_trips(content: Path) -> None:
    manifest = Manifest.of(content)
    assert manifest.id == content_id(folder_hashes(content))
    assert manifest.size == 5
    assert Manifest.parse(manifest.to_bytes(), "m") == manifest


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../x",
        "/etc/passwd",
        "a//b",
        "./a",
        "a/.",
        "a\\b",
        "C:a",
        "",
        "a/",
        ".hidden",
        "a\0b",
        "a\nb",
        "é",
        "a" * 300,
        "/".join("a" * 20),
    ],
)
def test_path_tricks_are_refused(content: Path, path: str) -> None:
    with pytest.raises(UserError, match="not allowed"):
        check_path(path, "manifest.json")
    entry = {"sha256": "0" * 64, "size": 1}
    data = changed(content, files={path: entry})
    with pytest.raises(UserError, match="not allowed"):
        Manifest.parse(data, "manifest.json")


def test_newer_format_is_refused_with_a_clear_line(content: Path) -> None:
    with pytest.raises(UserError, match="format 2, newer than the 1 that this version reads"):
        Manifest.parse(changed(content, format=2), "manifest.json")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"format": None}, "no format number"),
        ({"format": True}, "no format number"),
        ({"id": "0" * 32}, "not the hash"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"files": {}}, "1 to 10000 files"),
        ({"files": []}, "1 to 10000 files"),
        ({"files": {"a": {"sha256": "0" * 64}}}, "expected sha256 and size"),
        ({"files": {"a": {"sha256": "X" * 64, "size": 1}}}, "64 hex digits"),
        ({"files": {"a": {"sha256": "0" * 64, "size": -1}}}, "size must be"),
        ({"files": {"a": {"sha256": "0" * 64, "size": 1.0}}}, "size must be"),
        ({"files": {"a": {"sha256": "0" * 64, "size": 1 << 60}}}, "size must be"),
        ({"files": {p: {"sha256": "0" * 64, "size": 1} for p in ("a", "a/b")}}, "inside another"),
        ({"files": {p: {"sha256": "0" * 64, "size": 1} for p in ("a", "A")}}, "in case alone"),
    ],
)
def test_malformed_manifests_are_refused(content: Path, values: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Manifest.parse(changed(content, **values), "manifest.json")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"\xff", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100_000]
)
def test_broken_json_is_refused(data: bytes) -> None:
    with pytest.raises(UserError, match=r"manifest\.json is broken"):
        Manifest.parse(data, "manifest.json")


def test_a_key_that_stands_twice_is_refused(content: Path) -> None:
    data = Manifest.of(content).to_bytes()
    with pytest.raises(UserError, match="a key stands twice"):
        Manifest.parse(data[:-1] + b',"format":1}', "manifest.json")


def test_links_are_refused(content: Path) -> None:
    (content / "link.json").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match=r"link\.json is a link"):
        Manifest.of(content)
