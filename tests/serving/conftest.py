"""An app over the fake release source."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from carprice_assets.home import Home
from carprice_serving.app import create_app
from carprice_serving.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))  # helpers that are no tests stand beside this file

import serving_environment
from serving_fakes import FakeSource, FakeValuer


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=Home(tmp_path), poll_seconds=0.01)


@pytest.fixture
def valuer() -> FakeValuer:
    return FakeValuer()


@pytest.fixture
def source(valuer: FakeValuer) -> FakeSource:
    return FakeSource(us=valuer)


@pytest.fixture
def app(settings: Settings, source: FakeSource) -> Litestar:
    return create_app(settings, source)


@pytest.fixture
def client(app: Litestar) -> Iterator[TestClient[Litestar]]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def serving_python(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """The Python of an environment with only the ``serving`` extra, and what it holds."""
    return serving_environment.build(tmp_path_factory.mktemp("serving-environment"))
