"""Numbers as text, and tables for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "–"
"""Stands for a figure that is not there."""


def amount(number: float | None) -> str:
    """Whole units with thousands separators: ``12,345``."""
    return NOTHING if number is None else f"{number:,.0f}"


def percent(number: float | None, digits: int = 1) -> str:
    """A fraction in per cent: ``5.8 %``."""
    return NOTHING if number is None else f"{100 * number:.{digits}f} %"


def decimal(number: float | None, digits: int = 3) -> str:
    """Fixed decimals: ``0.967``."""
    return NOTHING if number is None else f"{number:.{digits}f}"


def seconds_text(number: float | None) -> str:
    """A time in the unit that fits: ``12 min``, ``4.2 s``, ``0.85 ms``."""
    if number is None:
        return NOTHING
    if number >= 600:
        return f"{number / 60:.0f} min"
    if number >= 1:
        return f"{number:.3g} s"
    return f"{1e3 * number:.2g} ms" if number < 0.1 else f"{1e3 * number:.0f} ms"


def bytes_text(number: float | None) -> str:
    """A size in MB of 1e6 bytes: ``4.2 MB``."""
    return NOTHING if number is None else f"{number / 1e6:,.1f} MB"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], *, text: int = 1) -> str:
    """A Markdown table; the first ``text`` columns to the left, the others to the right."""
    marks = ["---" if i < text else "---:" for i in range(len(header))]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in (header, marks, *rows)
    )


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], *, text: int = 1) -> str:
    """A plain table for terminals; the first ``text`` columns to the left, others right.

    A name in ``header`` may have several lines.
    """
    names = [name.split("\n") for name in header]
    height = max(len(name) for name in names)
    heads = list(zip(*([""] * (height - len(name)) + name for name in names)))
    widths = [max(map(len, column)) for column in zip(*heads, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i < text else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([*map(line, heads), rule, *map(line, rows)])
