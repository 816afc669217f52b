"""Files and artifacts: whole or absent, named by content."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, write_atomic


def text(content: str) -> object:
    def build(folder: Path) -> None:
        (folder / "a.txt").write_text(content)

    return build


def test_equal_content_has_one_address(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    first = store.put(text("x"))  # type: ignore[arg-type]
    assert store.put(text("x")) == first  # type: ignore[arg-type]
    assert store.put(text("y")) != first  # type: ignore[arg-type]
    assert store.get(first.address).path.joinpath("a.txt").read_text() == "x"
    assert first.size == 1


def test_a_failing_build_leaves_nothing(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        ArtifactStore(tmp_path).put(build)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_missing_artifact_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="abc"):
        ArtifactStore(tmp_path).get("abc")


def test_an_atomic_write_that_fails_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pointer.json"
    write_atomic(path, b"old")

    def refuse(*_: object) -> None:
        raise OSError("no rename today")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="no rename"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_canonical_json_has_one_form_and_no_nan() -> None:
    assert canonical_json({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_the_work_of_a_process_that_is_gone_is_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        left = tmp_path / "tmp" / f"{process.pid}-abc"
        left.mkdir(parents=True)
        ArtifactStore(tmp_path).put(text("x"))  # type: ignore[arg-type]
        assert left.is_dir()
        process.kill()
        process.wait()
        ArtifactStore(tmp_path).put(text("y"))  # type: ignore[arg-type]
        assert not left.exists()
