"""What all pictures share: size, colours, axes, and how they become PNG bytes.

Drawn with matplotlib's object interface on an Agg canvas: no display, no global state.
Colours are those of Okabe and Ito, and densities shades of blue: told apart by colour-blind eyes.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, DPI = 7.0, 100
BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#595959"


def canvas(height: float, title: str, *, panels: int = 1) -> tuple[Figure, Axes]:
    """A figure of the common style and its first axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    for panel in range(panels):
        axes = figure.add_subplot(panels, 1, panel + 1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    if title:
        figure.suptitle(literal(title), fontsize=11, x=0.01, ha="left")
    return figure, figure.axes[0]


def nothing(figure: Figure, axes: Axes, text: str) -> bytes:
    """The picture that says ``text`` alone."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY)
    return png(figure)


def literal(text: str) -> str:
    """Text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")


def png(figure: Figure) -> bytes:
    """The figure as PNG; without the library's name and version, equal pictures are equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
