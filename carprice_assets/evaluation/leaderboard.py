"""All regressors of one training side by side, and the choice of the challenger."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.evaluation.metrics import value
from carprice_assets.evaluation.report import EvaluationReport
from carprice_assets.evaluation.tables import (
    NOTHING,
    aligned,
    amount,
    bytes_text,
    decimal,
    markdown,
    percent,
    seconds_text,
)
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
COSTS = (
    "regressor",
    "coverage",
    "median width",
    "of constant width",
    "unsupported",
    "fit time",
    "peak memory",
    "serving form",
    "load time",
    "1,000 cars",
    "one car",
)
PROTOCOL = ("regressor", "cars removed", "R2", "MAE", "MAPE", "RMSE")
TERMINAL = 118
NOT_COMPARABLE = (
    "Not comparable with the tables above: by the reference's protocol, the cars that the outlier"
    " detector flags removed from the hold-out."
)
MEASURED = (
    "fit_seconds",
    "fit_memory",
    "serving_bytes",
    "load_seconds",
    "thousand_seconds",
    "one_seconds",
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
    """Plain tables for terminals of 120 columns; ``*`` marks the challenger.

    Errors, then ranges and costs, then the reference's protocol. The overfit gap is left out:
    a check tells it where it is too wide.
    """

    def drawn(header: Sequence[str], cells: Sequence[list[str]]) -> str:
        return aligned(["\n".join(name.rsplit(" ", 1)) for name in header], cells)

    marks = {row["regressor"]: "* " if row["challenger"] else "  " for row in table}
    parts = [
        drawn(HEADER[:-1], [_cells(row, marks[row["regressor"]])[:-1] for row in table]),
        drawn(COSTS, [_costs(row, marks[row["regressor"]]) for row in _own(table)]),
    ]
    if removed := _protocol(table, marks):
        parts.append(f"{fill(NOT_COMPARABLE, TERMINAL)}\n{drawn(PROTOCOL, removed)}")
    return "\n\n".join(parts)


def to_markdown(table: Sequence[dict[str, Any]]) -> str:
    """Markdown tables for the Dagster UI, the challenger in bold."""

    def drawn(header: Sequence[str], cells: Sequence[list[str]]) -> str:
        named = {row["regressor"] for row in table if row["challenger"]}
        bold = [[f"**{line[0]}**" if line[0] in named else line[0], *line[1:]] for line in cells]
        return markdown(header, bold)

    parts = [
        drawn(HEADER, [_cells(row) for row in table]),
        "## Ranges and costs",
        drawn(COSTS, [_costs(row) for row in _own(table)]),
    ]
    if removed := _protocol(table, {}):
        parts += ["## The reference's protocol", NOT_COMPARABLE, drawn(PROTOCOL, removed)]
    return "\n\n".join(parts)


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
    } | (_beyond_errors(report) if key == "figures" else {})


def _beyond_errors(report: EvaluationReport) -> dict[str, Any]:
    """Ranges, costs and the reference's protocol; what is not known is None."""
    protocol = report.reference_protocol
    of = protocol.get("figures", {})
    names = ("coverage", "width", "width_ratio")
    return {
        **{name: report.ranges.get(name) for name in names},
        "unsupported": report.unsupported,
        **{name: report.costs.get(name) for name in MEASURED},
        "reference_removed": protocol.get("removed"),
        **{f"reference_{name}": value(of, name) for name in ("r2", "mae", "mape", "rmse")},
    }


def _own(table: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of regressors: the naive valuation has neither ranges nor costs."""
    return [row for row in table if row["regressor"] != NAIVE]


def _costs(row: dict[str, Any], mark: str = "") -> list[str]:
    memory = row["fit_memory"]
    return [
        mark + row["regressor"],
        percent(row["coverage"]),
        percent(row["width"]),
        percent(row["width_ratio"], 0),
        percent(row["unsupported"], 2),
        seconds_text(row["fit_seconds"]),
        NOTHING if memory is None else f"{memory:,.0f} MB",
        bytes_text(row["serving_bytes"]),
        seconds_text(row["load_seconds"]),
        seconds_text(row["thousand_seconds"]),
        seconds_text(row["one_seconds"]),
    ]


def _protocol(table: Sequence[dict[str, Any]], marks: Mapping[str, str]) -> list[list[str]]:
    return [
        [
            marks.get(row["regressor"], "") + row["regressor"],
            amount(row["reference_removed"]),
            decimal(row["reference_r2"]),
            amount(row["reference_mae"]),
            percent(row["reference_mape"]),
            amount(row["reference_rmse"]),
        ]
        for row in _own(table)
        if row["reference_removed"] is not None
    ]


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
