"""Whole programs as their user has them: `carprice run` as a process, Chromium before its UI."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
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
