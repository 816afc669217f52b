"""What fitting a regressor cost, kept beside its artifact: equal artifacts cost unequal time."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from pathlib import Path

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.files import canonical_json, read_json, write_atomic

COSTS = "costs"
STATUS = Path("/proc/self/status")


def peak_memory() -> float:
    """Most memory that this process has held so far, MB (1e6 bytes).

    Imports and the encoded data count; so does earlier work of the same process, of which a
    step of its own has none.
    """
    if STATUS.exists():
        # getrusage of Linux counts what the parent held when it started this process, too.
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def write_costs(store: ArtifactStore, address: str, costs: Mapping[str, float]) -> None:
    """Keep the costs of the artifact of that address; the latest fit counts."""
    rounded = {name: float(f"{value:.4g}") for name, value in costs.items()}
    write_atomic(store.root / COSTS / f"{address}.json", canonical_json(rounded))


def read_costs(store: ArtifactStore, address: str) -> dict[str, float]:
    """What :func:`write_costs` kept; empty where nothing is."""
    path = store.root / COSTS / f"{address}.json"
    return dict(read_json(path)) if path.exists() else {}
