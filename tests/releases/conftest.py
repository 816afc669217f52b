"""A small invented release whose transformer and regressors are a few numbers each."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # helpers that are no tests stand beside this file

import release_kit

from carprice_assets.releases.pack import pack
from carprice_assets.releases.release import Release
from carprice_assets.releases.store import ReleaseStore


@pytest.fixture(scope="session")
def kit() -> ModuleType:
    """The invented parts, which child processes load as well."""
    return release_kit


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, kit: ModuleType) -> tuple[Path, Release]:
    """A store with a release that serves there."""
    root = tmp_path_factory.mktemp("source")
    store = ReleaseStore(root / "releases", lambda: kit.MOMENT)
    pages = {"catboost/report.md": b"# report\n"}
    release = store.stage("us", kit.builder(root), {"run": "r1"}, pages)
    store.promote("us", release.id, None, kit.YES)
    return root, release


@pytest.fixture
def packed(source: tuple[Path, Release], tmp_path: Path) -> Path:
    """The release of ``source`` as an unsigned pack."""
    file = tmp_path / "release.pack"
    pack(ReleaseStore(source[0] / "releases"), source[1], file)
    return file


@pytest.fixture
def target(tmp_path: Path) -> ReleaseStore:
    """An empty store elsewhere."""
    return ReleaseStore(tmp_path / "elsewhere" / "releases")
