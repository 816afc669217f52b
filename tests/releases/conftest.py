"""A small invented release whose transformer and regressors are a few numbers each."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # helpers that are no tests stand beside this file

import release_kit


@pytest.fixture(scope="session")
def kit() -> ModuleType:
    """The invented parts, which child processes load as well."""
    return release_kit
