"""Pools: how many steps of a kind work at once, over all runs of an instance."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from carprice_assets.defs.executor import THREADS_A_STEP

TRAINING_POOL = "training"
"""The regressors' fits: two markets may train at once, and their fits take turns."""
MEMORY_A_FIT = 4_000_000_000
"""Bytes that a fit on a hundred thousand cars may need."""
CGROUP = Path("/sys/fs/cgroup/memory.max")


def training_slots() -> int:
    """Fits that this machine's processors and memory have room for; one at least."""
    cores = len(os.sched_getaffinity(0)) // THREADS_A_STEP
    return max(1, min(cores, _memory() // MEMORY_A_FIT))


def ensure_pools(instance: dg.DagsterInstance) -> None:
    """Give the pool of fits its slots, unless somebody has set them."""
    storage = instance.event_log_storage
    limits = storage.get_pool_limits()
    if not any(limit.name == TRAINING_POOL and not limit.from_default for limit in limits):
        storage.set_concurrency_slots(TRAINING_POOL, training_slots())


def _memory() -> int:
    """Bytes of memory that this process may use."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(whole, int(CGROUP.read_text().strip()))
    except (OSError, ValueError):  # no such limit, or "max"
        return whole
