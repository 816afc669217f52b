"""Figures of parts of a side: by stock type, price, make, age, and source and month."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carprice_assets.evaluation.metrics import Figures, Floats, checked, figures
from carprice_assets.listings.contract import STOCK_TYPES, Columns
from carprice_assets.listings.declared import declared_words

Slice: TypeAlias = dict[str, Any]
Names: TypeAlias = NDArray[Any]
Part: TypeAlias = tuple[str, NDArray[np.bool_]]

PRICE_EDGES = (0.0, 10e3, 20e3, 30e3, 50e3, 80e3)
AGE_EDGES = (float("-inf"), 1.0, 3.0, 6.0, 11.0, 16.0)
AGE_BANDS = ("0 or less", "1-2", "3-5", "6-10", "11-15", "16 or more")
UNKNOWN, OTHERS = "unknown", "others"
FEWEST = 20
"""Words of a market's own category with fewer rows are judged together."""
SLICE_FIGURES = (
    "mae",
    "mae_low",
    "mae_high",
    "mape",
    "median_error",
    "bias",
    "r2",
    "r2_low",
    "r2_high",
    "naive_mae",
)


def slices(
    columns: Columns,
    truth: Floats,
    predicted: Floats,
    naive: Floats,
    *,
    seed: int = 0,
    resamples: int = 200,
) -> dict[str, list[Slice]]:
    """Judge each part of the rows by itself; the parts of a kind add up to all rows.

    Parameters
    ----------
    columns
        ``stock_type``, ``make``, ``year``, ``observed_at`` and, where known, ``source``.
    truth, predicted, naive
        True prices, the regressor's and the naive valuation's, shape (rows,).

    Returns
    -------
    dict
        ``stock_type`` (all three, also with 0 rows), ``price`` (bands of the true price in the
        market's currency, lower edge within), ``make`` (most rows first), ``age`` (year of
        observation minus model year), ``source_month``, and ``features.`` with the name of each
        category that the market declares. Each slice holds ``name``, ``rows``,
        ``mae`` with ``mae_low`` and ``mae_high``, ``mape``, ``median_error``, ``bias``, ``r2``
        with its interval, and ``naive_mae``. ``bias`` is the median residual, price minus
        prediction: above 0 the cars are valued too low.
    """
    checked(truth, predicted)
    checked(truth, naive)

    def part(name: str, rows: NDArray[np.bool_]) -> Slice:
        if not rows.any():
            return {"name": name, "rows": 0} | dict.fromkeys(SLICE_FIGURES)
        of = figures(truth[rows], predicted[rows], seed=seed, resamples=resamples)
        return _slice(name, of, truth[rows] - predicted[rows], truth[rows] - naive[rows])

    return {
        kind: [part(name, rows) for name, rows in found]
        for kind, found in parts(columns, truth).items()
    }


def parts(columns: Columns, truth: Floats) -> dict[str, list[Part]]:
    """The kinds of :func:`slices`, each with the names of its parts and their rows."""
    stock = stock_types(columns["stock_type"])
    price = _banded(truth, PRICE_EDGES, price_bands())
    months, age = _months_and_age(columns)
    makes = _or_unknown(columns["make"])
    source_months = _source_months(columns, months)
    return {
        "stock_type": _split(stock, _with_unknown(STOCK_TYPES, stock)),
        "price": _split(price, price_bands()),
        "age": _split(age, _with_unknown(AGE_BANDS, age)),
        "make": _split(makes, _most_rows_first(makes)),
        "source_month": _split(source_months, sorted({str(name) for name in source_months})),
        **_own(columns),
    }


def _own(columns: Columns) -> dict[str, list[Part]]:
    """Parts by each category that the market declares, ``features.`` before its name."""
    found: dict[str, list[Part]] = {}
    for name in declared_words(columns):
        words = _or_unknown(columns[name])
        listed, counts = np.unique(words.astype(str), return_counts=True)
        words = np.where(np.isin(words, listed[counts < FEWEST]), OTHERS, words)
        found[f"features.{name}"] = _split(words, _most_rows_first(words))
    return found


def _split(names: Names, listed: Sequence[str]) -> list[Part]:
    return [(name, names == name) for name in listed]


def price_bands() -> tuple[str, ...]:
    """Names of the price bands: ``0-10k`` to ``80k+``."""
    thousands = [f"{edge / 1e3:.0f}" for edge in PRICE_EDGES]
    inner = [f"{low}-{high}k" for low, high in pairwise(thousands)]
    return (*inner, f"{thousands[-1]}k+")


def stock_types(values: Names) -> Names:
    """Stock types, with ``unknown`` for whatever is none."""
    return np.where(np.isin(values, STOCK_TYPES), values, UNKNOWN)


def _slice(name: str, of: Figures, residual: Floats, naive_residual: Floats) -> Slice:
    return {
        "name": name,
        "rows": of["rows"],
        "mae": of["mae"]["value"],
        "mae_low": of["mae"]["low"],
        "mae_high": of["mae"]["high"],
        "mape": of["mape"]["value"],
        "median_error": of["median_error"]["value"],
        "bias": float(f"{np.median(residual):.10g}"),
        "r2": of["r2"]["value"],
        "r2_low": of["r2"]["low"],
        "r2_high": of["r2"]["high"],
        "naive_mae": float(f"{np.mean(np.abs(naive_residual)):.10g}"),
    }


def _banded(values: Floats, edges: Sequence[float], names: Sequence[str]) -> Names:
    place = np.searchsorted(np.array(edges), values, side="right") - 1
    return np.array(names, dtype=object)[place]


def _months_and_age(columns: Columns) -> tuple[Names, Names]:
    """Per row the month of observation and the age band, ``unknown`` where not known."""
    observed = columns["observed_at"].astype(np.float64)
    year = columns["year"].astype(np.float64)
    dated = np.isfinite(observed)
    day = np.where(dated, np.floor(observed), 0).astype("datetime64[D]")
    months = np.where(dated, day.astype("datetime64[M]").astype(str), UNKNOWN)
    age = day.astype("datetime64[Y]").astype(np.float64) + 1970 - year
    aged = dated & np.isfinite(year)
    return months, np.where(aged, _banded(np.where(aged, age, 0), AGE_EDGES, AGE_BANDS), UNKNOWN)


def _source_months(columns: Columns, months: Names) -> Names:
    if "source" not in columns:
        return months
    pairs = zip(_or_unknown(columns["source"]), months, strict=True)
    return np.array([f"{source} {month}" for source, month in pairs], dtype=object)


def _or_unknown(values: Names) -> Names:
    return np.where(values == "", UNKNOWN, values)


def _with_unknown(listed: Sequence[str], names: Names) -> list[str]:
    return [*listed, UNKNOWN] if (names == UNKNOWN).any() else list(listed)


def _most_rows_first(names: Names) -> list[str]:
    found, counts = np.unique(names.astype(str), return_counts=True)
    return [str(found[i]) for i in np.lexsort((found, -counts))]
