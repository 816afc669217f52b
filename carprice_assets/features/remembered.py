"""Answers of a fitted state that are remembered, up to a number of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")
MOST = 1 << 12
MOST_TITLES = 1 << 14
"""Of titles with year and stock type: a car and its variants have five to ten."""


class Remembered(Generic[Key, Answer]):
    """Answers kept by key: at least the latest half of ``most`` (:data:`MOST`), never more.

    For state that changes only where ``clear`` is called. Threads may share it: at worst one
    computes what another has. It holds no reference to its owner, so that a release that is
    out of service is freed at once.
    """

    def __init__(self, most: int | None = None) -> None:
        self._half = (MOST if most is None else most) // 2
        self._known: dict[Key, Answer] = {}
        self._before: dict[Key, Answer] = {}

    def of(self, key: Key, compute: Callable[[Key], Answer]) -> Answer:
        """The answer for ``key``, computed where it is not known; nobody may change it."""
        known = self._known.get(key)
        if known is None:
            known = self._before.get(key)
            if known is None:
                known = compute(key)
            if len(self._known) >= self._half:  # what was not asked for since then is forgotten
                self._before, self._known = self._known, {}
            self._known[key] = known
        return known

    def clear(self) -> None:
        """Forget all."""
        self._known, self._before = {}, {}
