"""The written format is the one that the code has, and a store lies where its promises hold."""

from __future__ import annotations

import errno
import fcntl
import re
from pathlib import Path
from types import ModuleType

import pytest

from carprice_assets.errors import UserError
from carprice_assets.features import limits
from carprice_assets.home import PROJECT, Home
from carprice_assets.regressors import order, ranges
from carprice_assets.releases import (
    content,
    golden,
    head,
    manifest,
    pack,
    pointer,
    release,
    signing,
    strict,
    verify,
)
from carprice_assets.releases.store import ReleaseStore
from carprice_serving.settings import Settings

TEXT = (PROJECT / "docs" / "release-format.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "numbers"),
    [
        ("manifest.json", [manifest.FORMAT]),
        ("provenance.json", [release.FORMAT]),
        ("champion.json", [pointer.FORMAT]),
        ("content/release.json", [head.FORMAT]),
        ("content/schema.json", [content.SCHEMA_FORMAT]),
        ("content/figures.json", [content.FIGURES_FORMAT]),
        ("content/golden.json", [golden.FORMAT]),
        ("content/features/limits.json", [limits.FORMAT, order.FORMAT, ranges.FORMAT]),
        ("pack.json", [pack.FORMAT, signing.FORMAT]),
    ],
)
def test_the_table_of_versions_is_true(file: str, numbers: list[int]) -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{file}`"))
    written = int(re.findall(r"\d+", row.split("|")[2])[0])
    assert {written} == set(numbers)
    assert str(written) in row.split("|")[3]


def test_the_limits_are_true() -> None:
    assert verify.MAX_CONTENT == 4 << 30
    assert strict.MAX_JSON == 16 << 20
    assert verify.MAX_PAGE == 32 << 20
    assert f"1 to {manifest.MAX_FILES:,} files" in TEXT
    kinds = " or ".join([", ".join(f"`{s}`" for s in (".json", ".npy")), "`.cbm`"])
    assert f"Files are {kinds};" in TEXT
    assert {".json", ".npy", ".cbm"} == verify.SUFFIXES


@pytest.mark.parametrize("address", ["s3://bucket/home", "memory://x", "simplecache::s3://x"])
def test_an_address_without_the_promises_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPRICE_HOME", address)
    for read in (Home.current, Settings.from_environment):
        with pytest.raises(UserError, match=f"^CARPRICE_HOME is {address}, .* has no lock"):
            read()


@pytest.mark.parametrize("protocol", ["", "file://", "local://"])
def test_a_local_address_is_a_path(
    protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPRICE_HOME", f"{protocol}{tmp_path}/a home")
    assert Home.current() == Home(tmp_path / "a home")
    assert Settings.from_environment().home == Home(tmp_path / "a home")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_a_disk_without_locks_is_refused(
    number: int, tmp_path: Path, kit: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, "none")

    monkeypatch.setattr(fcntl, "flock", flock)
    store = ReleaseStore(tmp_path / "releases")
    with pytest.raises(UserError, match="file system without locks that die with their owner"):
        store.stage("us", kit.tiny(1), {})
    assert store.list("us") == []
