"""What is said about one car beside its price: warnings and errors, each with its field."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """One remark about one field of one car.

    ``code`` is stable and for machines (``imputed``, ``unknown_word``, ``out_of_range`` …),
    ``field`` the listing field, ``message`` one sentence for people.
    """

    code: str
    field: str
    message: str
