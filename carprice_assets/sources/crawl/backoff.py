"""How long to wait before asking again: exponential with full jitter."""

from __future__ import annotations

import random

BASE_SECONDS = 0.5
CAP_SECONDS = 60.0


def delay(attempt: int, rng: random.Random) -> float:
    """Seconds to wait after failed attempt number ``attempt`` (from 1).

    Uniform between 0 and ``0.5 * 2**attempt`` seconds, at most 60: "full jitter" of M. Brooker,
    "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), so that workers that failed
    together do not come back together.
    """
    return rng.uniform(0.0, min(CAP_SECONDS, BASE_SECONDS * 2.0 ** min(attempt, 30)))
