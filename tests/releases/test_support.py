"""The unsupported verdict: which notes forbid a price."""

from __future__ import annotations

from carprice_assets.features.limits import UNSUPPORTED
from carprice_assets.listings.notes import Note
from carprice_assets.releases.support import as_errors, verdict


def test_notes_of_unsupported_cars_are_reasons_and_no_warnings() -> None:
    notes = [Note(code, "car", code) for code in (*sorted(UNSUPPORTED), "imputed", "unusual")]
    reasons, others = verdict(notes)
    assert {note.code for note in reasons} == UNSUPPORTED
    assert [note.code for note in others] == ["imputed", "unusual"]
    assert verdict(notes[-2:]) == ((), tuple(notes[-2:]))


def test_reasons_are_told_as_errors_too() -> None:
    reason = Note("unknown_make", "make", "no listing of it was learned")
    error = Note("unsupported", "make", "no listing of it was learned")
    assert as_errors([reason]) == (error,)
