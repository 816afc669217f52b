"""A priced table: the columns that follow a file's own, the same from the command and over HTTP."""

from __future__ import annotations

from collections.abc import Iterable

from carprice_assets.listings.notes import Note
from carprice_assets.releases.rating import DealRating

ADDED = (
    *("predicted_price", "low", "high", "currency"),
    *("deal_rating", "supported", "warnings", "error"),
)
"""Columns behind the file's own."""


def added(
    amounts: tuple[float | None, float | None, float | None],
    currency: str,
    rating: DealRating | None,
    supported: bool | None,
    warnings: Iterable[Note],
    errors: Iterable[Note],
    problem: str = "",
) -> tuple[str, ...]:
    """The values of :data:`ADDED` of one row.

    Parameters
    ----------
    amounts
        Price, low and high, None where there is none.
    supported
        None, and then empty, for a car that could not be read.
    problem
        Why the row itself cannot be read; it stands in the place of ``errors``.
    """
    return (
        *(_amount(each) for each in amounts),
        currency,
        rating or "",
        "" if supported is None else str(supported).lower(),
        _told(warnings),
        problem or _told(errors),
    )


def _amount(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _told(notes: Iterable[Note]) -> str:
    return "; ".join(f"{note.field}: {note.message}" for note in notes)
