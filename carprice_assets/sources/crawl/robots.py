"""robots.txt: what a site does not want fetched, and how slowly it wants the rest fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from carprice_assets.sources.crawl.agent import ROBOTS_TOKEN

UNWELCOME = (401, 403, 429)
MAX_BYTES = 512_000
"""Read of a robots.txt; RFC 9309 asks for at least 500 KiB, what follows is ignored."""


@dataclass(frozen=True)
class RobotsFile:
    """What one host's robots.txt says.

    Attributes
    ----------
    rules
        Parsed; None where the host has none, which allows everything.
    unreachable
        Why it could not be read, '' where it could: then nothing may be fetched.
    refused
        Whether it is unreachable because the crawler is not welcome.
    """

    rules: Protego | None = None
    unreachable: str = ""
    refused: bool = False

    def allows(self, address: str) -> bool:
        """Whether the crawler may fetch an address of this host."""
        if self.unreachable:
            return False
        return self.rules is None or bool(self.rules.can_fetch(address, ROBOTS_TOKEN))

    def slowest(self, rate: float) -> float:
        """Requests a second: ``rate``, or less where Crawl-delay or Request-rate ask for it."""
        if self.rules is None:
            return rate
        delay = self.rules.crawl_delay(ROBOTS_TOKEN)
        if delay is not None and delay > 0:
            rate = min(rate, 1.0 / delay)
        asked = self.rules.request_rate(ROBOTS_TOKEN)
        if asked is not None and asked.requests > 0 and asked.seconds > 0:
            rate = min(rate, asked.requests / asked.seconds)
        return rate


def parse(body: bytes) -> RobotsFile:
    """Read a robots.txt: UTF-8, unknown lines and bytes ignored (RFC 9309, 2.2)."""
    text = body[:MAX_BYTES].decode("utf-8-sig", "ignore")
    return RobotsFile(Protego.parse(text))


def by_status(status: int) -> RobotsFile:
    """The verdict of a status that is no success.

    4xx says that there is no robots.txt (RFC 9309, 2.3.1.3), but for 401, 403 and 429, which say
    that the crawler is not welcome; those, 5xx and everything else leave it unreachable.
    """
    if 400 <= status < 500 and status not in UNWELCOME:
        return RobotsFile()
    return RobotsFile(unreachable=f"status {status}", refused=status in UNWELCOME)


def origin(address: str) -> str:
    """Scheme and host of an address: what one robots.txt speaks for."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.lower()}"


class Robots:
    """The robots.txt of every host of a site, each fetched once, when it is first needed.

    Parameters
    ----------
    fetch
        Gives the verdict for the address of a robots.txt, after its retries.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[RobotsFile]]) -> None:
        self._fetch = fetch
        self._files: dict[str, RobotsFile] = {}
        self._fetching = asyncio.Lock()

    async def of(self, address: str) -> RobotsFile:
        """What holds for an address's host."""
        at = origin(address)
        known = self._files.get(at)
        if known is None:
            async with self._fetching:
                known = self._files.get(at) or await self._fetch(f"{at}/robots.txt")
                self._files[at] = known
        return known

    async def allows(self, address: str) -> bool:
        """Whether an address may be fetched; its host's robots.txt unreachable means no."""
        return (await self.of(address)).allows(address)
