"""Pictures of an evaluation as PNG bytes, 700 pixels wide, for the Dagster UI."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from carprice_assets.evaluation.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    canvas,
    literal,
    nothing,
    png,
)
from carprice_assets.evaluation.metrics import Floats, checked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELLS = 55
FEW = 500
PRICE_BINS = 12
MIN_IN_BIN = 5
LONGEST_NAME = 40


def predicted_against_true(
    truth: Floats, predicted: Floats, *, currency: str, title: str = ""
) -> bytes:
    """Every car as a point of a density: true price across, prediction up, both logarithmic.

    Parameters
    ----------
    truth, predicted
        Prices, shape (rows,).
    """
    true, guess = checked(truth, predicted)
    figure, axes = canvas(5.8, title)
    low = min(true.min(), guess.min()) / 1.1
    high = max(true.max(), guess.max()) * 1.1
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    extent = (*np.log10([low, high]), *np.log10([low, high]))
    _cloud(figure, axes, true, guess, extent)
    axes.plot([low, high], [low, high], color=ORANGE, linewidth=1.2, label="prediction = price")
    _price_ticks(axes, low, high, both=True)
    axes.set_xlabel(f"True price ({currency})")
    axes.set_ylabel(f"Prediction ({currency})")
    axes.legend(loc="upper left", frameon=False)
    return png(figure)


def residuals_by_price(
    truth: Floats, predicted: Floats, *, currency: str, title: str = ""
) -> bytes:
    """Residuals, price minus prediction in per cent of the price, over the price.

    The solid line is the median of cars of like price; the middle 80 % lie between the dashed.
    """
    true, guess = checked(truth, predicted)
    residual = 100 * (true - guess) / true
    figure, axes = canvas(4.6, title)
    reach = float(np.clip(np.ceil(np.percentile(np.abs(residual), 99) / 10) * 10, 20, 100))
    low, high = true.min() / 1.1, true.max() * 1.1
    axes.set(xscale="log", xlim=(low, high), ylim=(-reach, reach))
    inside = np.abs(residual) <= reach
    extent = (*np.log10([low, high]), -reach, reach)
    _cloud(figure, axes, true[inside], residual[inside], extent)
    centre, tenth, median, ninetieth = _by_price(true, residual)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.plot(centre, median, color=ORANGE, linewidth=2, marker="o", markersize=4, label="median")
    for edge, label in ((tenth, "middle 80 % of cars"), (ninetieth, None)):
        axes.plot(centre, edge, "--", color=ORANGE, linewidth=1.3, label=label)
    _price_ticks(axes, low, high, both=False)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0f} %" if value else "0 %")
    axes.set_xlabel(f"True price ({currency})")
    axes.set_ylabel("Residual (price - prediction)")
    beyond = int((~inside).sum())
    if beyond:
        axes.plot([], [], " ", label=f"{beyond:,} beyond the axis")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, borderaxespad=0.2)
    return png(figure)


def importances(of: Mapping[str, float], *, top: int = 20, title: str = "") -> bytes:
    """The ``top`` features by importance, in per cent of all; says what the others add up to."""
    ordered = sorted(of.items(), key=lambda pair: (-pair[1], pair[0]))
    shown, others = ordered[:top], ordered[top:]
    figure, axes = canvas(max(1.6, 0.9 + 0.24 * len(shown)), title)
    if not shown:
        return nothing(figure, axes, "No importances recorded")
    total = sum(of.values()) or 1.0
    share = [100 * weight / total for _, weight in shown]
    places = np.arange(len(shown))
    axes.barh(places, share, color=BLUE, height=0.7)
    axes.set_yticks(places, [literal(_short(name)) for name, _ in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for place, percent in zip(places, share, strict=True):
        axes.annotate(
            f"{percent:.1f}",
            (percent, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set_xlim(0, 1.1 * max(*share, 1e-9))
    label = "Importance (%)"
    if others:
        rest = 100 * sum(weight for _, weight in others) / total
        label += f"; the other {len(others):,} features: {rest:.1f} %"
    axes.set_xlabel(label)
    return png(figure)


def training_curves(of: Mapping[str, Sequence[float]], *, title: str = "") -> bytes:
    """One line a curve over the iterations; one panel for each measure.

    The measure is the last word of a curve's name: ``train_rmse`` and ``validation_rmse``
    share a panel. The lowest point of each validation curve is marked.
    """
    panels: defaultdict[str, dict[str, Sequence[float]]] = defaultdict(dict)
    for name, values in sorted(of.items()):
        if len(values):
            panels[name.rsplit("_", 1)[-1]][name] = values
    figure, first = canvas(0.8 + 2.8 * max(1, len(panels)), title, panels=max(1, len(panels)))
    if not panels:
        return nothing(figure, first, "No training curves recorded")
    for axes, (measure, curves) in zip(figure.axes, panels.items(), strict=True):
        _panel(axes, measure, curves)
    figure.axes[-1].set_xlabel("Iteration")
    return png(figure)


def search_history(trials: Sequence[Mapping[str, Any]], *, title: str = "") -> bytes:
    """The validation error of each trial, the best so far as a line, pruned trials below."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = canvas(3.6, title)
    complete = [trial for trial in trials if trial["error"] is not None]
    if not complete:
        return nothing(figure, axes, "No trial came to an end")
    numbers = np.array([trial["number"] for trial in complete])
    errors = np.array([trial["error"] for trial in complete], dtype=np.float64)
    best = np.minimum.accumulate(errors)
    axes.plot(numbers, errors, "o", color=BLUE, markersize=5, label="trial")
    across, down = np.append(numbers, trials[-1]["number"]), np.append(best, best[-1])
    axes.step(across, down, where="post", color=ORANGE, linewidth=1.6, label="best so far")
    ends = [trial["number"] for trial in trials if trial["error"] is None]
    if ends:
        ceiling = float(errors.max())
        axes.plot(ends, [ceiling] * len(ends), "x", color=GREY, label="pruned or failed")
    axes.set_xlim(-0.5, trials[-1]["number"] + 0.5)  # of a single trial, too, whole numbers
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("Trial (0: the defaults)")
    axes.set_ylabel("MAE on validation")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, borderaxespad=0.2)
    return png(figure)


