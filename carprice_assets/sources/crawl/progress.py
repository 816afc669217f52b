"""A line every few seconds: how far a crawl is, how fast, and how long it may still take."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

EVERY_SECONDS = 10.0
RATE_SECONDS = 60.0
"""The rate is that of the last minute: a crawl begins with pages that bring no details."""


@dataclass
class Progress:
    """Counts of one run of a crawl.

    ``begun`` is the monotonic second of its start; ``settled`` counts details that reached their
    final state in this run.
    """

    begun: float
    settled: int = 0
    _marks: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])

    def line(
        self,
        now: float,
        *,
        searches: int,
        cards: int,
        planned: int,
        left: int,
        failed: int,
        searching: bool,
    ) -> str:
        """Search pages and cards, details settled of planned, rate, failures, and the rest."""
        rate = self._rate(now)
        parts = [f"search pages {searches}{' so far' if searching else ''}, cards {cards:,}"]
        if planned:
            so_far = " found so far" if searching else ""
            parts.append(f"details {planned - left:,} of {planned:,}{so_far}")
            parts.append(f"{rate:.1f} a second")
        parts.append(f"failed {failed:,}")
        if left and rate > 0 and left / rate >= 1:
            more = "at least " if searching else ""
            parts.append(f"{more}{duration(left / rate)} left")
        return "; ".join(parts)

    def _rate(self, now: float) -> float:
        """Details a second since about a minute ago, or since the beginning."""
        while len(self._marks) > 1 and now - self._marks[1][0] >= RATE_SECONDS:
            self._marks.popleft()
        since, settled = self._marks[0] if self._marks else (self.begun, 0)
        self._marks.append((now, self.settled))
        return (self.settled - settled) / max(now - since, 1e-9)


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
