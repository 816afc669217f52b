"""The figures by which every regressor is judged, each with a bootstrap interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carprice_assets.errors import UserError

Floats: TypeAlias = NDArray[np.float64]
Figures: TypeAlias = dict[str, Any]

FIGURES = ("r2", "rmse", "mae", "mape", "median_error", "r2_log")
COVERAGE = 95.0
MAX_PRICE = 1e15
WEIGHTS_AT_ONCE = 2_000_000
DIGITS = 10


def figures(
    truth: ArrayLike, predicted: ArrayLike, *, seed: int = 0, resamples: int = 200
) -> Figures:
    """Judge predictions against true prices, pair by pair, nothing sorted and nothing dropped.

    Parameters
    ----------
    truth, predicted
        Prices in one currency, shape (rows,), finite and above 0.
    seed, resamples
        Of the percentile bootstrap over rows (Efron 1979): the interval holds the middle 95 %
        of the figure over ``resamples`` draws with replacement.

    Returns
    -------
    dict
        ``rows`` and, for each name in :data:`FIGURES`, ``{"value", "low", "high"}``:
        ``r2`` 1 - SSE / SST; ``rmse``, ``mae`` and ``median_error`` (median absolute error) in
        the currency; ``mape`` a fraction of the true price; ``r2_log`` R2 of log prices. R2 is
        None where the truth is constant. Ten significant digits.

    Raises
    ------
    UserError
        Where there is no row.
    ValueError
        For unequal lengths, and for a price that is missing, infinite or not above 0.
    """
    true, guess = checked(truth, predicted)
    rows = len(true)
    terms = _terms(true, guess)
    absolute = np.abs(guess - true)
    order = np.argsort(absolute, kind="stable")
    values = _from_weights(np.ones((1, rows)), terms, absolute, order)
    draws = _bootstrap(terms, absolute, order, seed, resamples)
    result: Figures = {"rows": rows}
    for name in FIGURES:
        low, high = _interval(draws[name])
        result[name] = {"value": _plain(values[name][0]), "low": low, "high": high}
    return result


def checked(truth: ArrayLike, predicted: ArrayLike) -> tuple[Floats, Floats]:
    """Both as float64 of one length; errors as in :func:`figures`."""
    true = np.asarray(truth, dtype=np.float64)
    guess = np.asarray(predicted, dtype=np.float64)
    if true.ndim != 1 or true.shape != guess.shape:
        raise ValueError(
            f"true prices of shape {true.shape} and predictions of shape {guess.shape} do not"
            " pair up"
        )
    if len(true) == 0:
        raise UserError("no rows to judge: there is no price to compare a prediction with")
    for kind, values in (("true price", true), ("prediction", guess)):
        wrong = ~(np.isfinite(values) & (values > 0) & (values <= MAX_PRICE))
        if wrong.any():
            first = int(np.argmax(wrong))
            raise ValueError(
                f"{int(wrong.sum())} of {len(values)} {kind}s are no price, the first in row"
                f" {first}: {values[first]}"
            )
    return true, guess


def value(of: Mapping[str, Any], name: str) -> float | None:
    """The plain value of one figure; None where it is undefined or there are no rows."""
    figure = of.get(name)
    return None if figure is None else figure["value"]


def _terms(true: Floats, guess: Floats) -> Floats:
    """Per row the eight terms whose weighted means give all figures but the median."""
    error = guess - true
    log_true = np.log(true)
    log_error = np.log(guess) - log_true
    # Centred on one row's value, constant prices have exact zeros here.
    centred = true - true[0]
    centred = centred - centred.mean()
    log_centred = log_true - log_true[0]
    log_centred = log_centred - log_centred.mean()
    return np.column_stack(
        [
            centred,
            centred**2,
            error**2,
            np.abs(error),
            np.abs(error) / true,
            log_centred,
            log_centred**2,
            log_error**2,
        ]
    )


def _from_weights(
    weights: Floats, terms: Floats, absolute: Floats, order: NDArray[np.intp]
) -> dict[str, Floats]:
    """Figures of weighted rows: ``weights`` (samples, rows) holds how often each row counts."""
    rows = weights.shape[1]
    means = weights @ terms / rows
    mean, square, error, mae, mape, log_mean, log_square, log_error = means.T
    return {
        "r2": _r2(error, square - mean**2, square),
        "rmse": np.sqrt(error),
        "mae": mae,
        "mape": mape,
        "median_error": _weighted_median(weights, absolute, order),
        "r2_log": _r2(log_error, log_square - log_mean**2, log_square),
    }


def _r2(error: Floats, variance: Floats, square: Floats) -> Floats:
    """1 - error / variance; NaN where the variance is nothing but rounding."""
    defined = variance > 1e-12 * square
    return 1.0 - np.divide(error, variance, out=np.full_like(error, np.nan), where=defined)


def _weighted_median(weights: Floats, values: Floats, order: NDArray[np.intp]) -> Floats:
    """Median of ``values`` with whole-number weights that add up to the number of rows."""
    rows = weights.shape[1]
    reached = np.cumsum(weights[:, order], axis=1)
    ranked = values[order]
    lower = np.argmax(reached > (rows - 1) // 2, axis=1)
    upper = np.argmax(reached > rows // 2, axis=1)
    return (ranked[lower] + ranked[upper]) / 2


def _bootstrap(
    terms: Floats, absolute: Floats, order: NDArray[np.intp], seed: int, resamples: int
) -> dict[str, Floats]:
    """Each figure over the resamples, some at once so that memory stays bounded."""
    rows = len(absolute)
    rng = np.random.default_rng(seed)
    at_once = max(1, min(resamples, WEIGHTS_AT_ONCE // rows))
    parts: list[dict[str, Floats]] = []
    for start in range(0, resamples, at_once):
        weights = np.empty((min(at_once, resamples - start), rows))
        for sample in weights:
            sample[:] = np.bincount(rng.integers(0, rows, rows), minlength=rows)
        parts.append(_from_weights(weights, terms, absolute, order))
    return {
        name: np.concatenate([part[name] for part in parts]) if parts else np.empty(0)
        for name in FIGURES
    }


def _interval(draws: Floats) -> tuple[float | None, float | None]:
    defined = draws[np.isfinite(draws)]
    if len(defined) == 0:
        return None, None
    tail = (100 - COVERAGE) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return _plain(low), _plain(high)


def _plain(number: float) -> float | None:
    """A JSON number; the last digits go, since they differ with the order of summation."""
    return float(f"{number:.{DIGITS}g}") if np.isfinite(number) else None
