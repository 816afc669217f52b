"""One small market for all tests of the folder."""

from __future__ import annotations

import pytest

from carprice_assets.practice_market import Market, Settings, simulate


@pytest.fixture(scope="session")
def market() -> Market:
    return simulate(Settings(seed=7, size=1500, days=31))
