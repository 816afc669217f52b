"""A line every few seconds: how far a crawl is, how fast, and how long it may still take."""

from __future__ import annotations

from dataclasses import dataclass

EVERY_SECONDS = 10.0


@dataclass
class Progress:
    """Counts of one run of a crawl.

    ``begun`` is the monotonic second of its start; ``settled`` counts details that reached their
    final state in this run.
    """

    begun: float
    settled: int = 0

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
        rate = self.settled / max(now - self.begun, 1e-9)
        parts = [
            f"search pages {searches}{' so far' if searching else ''}, cards {cards:,}",
            f"details {planned - left:,} of {planned:,}",
            f"{rate:.1f} a second",
            f"failed {failed:,}",
        ]
        if left and rate > 0:
            more = "at least " if searching else ""
            parts.append(f"{more}{duration(left / rate)} left")
        return "; ".join(parts)


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
