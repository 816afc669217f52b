"""Answers of a fitted state that are remembered, up to a number of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")
MOST = 1 << 12


class Remembered(Generic[Key, Answer]):
    """Answers kept by key; all are forgotten once there are :data:`MOST`.

    For state that changes only where ``clear`` is called. Threads may share it: at worst one
    computes what another has. It holds no reference to its owner, so that a release that is
    out of service is freed at once.
    """

    def __init__(self) -> None:
        self._known: dict[Key, Answer] = {}

    def of(self, key: Key, compute: Callable[[Key], Answer]) -> Answer:
        """The answer for ``key``, computed where it is not known; nobody may change it."""
        known = self._known.get(key)
        if known is None:
            known = compute(key)
            if len(self._known) >= MOST:
                self._known = {}
            self._known[key] = known
        return known

    def clear(self) -> None:
        """Forget all."""
        self._known = {}
