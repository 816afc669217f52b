"""Running assets of a home in this process, as the commands do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from carprice_assets.defs import launch
from carprice_assets.home import Home

Run = Callable[..., launch.Outcome]


@pytest.fixture
def instance(trained_home: Home) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of a trained home."""
    with launch.instance(trained_home) as opened:
        yield opened


@pytest.fixture
def run(instance: dg.DagsterInstance) -> Run:
    """Materialize assets of the market ``small``; gives the outcome."""

    def materialize(*assets: str, config: Any = None, market: str = "small") -> launch.Outcome:
        return launch.materialize(instance, market, assets, config)

    return materialize
