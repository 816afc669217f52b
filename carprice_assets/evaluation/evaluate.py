"""The judgement of one regressor: one function computes it for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.evaluation.behaviour import Predict, features_of, measure
from carprice_assets.evaluation.coverage import judge_ranges
from carprice_assets.evaluation.metrics import Figures, Floats, checked, figures
from carprice_assets.evaluation.naive import NaiveValuation
from carprice_assets.evaluation.report import EvaluationReport, plain
from carprice_assets.evaluation.slices import slices, stock_types
from carprice_assets.files import canonical_json, sha256_bytes
from carprice_assets.listings.contract import STOCK_TYPES, Columns, row_count

WORST = 10


def evaluate(
    *,
    name: str,
    market: str,
    currency: str,
    distance: str,
    predict: Predict,
    train: Columns,
    validation: Columns,
    holdout: Columns,
    naive: NaiveValuation,
    holdout_predicted: Floats | None = None,
    holdout_ranges: tuple[Floats, Floats] | None = None,
    stated_coverage: float = 0.0,
    unsupported: NDArray[np.bool_] | None = None,
    outliers: NDArray[np.bool_] | None = None,
    train_predicted: Floats | None = None,
    overfit_limit: float = 0.10,
    parameters: Mapping[str, Any] | None = None,
    importances: Mapping[str, float] | None = None,
    curves: Mapping[str, Sequence[float]] | None = None,
    search: Mapping[str, Any] | None = None,
    costs: Mapping[str, float] | None = None,
    seed: int = 0,
    resamples: int = 200,
    sample: int = 1000,
) -> EvaluationReport:
    """Judge one regressor on the whole hold-out, nothing removed.

    Parameters
    ----------
    predict
        Prices for columns of the feature fields; it never gets the price column.
    train, validation, holdout
        The sides with all feature fields, ``price``, ``vehicle``, ``listing_id``, ``source``.
    naive
        Fitted on ``train``.
    holdout_predicted
        Prices of the hold-out where they are known already; ``predict(holdout)`` otherwise.
    holdout_ranges, stated_coverage
        Low and high ends of the hold-out's ranges, and the coverage that they are made for;
        None where the regressor gives no ranges.
    unsupported, outliers
        Hold-out cars that get no valuation, and those that the outlier detector flags, shape
        (hold-out rows,). Neither leaves any figure but the ``reference_protocol``.
    train_predicted
        Prices of the training rows, where these come from out-of-fold features as in the
        fitting; ``predict(train)`` otherwise.
    overfit_limit
        Relative gap of the mean squared errors above which a regressor counts as overfitted.
    seed, resamples, sample
        Of the bootstrap, and cars asked for each question about behaviour.

    Raises
    ------
    UserError
        Where a side is empty.
    ValueError
        Where a price or prediction is no price.
    """
    for side, columns in (("train", train), ("validation", validation), ("holdout", holdout)):
        if row_count(columns) == 0:
            raise UserError(f"market {market}: no rows in {side} to judge {name} by")
    begin = time.perf_counter()
    truth = _prices(holdout)
    if holdout_predicted is None:
        holdout_predicted = predict(features_of(holdout))
    predicted = np.asarray(holdout_predicted, dtype=np.float64)
    by_naive = naive.predict(features_of(holdout))
    of_validation = np.asarray(predict(features_of(validation)), dtype=np.float64)
    if train_predicted is None:
        train_predicted = np.asarray(predict(features_of(train)), dtype=np.float64)

    def judged(true: Floats, guess: Floats) -> Figures:
        return figures(true, guess, seed=seed, resamples=resamples)

    stock = stock_types(holdout["stock_type"])
    by_stock_type: dict[str, dict[str, Figures]] = {}
    for kind in STOCK_TYPES:
        rows = stock == kind
        of_kind = {"figures": predicted, "naive": by_naive}
        by_stock_type[kind] = {
            key: judged(truth[rows], guess[rows]) if rows.any() else {"rows": 0}
            for key, guess in of_kind.items()
        }
    sliced = slices(holdout, truth, predicted, by_naive, seed=seed, resamples=resamples)
    content: dict[str, Any] = {
        "name": name,
        "market": market,
        "currency": currency,
        "distance": distance,
        "rows": {
            "train": row_count(train),
            "validation": row_count(validation),
            "holdout": row_count(holdout),
        },
        "holdout_hash": holdout_hash(holdout),
        "figures": judged(truth, predicted),
        "naive": judged(truth, by_naive),
        "stock_types": by_stock_type,
        "slices": sliced,
        "validation": judged(_prices(validation), of_validation),
        "naive_validation": judged(_prices(validation), naive.predict(features_of(validation))),
        "overfit": overfit(
            (_prices(train), train_predicted), (_prices(validation), of_validation), overfit_limit
        ),
        "behaviour": measure(predict, holdout, sample=sample, seed=seed),
        "worst": worst_cases(holdout, truth, predicted),
        "parameters": parameters or {},
        "importances": importances or {},
        "curves": curves or {},
        "ranges": (
            judge_ranges(holdout, truth, predicted, *holdout_ranges, stated=stated_coverage)
            if holdout_ranges is not None
            else {}
        ),
        "unsupported": None if unsupported is None else float(np.mean(unsupported)),
        "reference_protocol": _reference_protocol(truth, predicted, outliers, judged),
        "search": search or {},
    }
    spent = {**(costs or {}), "evaluate_seconds": time.perf_counter() - begin}
    return EvaluationReport(**plain(content), costs=plain(spent))


def _reference_protocol(
    truth: Floats,
    predicted: Floats,
    outliers: NDArray[np.bool_] | None,
    judged: Callable[[Floats, Floats], Figures],
) -> dict[str, Any]:
    if outliers is None or outliers.all():
        return {}
    kept = ~outliers
    return {"removed": int(outliers.sum()), "figures": judged(truth[kept], predicted[kept])}


def overfit(
    train: tuple[Floats, Floats], validation: tuple[Floats, Floats], limit: float
) -> dict[str, Any]:
    """The reference's guard: mean squared errors of log price and their relative gap.

    ``train`` and ``validation`` hold true prices and predictions. ``gap`` is None where the
    training error is 0.
    """
    first, second = (_log_mse(*checked(*pair)) for pair in (train, validation))
    return {
        "train_mse": first,
        "validation_mse": second,
        "gap": second / first - 1 if first > 0 else None,
        "limit": limit,
        "overfitted": second > first * (1 + limit),
    }


def holdout_hash(columns: Columns) -> str:
    """32 hex digits naming a hold-out: its vehicles, listing ids and prices, in any order."""
    lines = sorted(
        zip(
            columns["vehicle"].tolist(),
            columns["listing_id"].tolist(),
            _prices(columns).tolist(),
            strict=True,
        )
    )
    return sha256_bytes(canonical_json(lines))[:32]


def worst_cases(columns: Columns, truth: Floats, predicted: Floats) -> list[dict[str, Any]]:
    """The ten cars off by the largest factor, by what they are and not by whose they are."""
    factor = np.abs(np.log(predicted) - np.log(truth))
    text = ("make", "model", "trim", "stock_type")
    numbers = ("year", "mileage", "msrp")
    return [
        {name: columns[name][row] for name in text if name in columns}
        | {name: float(columns[name][row]) for name in numbers}
        | {"price": float(truth[row]), "prediction": float(f"{predicted[row]:.10g}")}
        for row in np.argsort(-factor, kind="stable")[:WORST]
    ]


def _prices(columns: Columns) -> Floats:
    return columns["price"].astype(np.float64)


def _log_mse(true: Floats, guess: Floats) -> float:
    return float(f"{np.mean((np.log(guess) - np.log(true)) ** 2):.10g}")
