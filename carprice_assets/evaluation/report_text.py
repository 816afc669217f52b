"""An evaluation report as Markdown, readable in the metadata panel of the Dagster UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from carprice_assets.evaluation.metrics import value
from carprice_assets.evaluation.report_sections import (
    costs_text,
    parameters_text,
    protocol_text,
    ranges_text,
    search_text,
)
from carprice_assets.evaluation.tables import NOTHING, amount, decimal, markdown, percent

if TYPE_CHECKING:
    from carprice_assets.evaluation.report import EvaluationReport

MAKES = 15
TITLES = {
    "stock_type": "Stock type",
    "price": "Price band",
    "age": "Age in years",
    "make": "Make",
    "source_month": "Source and month",
}


def report_markdown(report: EvaluationReport, pictures: Mapping[str, str]) -> str:
    """The whole page; ``pictures`` are addresses by title, and those not there are left out."""

    def shown(*titles: str) -> list[str]:
        return [f"![{title}]({pictures[title]})" for title in titles if title in pictures]

    counts = report.rows
    parts = [
        f"# {report.name}, market {report.market}",
        f"{amount(counts['holdout'])} hold-out cars, none removed; {amount(counts['train'])}"
        f" training, {amount(counts['validation'])} validation. Amounts in {report.currency},"
        " 95 % bootstrap intervals in brackets. Residual = price - prediction.",
        "## Hold-out",
        _figures_table(report),
        *shown("predicted against true", "residuals"),
    ]
    own = sorted(kind for kind in report.slices if kind not in TITLES)
    titles = {kind: _title(kind) for kind in (*TITLES, *own)}
    for kind, title in titles.items():
        parts += [f"## {title}", _slice_table(kind, report.slices[kind], report.currency)]
    parts += [
        "## Ranges",
        ranges_text(report.ranges, titles, {"make": MAKES}),
        *shown("coverage by price"),
        *_unsupported_text(report.unsupported),
        "## Overfit guard",
        _overfit_text(report.overfit),
        "## Behaviour",
        _behaviour_table(report.behaviour, report.distance),
        "## Worst cases",
        _worst_table(report),
        "## Training",
        parameters_text(report.parameters),
        *shown("training curves", "importances"),
    ]
    if report.search:
        parts += ["## Search", search_text(report.search), *shown("search")]
    parts += [
        "## Costs",
        "Of this run on this machine.",
        costs_text(report.costs),
    ]
    if report.reference_protocol:
        parts += [
            "## The reference's protocol",
            protocol_text(report.reference_protocol, report.currency),
        ]
    parts += [
        f"Hold-out `{report.holdout_hash}`",
    ]
    return "\n\n".join(parts) + "\n"


def _figures_table(report: EvaluationReport) -> str:
    rows = [
        (report.name, report.figures),
        ("naive valuation", report.naive),
        (f"{report.name} on validation", report.validation),
    ]
    money = f" ({report.currency})"
    header = ["", "rows", f"MAE{money}", "MAPE", f"Median error{money}", f"RMSE{money}", "R2"]
    return markdown(
        [*header, "R2 of log price"],
        [
            [
                name,
                amount(of["rows"]),
                _with_interval(of["mae"], amount),
                _with_interval(of["mape"], percent),
                _with_interval(of["median_error"], amount),
                _with_interval(of["rmse"], amount),
                _with_interval(of["r2"], decimal),
                _with_interval(of["r2_log"], decimal),
            ]
            for name, of in rows
        ],
    )


def _with_interval(figure: Mapping[str, float | None], show: Any) -> str:
    if figure["value"] is None or figure["low"] is None:
        return show(figure["value"])
    low, high = show(figure["low"]), show(figure["high"])
    return f"{show(figure['value'])} [{low.removesuffix(' %')} to {high}]"


def _title(kind: str) -> str:
    return TITLES.get(kind) or kind.removeprefix("features.").replace("_", " ").capitalize()


def _unsupported_text(share: float | None) -> list[str]:
    if share is None:
        return []
    return [
        f"{percent(share, 2)} of the cars are unsupported and get no valuation; all figures here"
        " judge them too."
    ]


def _slice_table(kind: str, of: Sequence[Mapping[str, Any]], currency: str) -> str:
    shown = of[:MAKES] if kind == "make" else of
    table = markdown(
        [
            _title(kind),
            "rows",
            f"MAE ({currency})",
            "naive MAE",
            "MAPE",
            "median error",
            "median residual",
            "R2",
        ],
        [
            [
                str(part["name"]),
                amount(part["rows"]),
                _interval_text(part),
                amount(part["naive_mae"]),
                percent(part["mape"]),
                amount(part["median_error"]),
                amount(part["bias"]),
                decimal(part["r2"]),
            ]
            for part in shown
        ],
    )
    left = len(of) - len(shown)
    return f"{table}\n\n{left} more makes in the report's JSON." if left else table


def _interval_text(part: Mapping[str, Any]) -> str:
    return _with_interval(
        {"value": part["mae"], "low": part["mae_low"], "high": part["mae_high"]}, amount
    )


def _overfit_text(overfit: Mapping[str, Any]) -> str:
    verdict = "above" if overfit["overfitted"] else "within"
    return (
        f"Mean squared error of log price: {decimal(overfit['train_mse'], 5)} on training,"
        f" {decimal(overfit['validation_mse'], 5)} on validation, a gap of"
        f" {percent(overfit['gap'])}, {verdict} the limit of {percent(overfit['limit'])}."
    )


def _behaviour_table(of: Mapping[str, Any], distance: str) -> str:
    questions = {
        "mileage": f"20,000 {distance} more",
        "year": "one model year older",
        "new": "Used instead of New",
    }
    rows = [
        [
            text,
            amount(of[f"{key}_rows"]),
            percent(of[f"{key}_violations"]),
            percent(of[f"{key}_change"]),
        ]
        for key, text in questions.items()
    ]
    change = of["msrp_change"]
    moved = NOTHING if change is None else f"± {percent(change)}"
    rows.append(["MSRP left out", amount(of["msrp_rows"]), NOTHING, moved])
    return markdown(["all else equal", "cars", "price rises", "median change"], rows)


def _worst_table(report: EvaluationReport) -> str:
    return markdown(
        ["car", "stock type", report.distance, "MSRP", "price", "prediction"],
        [
            [
                f"{case['year']:.0f} {case['make']} {case['model']}",
                case["stock_type"] or NOTHING,
                amount(case["mileage"]),
                amount(case["msrp"]),
                amount(case["price"]),
                amount(case["prediction"]),
            ]
            for case in report.worst
        ],
        text=2,
    )


def headline(report: EvaluationReport) -> str:
    """One line for logs: the figures that matter most."""
    of, naive = report.figures, report.naive
    return (
        f"{report.name}: MAE {amount(value(of, 'mae'))} {report.currency}"
        f" (naive {amount(value(naive, 'mae'))}), MAPE {percent(value(of, 'mape'))},"
        f" R2 {decimal(value(of, 'r2'))}, R2 of log price {decimal(value(of, 'r2_log'))}"
        f" on {amount(of['rows'])} hold-out cars"
    )
