"""What all tests share: a home of their own, and the real listings where they are."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from tests_support import add_market, train_in_process

from carprice_assets.features import walk
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


@pytest.fixture(scope="session", autouse=True)
def _absl_leaves_the_capture_open() -> None:
    """TensorFlow's log handler must not hold the file that pytest captures to.

    It closes its stream unless that is ``sys.stderr`` at the time. Dagster sets up logging while
    a command is under test, when click stands in for ``sys.stderr``: after that, every test of
    the process would end with "I/O operation on closed file".
    """
    from absl.logging import get_absl_handler

    get_absl_handler().python_handler.stream = sys.__stderr__


@pytest.fixture(scope="session")
def trained_template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which the market ``small`` is trained and promoted; made once, never changed.

    All workers of a parallel run share one, made by whichever comes first.
    """
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    home = Home(shared / "trained-home")
    with FileLock(shared / "trained-home.lock"):
        if not (shared / "trained-home.done").exists():
            shutil.rmtree(home.root, ignore_errors=True)
            add_market(home, "small")
            train_in_process(home, "small")
            (shared / "trained-home.done").touch()
    return home


@pytest.fixture
def trained_home(trained_template: Home, home: Home) -> Home:
    """A copy of the trained home, to do with as a test likes; the environment names it."""
    shutil.copytree(trained_template.root, home.root)
    return home


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """A Chromium: one on the PATH, else Playwright's own; skips where there is none."""
    from playwright.sync_api import sync_playwright

    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if not Path(own).exists():
        pytest.skip("no Chromium here: `make setup` sees to one")
    return own


@pytest.fixture(params=["compiled", "numpy"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What walks the trees, one after the other."""
    if request.param == "numpy":
        monkeypatch.setattr(walk, "compiled", None)
    elif walk.compiled is None:
        pytest.skip("carprice was installed without a C compiler")
    return request.param
