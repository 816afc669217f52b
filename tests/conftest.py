"""What all tests share: a home of their own, and the real listings where they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from carprice_assets.home import PROJECT, Home

DEFAULT_REAL_DATA = PROJECT.parent / "shared" / "data"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty data home that the environment names."""
    monkeypatch.setenv("CARPRICE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))
    return Home.current()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real listings; tests that ask for it skip where it is missing."""
    folder = Path(os.environ.get("CARPRICE_REAL_DATA", DEFAULT_REAL_DATA))
    if not folder.is_dir():
        pytest.skip(f"real listings are not here: {folder} (set CARPRICE_REAL_DATA)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_outside_network() -> Iterator[None]:
    """Any connection but to loopback fails the test that makes it."""
    import socket

    original = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])  # type: ignore[index]
            if not (host.startswith("127.") or host in ("::1", "localhost")):
                raise RuntimeError(f"a test reached for {address}: only loopback is allowed")
        return original(self, address)  # type: ignore[arg-type]

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", connect)
    yield
    patch.undo()
