"""Scripts and styles of a site, kept for a crawl so that each is fetched once, not per page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

TYPES = frozenset({"script", "stylesheet"})
MAX_BYTES = 64_000_000
"""Kept of all scripts and styles together; what comes later is fetched per page."""


@dataclass(frozen=True)
class Static:
    """A script or style as it is handed to the browser."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Statics:
    """What was fetched so far; two pages that want the same file at once cause one request."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._kept: dict[str, Static] = {}
        self._left = max_bytes
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(
        self, address: str, fetch: Callable[[], Awaitable[Static | None]]
    ) -> Static | None:
        """The kept file, else what ``fetch`` gives, which may be None: nothing usable came."""
        kept = self._kept.get(address)
        if kept is not None:
            return kept
        async with self._locks.setdefault(address, asyncio.Lock()):
            kept = self._kept.get(address)
            if kept is not None:
                return kept
            came = await fetch()
            if came is not None and self._may_keep(came):
                self._kept[address] = came
                self._left -= len(came.body)
            return came

    def _may_keep(self, came: Static) -> bool:
        forbidden = "no-store" in came.headers.get("cache-control", "").lower()
        return came.status == 200 and not forbidden and len(came.body) <= self._left
