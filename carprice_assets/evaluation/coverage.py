"""Ranges judged by the true prices: how many they hold, and how wide they are for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.evaluation.metrics import DIGITS, Floats, checked
from carprice_assets.evaluation.slices import parts
from carprice_assets.listings.contract import Columns


def judge_ranges(
    columns: Columns,
    truth: Floats,
    predicted: Floats,
    low: Floats,
    high: Floats,
    *,
    stated: float,
) -> dict[str, Any]:
    """Coverage and width of ranges, over all rows and over parts of them.

    Parameters
    ----------
    columns
        As :func:`~carprice_assets.evaluation.slices.slices` takes them.
    truth, predicted, low, high
        True prices, predictions and the ends of their ranges, shape (rows,).
    stated
        The coverage that the ranges are made for, a share.

    Returns
    -------
    dict
        ``stated``, ``rows``; ``coverage``, the share of true prices within their range, ends
        included; ``width``, the median of (high - low) / prediction; ``constant_width``, that of
        ranges prediction × exp(±c) with one c for all rows that hold as many of these same
        true prices; ``width_ratio``, the first over the second: below 1 the ranges know where
        they may be narrow. ``slices`` holds for each kind a list of ``name``, ``rows``,
        ``coverage`` and ``width``; the last two are None where there is no row.

    Raises
    ------
    ValueError
        Where a range is not low <= prediction <= high, or an end is no price.
    """
    true, guess = checked(truth, predicted)
    below, above = checked(low, high)
    if len(below) != len(true) or not ((below <= guess) & (guess <= above)).all():
        raise ValueError("a range must be low <= prediction <= high for each row")
    inside = (below <= true) & (true <= above)
    width = (above - below) / guess
    constant = _constant_width(true, guess, int(inside.sum()))
    median = float(np.median(width))
    return {
        "stated": stated,
        "rows": len(true),
        "coverage": _plain(inside.mean()),
        "width": _plain(median),
        "constant_width": constant,
        "width_ratio": _plain(median / constant) if constant else None,
        "slices": {
            kind: [_part(name, inside[rows], width[rows]) for name, rows in found]
            for kind, found in parts(columns, true).items()
            if kind != "source_month"
        },
    }


def _part(name: str, inside: NDArray[np.bool_], width: Floats) -> dict[str, Any]:
    known = len(inside) > 0
    return {
        "name": name,
        "rows": len(inside),
        "coverage": _plain(inside.mean()) if known else None,
        "width": _plain(np.median(width)) if known else None,
    }


def _constant_width(true: Floats, guess: Floats, covered: int) -> float | None:
    """Relative width of prediction × exp(±c) for the least c that holds ``covered`` prices."""
    if covered == 0:
        return None
    distance = np.sort(np.abs(np.log(true) - np.log(guess)))
    reach = float(distance[covered - 1])
    return _plain(2 * np.sinh(reach))


def _plain(number: Any) -> float:
    return float(f"{float(number):.{DIGITS}g}")
