"""What happens after an answer: whoever wants to know of it is told, and nobody waits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from carprice_serving.schemas import Valuation
from carprice_serving.valuers import Valuer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """One request with its answer.

    Attributes
    ----------
    valuer
        The release that answered.
    regressor
        The one asked for; None for the release's champion.
    cars
        As they were sent.
    """

    valuer: Valuer
    regressor: str | None
    as_of: date
    cars: Sequence[Any]
    valuations: Sequence[Valuation]


class Listeners:
    """Those who want to know of every answer.

    Each is called on the event loop once an answer is made, before it is sent: it may take
    microseconds, and puts aside what takes longer. What one fails of is logged, and hurts
    neither the answer nor the others.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[Answered], None]] = []

    def add(self, listener: Callable[[Answered], None]) -> None:
        """Tell ``listener`` of every answer from now on."""
        self._listeners.append(listener)

    def tell(self, answered: Answered) -> None:
        """Tell all of one answer."""
        for listener in self._listeners:
            try:
                listener(answered)
            except Exception:
                logger.exception("an answer could not be passed on")
