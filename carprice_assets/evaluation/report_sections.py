"""Sections of the report's page: ranges, costs, and how the regressor came to its parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from carprice_assets.evaluation.metrics import value
from carprice_assets.evaluation.tables import (
    NOTHING,
    amount,
    bytes_text,
    decimal,
    markdown,
    percent,
    seconds_text,
)

TRIALS = 10
"""Trials shown, the best first."""


def ranges_text(
    ranges: Mapping[str, Any], titles: Mapping[str, str], most: Mapping[str, int]
) -> str:
    """Coverage and width of the ranges, over all cars and over parts of them.

    ``titles`` names the kinds of parts in order, and ``most`` limits those of a kind.
    """
    if not ranges:
        return "The regressor gives no ranges."
    constant = (
        f"Ranges of one constant relative width with the same coverage:"
        f" {percent(ranges['constant_width'])}; these are"
        f" {percent(ranges['width_ratio'])} of that."
        if ranges["width_ratio"] is not None
        else "No true price lies in its range."
    )
    rows: list[list[Any]] = [["all", "", ranges["rows"], ranges["coverage"], ranges["width"]]]
    for kind, title in titles.items():
        shown = ranges["slices"].get(kind, [])[: most.get(kind)]
        rows += [[title, p["name"], p["rows"], p["coverage"], p["width"]] for p in shown]
    table = markdown(
        ["cars", "", "rows", "coverage", "median width"],
        [
            [kind, name, amount(count), percent(coverage), percent(width)]
            for kind, name, count, coverage, width in rows
        ],
        text=2,
    )
    return (
        f"{percent(ranges['coverage'])} of the prices lie in their range, which is made for"
        f" {percent(ranges['stated'], 0)}. Width is (high - low) / prediction, its median"
        f" {percent(ranges['width'])}. {constant}\n\n{table}"
    )


def protocol_text(protocol: Mapping[str, Any], currency: str) -> str:
    """The figures by the reference's protocol, marked as not comparable."""
    of = protocol["figures"]
    return (
        f"**Not comparable** with any figure above: {amount(protocol['removed'])} cars that the"
        " outlier detector flags are removed from the hold-out, as the reference does. On the"
        f" other {amount(of['rows'])}: R2 {decimal(value(of, 'r2'))}, MAE"
        f" {amount(value(of, 'mae'))} {currency}, MAPE {percent(value(of, 'mape'))}, RMSE"
        f" {amount(value(of, 'rmse'))} {currency}."
    )


def costs_text(costs: Mapping[str, float]) -> str:
    """Time, memory and bytes; of one run on one machine, so they differ each time."""
    memory = costs.get("fit_memory")
    rows = [
        ["fitting", seconds_text(costs.get("fit_seconds"))],
        ["peak memory of fitting", NOTHING if memory is None else f"{memory:,.0f} MB"],
        ["artifact", bytes_text(costs.get("bytes"))],
        ["serving form", bytes_text(costs.get("serving_bytes"))],
        ["loading, libraries included", seconds_text(costs.get("load_seconds"))],
        ["1,000 cars", seconds_text(costs.get("thousand_seconds"))],
        ["one car", seconds_text(costs.get("one_seconds"))],
    ]
    return markdown(["", ""], rows)


def parameters_text(parameters: Mapping[str, Any]) -> str:
    """The parameters that the regressor was fitted with."""
    if not parameters:
        return "None."
    rows = [[name, _told(parameters[name])] for name in sorted(parameters)]
    return markdown(["parameter", "value"], rows, text=2)


def search_text(search: Mapping[str, Any]) -> str:
    """Trials, the best of them, and which parameters made the difference."""
    trials: Sequence[Mapping[str, Any]] = search["trials"]
    states = [trial["state"] for trial in trials]
    complete = [trial for trial in trials if trial["error"] is not None]
    best = sorted(complete, key=lambda trial: (trial["error"], trial["number"]))[:TRIALS]
    parts = [
        f"{len(trials)} trial{'s' * (len(trials) != 1)}, trial 0 the defaults:"
        f" {states.count('complete')} complete,"
        f" {states.count('pruned')} pruned, {states.count('failed')} failed."
        f" Trial {search['best']} was taken. MAE on validation.",
        markdown(
            ["trial", "changed", "MAE"],
            [[str(t["number"]), _changed(t["parameters"]), amount(t["error"])] for t in best],
            text=2,
        ),
        markdown(
            ["parameter", "searched", "importance"],
            [
                [name, _ends(ends), percent(search["importances"].get(name))]
                for name, ends in sorted(search["space"].items())
            ],
            text=2,
        ),
    ]
    return "\n\n".join(parts)


def _changed(parameters: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name} {_told(each)}" for name, each in sorted(parameters.items()))
    return told or "nothing"


def _ends(ends: Mapping[str, Any]) -> str:
    if "choices" in ends:
        return ", ".join(_told(choice) for choice in ends["choices"])
    scale = ", logarithmic" if ends.get("log") else ""
    return f"{_told(ends['low'])} to {_told(ends['high'])}{scale}"


def _told(each: Any) -> str:
    if isinstance(each, float):
        return f"{each:.4g}"
    return each if isinstance(each, str) else json.dumps(each)
