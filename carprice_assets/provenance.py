"""Where and with what something was made."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

LIBRARIES = ("carprice", "numpy", "scikit-learn", "catboost", "gensim", "duckdb", "dagster")


def here(*, run_id: str, data_version: str) -> dict[str, Any]:
    """The Dagster run, data version, library versions and machine of this process; JSON."""
    return {
        "run": run_id,
        "data_version": data_version,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: _version(name) for name in LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
