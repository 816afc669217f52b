"""Visits to the practice market, written as a file of payloads in the marketplace's shape."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.markets import Market
from carprice_assets.practice_market import PracticePayload, Settings, scrape, simulate
from carprice_assets.sources.payload import write_lines

EVERY = 2
"""Days between two visits."""


def write_scrapes(market: Market, spool: Path, progress: Callable[[str], None]) -> Path:
    """Visit the simulated stock every second day and write what was seen, one payload a line.

    Reads ``[sources.practice]`` of the market: ``seed``, ``size`` (cars on sale) and ``days``.

    Raises
    ------
    UserError
        For a setting that is no whole number above 0.
    """
    settings = market.sources["practice"]
    seed, size, days = (_whole(market, settings, key) for key in ("seed", "size", "days"))
    simulated = simulate(Settings(seed=seed, size=size))

    def seen() -> Iterator[PracticePayload]:
        for day in range(0, days, EVERY):
            offers = list(scrape(simulated, day))
            progress(f"practice market, day {day + 1} of {days}: {len(offers):,} cars seen")
            yield from offers

    spool.mkdir(parents=True, exist_ok=True)
    path = spool / f"practice-{market.name}.jsonl"
    work = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        write_lines(work, seen())
        os.replace(work, path)
    finally:
        work.unlink(missing_ok=True)
    return path


def _whole(market: Market, settings: Any, key: str) -> int:
    value = settings.get(key, {"seed": 7, "size": 2500, "days": 30}[key])
    if type(value) is not int or value <= 0:
        raise UserError(f"market {market.name}: sources.practice.{key} must be a whole number > 0")
    return value
