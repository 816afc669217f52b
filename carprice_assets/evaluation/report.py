"""The evaluation report: one function computes it for every regressor."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, cast

import numpy as np

from carprice_assets.errors import UserError
from carprice_assets.evaluation.behaviour import Predict, features_of, measure
from carprice_assets.evaluation.metrics import Figures, Floats, checked, figures
from carprice_assets.evaluation.naive import NaiveValuation
from carprice_assets.evaluation.report_text import headline, report_markdown
from carprice_assets.evaluation.slices import slices, stock_types
from carprice_assets.files import canonical_json, sha256_bytes
from carprice_assets.listings.contract import STOCK_TYPES, Columns, row_count

FORMAT = 1
WORST = 10


@dataclass(frozen=True)
class EvaluationReport:
    """What is known about one regressor; all values are JSON types, undefined figures None.

    Attributes
    ----------
    name, market, currency, distance
        The regressor, and the market with its units.
    rows
        Cars on the sides ``train``, ``validation`` and ``holdout``.
    holdout_hash
        Of the hold-out's vehicles, listing ids and prices: reports are comparable where equal.
    figures, naive
        :func:`~carprice_assets.evaluation.metrics.figures` of the whole hold-out, by the
        regressor and by the naive valuation.
    stock_types
        For New, Used and Certified ``figures`` and ``naive`` of those hold-out cars alone, both
        ``{"rows": 0}`` where there is none.
    slices
        :func:`~carprice_assets.evaluation.slices.slices` of the hold-out.
    validation, naive_validation
        Figures of the validation side, by which the challenger is chosen.
    overfit
        Mean squared errors of log price ``train_mse`` and ``validation_mse``, their relative
        ``gap``, the ``limit`` and whether it is passed, ``overfitted``.
    behaviour
        :func:`~carprice_assets.evaluation.behaviour.measure` on the hold-out.
    worst
        The ten hold-out cars whose prediction is off by the largest factor.
    parameters, importances, curves
        As the regressor gives them.
    timings
        Seconds by name; the only part that differs when a training is repeated.
    """

    name: str
    market: str
    currency: str
    distance: str
    rows: Mapping[str, int]
    holdout_hash: str
    figures: Mapping[str, Any]
    naive: Mapping[str, Any]
    stock_types: Mapping[str, Any]
    slices: Mapping[str, Any]
    validation: Mapping[str, Any]
    naive_validation: Mapping[str, Any]
    overfit: Mapping[str, Any]
    behaviour: Mapping[str, Any]
    worst: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    importances: Mapping[str, float] = field(default_factory=dict[str, float])
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])
    timings: Mapping[str, float] = field(default_factory=dict[str, float])

    def deterministic(self) -> dict[str, Any]:
        """Everything but the timings: equal for equal data, settings and seeds."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "timings"}

    def to_json(self) -> bytes:
        """Canonical JSON with the parts ``deterministic`` and ``timings``."""
        return canonical_json(
            {"format": FORMAT, "deterministic": self.deterministic(), "timings": self.timings}
        )

    @classmethod
    def from_json(cls, data: bytes | str) -> EvaluationReport:
        """The report that :meth:`to_json` wrote.

        Raises
        ------
        UserError
            For what is no evaluation report of this format.
        """
        try:
            content = json.loads(data)
            if content["format"] != FORMAT:
                raise UserError(f"evaluation report of format {content['format']!r}, not {FORMAT}")
            return cls(**content["deterministic"], timings=content["timings"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"no evaluation report: {error}") from error

    def to_markdown(self) -> str:
        """The report as Markdown tables, for the Dagster UI."""
        return report_markdown(self)

    def headline(self) -> str:
        """One line for logs: the figures that matter most."""
        return headline(self)


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
    train_predicted: Floats | None = None,
    overfit_limit: float = 0.10,
    parameters: Mapping[str, Any] | None = None,
    importances: Mapping[str, float] | None = None,
    curves: Mapping[str, Sequence[float]] | None = None,
    timings: Mapping[str, float] | None = None,
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
    predicted = np.asarray(predict(features_of(holdout)), dtype=np.float64)
    predicted_at = time.perf_counter()
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
    }
    seconds = dict(timings or {}) | {
        "predict_holdout_seconds": predicted_at - begin,
        "evaluate_seconds": time.perf_counter() - begin,
    }
    return EvaluationReport(**plain(content), timings=plain(seconds))


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


def plain(value: Any) -> Any:
    """``value`` in JSON types: arrays and tuples as lists, NaN and infinities as None."""
    if isinstance(value, np.ndarray | np.generic):
        value = cast("Any", value).tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    raise ValueError(f"a report cannot hold {value!r} of type {type(value).__name__}")


def _prices(columns: Columns) -> Floats:
    return columns["price"].astype(np.float64)


def _log_mse(true: Floats, guess: Floats) -> float:
    return float(f"{np.mean((np.log(guess) - np.log(true)) ** 2):.10g}")
