"""The unsupported verdict: which notes of a car say that it gets no price, and why."""

from __future__ import annotations

from collections.abc import Iterable

from carprice_assets.features.limits import UNSUPPORTED
from carprice_assets.listings.notes import Note


def verdict(notes: Iterable[Note]) -> tuple[tuple[Note, ...], tuple[Note, ...]]:
    """Reasons why a car is unsupported, none for a supported one, and the other notes."""
    reasons: list[Note] = []
    others: list[Note] = []
    for note in notes:
        (reasons if note.code in UNSUPPORTED else others).append(note)
    return tuple(reasons), tuple(others)


def as_errors(reasons: Iterable[Note]) -> tuple[Note, ...]:
    """Reasons as errors, for callers that look for these alone."""
    return tuple(Note("unsupported", reason.field, reason.message) for reason in reasons)
