"""What all tests share: a home of their own, and the real listings where they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

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


SMALL_MARKET = """
title = "Small market"
currency = "USD"
distance = "mi"

[sources.practice]
seed = 11
size = 900
days = 9

[regressors.catboost]
iterations = 250
learning_rate = 0.1
depth = 5

[regressors.random_forest]
n_estimators = 20

[promotion]
min_r2 = 0.8
max_naive_ratio = 1.2
min_stock_type = 20
max_mileage_violations = 0.25
max_year_violations = 0.25
max_new_violations = 0.25
"""
"""Trains in seconds. Its limits are its own: the platform's are tested on scorecards."""


def add_market(home: Home, name: str, text: str = SMALL_MARKET) -> None:
    """Drop a market file into a home, as a user would."""
    home.markets.mkdir(parents=True, exist_ok=True)
    (home.markets / f"{name}.toml").write_text(text, encoding="utf-8")


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


def train_in_process(home: Home, market: str) -> None:
    """Scrape the simulated stock, train, judge and promote, as `carprice run` does."""
    from carprice_assets.defs import launch
    from carprice_assets.defs.automation import LISTINGS, training_assets

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARPRICE_HOME", str(home.root))
        patch.setenv("DAGSTER_HOME", str(home.dagster))
        with launch.instance(home) as instance:
            names = ["random_forest", "catboost"]
            assets = [*LISTINGS, *training_assets(names)]
            launch.require(launch.materialize(instance, market, assets))


@pytest.fixture
def trained_home(trained_template: Home, home: Home) -> Home:
    """A copy of the trained home, to do with as a test likes; the environment names it."""
    shutil.copytree(trained_template.root, home.root)
    return home