def _panel(axes: Axes, measure: str, curves: Mapping[str, Sequence[float]]) -> None:
    from matplotlib.ticker import MaxNLocator

    styles = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PINK, ":"))
    for index, (name, values) in enumerate(curves.items()):
        color, style = styles[index % len(styles)]
        label = name.removesuffix(measure).strip("_").replace("_", " ") or measure
        across = np.arange(1, len(values) + 1)
        line = np.asarray(values, dtype=np.float64)
        marker = "o" if len(values) == 1 else ""
        axes.plot(across, line, style, color=color, marker=marker, linewidth=1.6, label=label)
        if "valid" in name and np.isfinite(line).any():
            best = int(np.nanargmin(line))
            axes.plot(across[best], line[best], "o", color=color, markersize=6)
            axes.annotate(
                f"lowest {line[best]:,.4g} at {across[best]:,}",
                (float(across[best]), float(line[best])),
                xytext=(0, 9),
                textcoords="offset points",
                ha="right" if best > len(line) / 2 else "left",
                fontsize=8,
                color=color,
            )
    finite = np.concatenate([np.asarray(values, dtype=np.float64) for values in curves.values()])
    finite = finite[np.isfinite(finite)]
    if len(finite) and finite.min() > 0 and finite.max() > 20 * finite.min():
        axes.set_yscale("log")
    axes.set_ylabel(literal(measure.upper() if len(measure) <= 4 else measure))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes.get_yscale() == "linear" and len(finite) and finite.max() >= 1000:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.margins(x=0.02, y=0.12)
    axes.legend(loc="upper right", frameon=False)


def _price_ticks(axes: Axes, low: float, high: float, *, both: bool) -> None:
    """Round ticks, fewer where the range is wide, written out with thousands separators."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps = (1, 2, 5) if high / low < 200 else (1,) if high / low > 1e5 else (1, 3)
    ticks = [step * 10.0**power for power in powers for step in steps]
    ticks = [tick for tick in ticks if low <= tick <= high]
    if len(ticks) < 2:
        ticks = [float(f"{tick:.3g}") for tick in np.linspace(low, high, 4)[1:-1]]
    for axis in (axes.xaxis, axes.yaxis) if both else (axes.xaxis,):
        axis.set_ticks(ticks, [f"{tick:,.0f}" for tick in ticks])
        axis.set_ticks([], minor=True)


def _cloud(
    figure: Figure, axes: Axes, across: Floats, up: Floats, extent: tuple[float, ...]
) -> None:
    """The cars: points where they are few, else a density of six-sided cells with its scale.

    ``extent`` is left, right, bottom, top, as decimal logarithms on logarithmic axes.
    """
    if len(across) < FEW:
        axes.scatter(across, up, s=16, color=BLUE, alpha=0.6, linewidths=0)
        return
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    # The palest blues would vanish on white: single cars must be seen.
    shades = colormaps["Blues"](np.linspace(0.3, 1.0, 256))
    cells = axes.hexbin(
        across,
        up,
        xscale=axes.get_xscale(),  # pyright: ignore[reportArgumentType]
        yscale=axes.get_yscale(),  # pyright: ignore[reportArgumentType]
        bins="log",
        gridsize=(CELLS, round(CELLS / 1.8)),
        mincnt=1,
        cmap=LinearSegmentedColormap.from_list("blues", shades.tolist()),
        extent=extent,  # pyright: ignore[reportArgumentType]
        linewidths=0.1,
    )
    bar = figure.colorbar(cells, ax=axes, shrink=0.6, aspect=25, pad=0.02)
    most = float(np.max(np.asarray(cells.get_array())))
    ticks = [tick for tick in (1, 3, 10, 30, 100, 300, 1000, 3000, 10000) if tick <= most]
    bar.set_ticks(ticks, labels=[f"{tick:,}" for tick in ticks])
    bar.ax.minorticks_off()
    bar.set_label("Cars per cell", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]


def _by_price(true: Floats, residual: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Per bin of like price (equal steps of its logarithm): middle, and three percentiles."""
    log_price = np.log(true)
    edges = np.linspace(log_price.min(), log_price.max(), PRICE_BINS + 1)
    place = np.clip(np.searchsorted(edges, log_price, side="right") - 1, 0, PRICE_BINS - 1)
    found = [
        (np.exp(np.median(log_price[rows])), *np.percentile(residual[rows], [10, 50, 90]))
        for rows in (place == number for number in range(PRICE_BINS))
        if rows.sum() >= MIN_IN_BIN
    ]
    centre, tenth, median, ninetieth = np.array(found, dtype=np.float64).reshape(-1, 4).T
    return centre, tenth, median, ninetieth


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
