"""How many steps of a run work side by side."""

import os

import dagster as dg

THREADS_A_STEP = 2
"""What a regressor's fit keeps busy; more steps than that only fight over cores and memory."""


@dg.definitions
def executor() -> dg.Definitions:
    """Each step a process of its own, one for every two processors."""
    steps = max(1, len(os.sched_getaffinity(0)) // THREADS_A_STEP)
    return dg.Definitions(executor=dg.multiprocess_executor.configured({"max_concurrent": steps}))
