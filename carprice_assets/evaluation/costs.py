"""What a regressor costs to fit, to keep, to load and to ask.

Names in a report: ``fit_seconds`` and ``fit_memory`` (MB) of the fit; ``bytes`` of the whole
artifact and ``serving_bytes`` of the serving form; ``load_seconds`` of feature set and serving
form; ``thousand_seconds`` and ``one_seconds`` of an answer for 1,000 cars and for one;
``evaluate_seconds`` of the judging itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from carprice_assets.listings.contract import Columns, row_count, take

THOUSAND, REPEATS, SINGLES = 1_000, 3, 30


def answer_seconds(
    answer: Callable[[Columns], Any],
    columns: Columns,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds for 1,000 cars and for one: least of three runs, and median of 30 cars.

    Parameters
    ----------
    columns
        Feature columns of at least one car; fewer than 1,000 are asked again and again.
    """
    rows = row_count(columns)
    thousand = take(columns, np.arange(THOUSAND) % rows)
    single = [take(columns, np.array([row % rows])) for row in range(SINGLES)]
    answer(single[0])  # what is loaded at the first call is no part of the answer's time

    def seconds(cars: Columns) -> float:
        begin = clock()
        answer(cars)
        return clock() - begin

    return {
        "thousand_seconds": min(seconds(thousand) for _ in range(REPEATS)),
        "one_seconds": float(np.median([seconds(car) for car in single])),
    }
