"""The picture of the ranges of a hold-out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from carprice_assets.evaluation.canvas import BLUE, GREY, ORANGE, canvas, png

LABELLED = 0.15
"""Coverage from which a bar is as tall as its label."""


def coverage_by_price(ranges: Mapping[str, Any], *, currency: str, title: str = "") -> bytes:
    """Coverage of each price band as bars, the stated coverage as a line; width beside it.

    Parameters
    ----------
    ranges
        What :func:`~carprice_assets.evaluation.coverage.judge_ranges` gives.
    """
    bands = [band for band in ranges["slices"]["price"] if band["rows"]]
    figure, axes = canvas(3.6, title)
    places = np.arange(len(bands))
    axes.bar(places, [100 * band["coverage"] for band in bands], color=BLUE, width=0.7)
    stated = 100 * ranges["stated"]
    axes.axhline(stated, color=ORANGE, linewidth=1.5, label=f"stated: {stated:.0f} %")
    for place, band in zip(places, bands, strict=True):
        axes.annotate(
            f"{100 * band['coverage']:.0f} %\nwidth {100 * band['width']:.0f} %",
            (float(place), 2),
            ha="center",
            va="bottom",
            fontsize=8,
            color="white" if band["coverage"] > LABELLED else GREY,
        )
    axes.set_xticks(places, [f"{band['name']}\n{band['rows']:,} cars" for band in bands])
    axes.set_ylim(0, 105)
    axes.set_xlabel(f"True price ({currency})")
    axes.set_ylabel("Prices in their range (%)")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, borderaxespad=0.2)
    return png(figure)
