"""All regressors of one training side by side, and the choice of the challenger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.evaluation.metrics import value
from carprice_assets.evaluation.report import EvaluationReport
from carprice_assets.evaluation.tables import NOTHING, aligned, amount, decimal, markdown, percent
from carprice_assets.listings.contract import STOCK_TYPES

NAIVE = "naive valuation"
HEADER = (
    "regressor",
    "validation MAE",
    "hold-out MAE",
    "MAE, 95 % interval",
    *(f"MAE {kind}" for kind in STOCK_TYPES),
    "MAPE",
    "median error",
    "RMSE",
    "R2",
    "R2 log",
    "overfit gap",
)


def choose(reports: Sequence[EvaluationReport]) -> str:
    """The regressor with the lowest MAE on validation; of equals the first by name.

    The hold-out has no say, so that its figures stay an honest test of the choice.

    Raises
    ------
    UserError
        Where there is no report.
    ValueError
        Where a report has no validation MAE.
    """
    if not reports:
        raise UserError("no evaluation report to choose a challenger from")
    return min((_validation_mae(report), report.name) for report in reports)[1]


def rows(reports: Sequence[EvaluationReport], challenger: str) -> list[dict[str, Any]]:
    """One row a regressor, best validation MAE first, and last the naive valuation.

    Raises
    ------
    UserError
        Where the reports are of different markets or hold-outs, or none is the challenger's.
    """
    if challenger not in {report.name for report in reports}:
        raise UserError(f"leaderboard: no report of the challenger {challenger!r}")
    if len({(report.market, report.holdout_hash) for report in reports}) > 1:
        names = ", ".join(sorted(report.name for report in reports))
        raise UserError(f"leaderboard: the reports of {names} are not of one market and hold-out")
    ordered = sorted(reports, key=lambda report: (_validation_mae(report), report.name))
    table = [
        _row(report, report.name, "figures") | {"challenger": report.name == challenger}
        for report in ordered
    ]
    return [*table, _row(ordered[0], NAIVE, "naive") | {"challenger": False}]


def to_text(table: Sequence[dict[str, Any]]) -> str:
    """A plain table for terminals of 120 columns; ``*`` marks the challenger.

    The overfit gap is left out: a check tells it where it is too wide.
    """
    header = ["\n".join(name.rsplit(" ", 1)) for name in HEADER[:-1]]
    cells = [_cells(row, "* " if row["challenger"] else "  ")[:-1] for row in table]
    return aligned(header, cells)


def to_markdown(table: Sequence[dict[str, Any]]) -> str:
    """A Markdown table for the Dagster UI, the challenger in bold."""
    cells = [_cells(row) for row in table]
    for row, line in zip(table, cells, strict=True):
        if row["challenger"]:
            line[0] = f"**{line[0]}**"
    return markdown(HEADER, cells)


def _row(report: EvaluationReport, name: str, key: str) -> dict[str, Any]:
    """Figures by the regressor (``figures``) or by the naive valuation (``naive``)."""
    of = report.figures if key == "figures" else report.naive
    validation = report.validation if key == "figures" else report.naive_validation
    by_type = {
        f"mae_{kind.lower()}": value(report.stock_types[kind][key], "mae") for kind in STOCK_TYPES
    }
    return {
        "regressor": name,
        "currency": report.currency,
        "rows": of["rows"],
        "validation_mae": value(validation, "mae"),
        "mae": value(of, "mae"),
        "mae_low": of["mae"]["low"],
        "mae_high": of["mae"]["high"],
        **by_type,
        "mape": value(of, "mape"),
        "median_error": value(of, "median_error"),
        "rmse": value(of, "rmse"),
        "r2": value(of, "r2"),
        "r2_log": value(of, "r2_log"),
        "overfit_gap": report.overfit["gap"] if key == "figures" else None,
    }


def _cells(row: dict[str, Any], mark: str = "") -> list[str]:
    known = row["mae_low"] is not None
    interval = f"{amount(row['mae_low'])} to {amount(row['mae_high'])}" if known else NOTHING
    return [
        mark + row["regressor"],
        amount(row["validation_mae"]),
        amount(row["mae"]),
        interval,
        *(amount(row[f"mae_{kind.lower()}"]) for kind in STOCK_TYPES),
        percent(row["mape"]),
        amount(row["median_error"]),
        amount(row["rmse"]),
        decimal(row["r2"]),
        decimal(row["r2_log"]),
        percent(row["overfit_gap"]),
    ]


def _validation_mae(report: EvaluationReport) -> float:
    mae = value(report.validation, "mae")
    if mae is None or not math.isfinite(mae):
        raise ValueError(f"the report of {report.name} has no validation MAE")
    return mae
