"""Practice sites of any kind, each ended with its test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from practice_sites import RunningSite

from carprice_assets.home import Home

sys.path.insert(0, str(Path(__file__).parent))  # helpers that are no tests stand beside this file

Serve = Callable[..., RunningSite]


@pytest.fixture
def serve(home: Home) -> Iterator[Serve]:
    """Start a practice site of the home; the arguments are those of `RunningSite`."""
    with ExitStack() as stack:

        def started(market: str = "small", **settings: Any) -> RunningSite:
            return stack.enter_context(RunningSite(home, market, **settings))

        yield started
