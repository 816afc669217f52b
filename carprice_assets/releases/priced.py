"""A priced table, from the command and over HTTP: what its columns are read as, what follows."""

from __future__ import annotations

from collections.abc import Iterable

from carprice_assets.listings.contract import FEATURE_FIELDS
from carprice_assets.listings.notes import Note
from carprice_assets.releases.rating import FIELD as ASKING_PRICE
from carprice_assets.releases.rating import DealRating

NEEDED = ("make", "model", "year")
CAR_FIELDS = frozenset({f.name for f in FEATURE_FIELDS} - {"observed_at"}) | {ASKING_PRICE}

ADDED = (
    *("predicted_price", "low", "high", "currency"),
    *("deal_rating", "supported", "warnings", "error"),
)
"""Columns behind the file's own."""


def read_as(names: Iterable[str], own: Iterable[str]) -> tuple[str, ...]:
    """The field that each column holds, named in any case; empty where it is no car's.

    ``own`` are features of the market's own.
    """
    fields = {name.casefold(): name for name in CAR_FIELDS.union(own)}
    return tuple(fields.get(name.casefold(), "") for name in names)


def twice(names: Iterable[str], fields: Iterable[str]) -> str:
    """The first column that stands twice, or field that two columns hold; else empty."""
    alike = [field or name for field, name in zip(fields, names, strict=True)]
    return next((name for name in alike if alike.count(name) > 1), "")


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
