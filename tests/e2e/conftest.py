"""Whole programs as their user has them: `carprice run` as a process, Chromium before its UI."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e_run import Run

from carprice_assets.home import Home


@pytest.fixture(scope="module")
def shared_home(trained_template: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy of the trained home, for all tests of a file."""
    home = Home(tmp_path_factory.mktemp("e2e") / "home")
    shutil.copytree(trained_template.root, home.root)
    return home


@pytest.fixture(scope="module")
def running(shared_home: Home) -> Iterator[Run]:
    """`carprice run` over a trained home, ready; one for all tests of a file."""
    run = Run(shared_home).start()
    try:
        yield run.wait_ready()
    finally:
        run.end()


@pytest.fixture
def start_run(trained_home: Home) -> Iterator[Callable[..., Run]]:
    """Start `carprice run` over a trained home of the test's own; ended with the test."""
    runs: list[Run] = []

    def start(home: Home = trained_home, market: str = "small", **ports: Any) -> Run:
        runs.append(Run(home, market, **ports).start())
        return runs[-1]

    yield start
    for run in runs:
        run.end()


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
