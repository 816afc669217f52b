"""Whether the crawler is still welcome, and what ends a crawl before its pages are done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from carprice_assets.sources.crawl.answers import Answer

REFUSALS_IN_A_ROW = 3
LAYOUT_PAGES = 20
"""Details running without data after which the site's layout is taken to have changed."""


@dataclass(frozen=True)
class Stop:
    """How a crawl ends.

    Attributes
    ----------
    state
        ``complete``, ``partial``, ``refused``, ``unreachable``, ``paused`` or ``abandoned``.
    reason
        For a person; '' where complete.
    until
        Before which moment a paused crawl does not go on, where the host named one.
    """

    state: str
    reason: str
    until: datetime | None = None


class StoppedError(Exception):
    """The crawl ends here; ``stop`` says how."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(f"{state}: {reason}")
        self.stop = Stop(state, reason)


class Welcome:
    """Counts refusals; three in a row, or one interstitial, end the crawl."""

    def __init__(self) -> None:
        self._running: list[str] = []
        self._last = float("-inf")

    def note(self, answer: Answer, address: str, asked: float, now: float) -> None:
        """Take in an answer to a request made at ``asked`` (monotonic seconds).

        A 429 counts once for all requests that were on their way when it came: they were made
        before the site could be heard.

        Raises
        ------
        StoppedError
            Where the crawler is not welcome any more.
        """
        if answer.interstitial:
            raise StoppedError("refused", f"interstitial at {address}")
        if answer.kind in ("ok", "gone"):
            self._running.clear()
        elif answer.kind == "refused" or (answer.reason == "http_429" and asked > self._last):
            self._last = now
            self._running.append(answer.reason.removeprefix("http_"))
            if len(self._running) == REFUSALS_IN_A_ROW:
                raise StoppedError(
                    "refused", f"refused with {', '.join(self._running)}, last at {address}"
                )


class Layout:
    """Counts details running that have no data."""

    def __init__(self) -> None:
        self._running = 0

    def note(self, reason: str) -> None:
        """Take in a detail page's final state by its reason ('' for a good one).

        Raises
        ------
        StoppedError
            Where so many running had no data that asking for more is of no use.
        """
        if reason == "no_data":
            self._running += 1
        elif not reason:
            self._running = 0
        if self._running == LAYOUT_PAGES:
            raise StoppedError("partial", f"layout: {LAYOUT_PAGES} details running had no data")
