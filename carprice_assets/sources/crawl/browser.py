"""Chromium: found, started, its contexts recycled, started again after a crash."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carprice_assets.errors import UserError

if TYPE_CHECKING:
    from playwright.async_api import Browser as Chromium
    from playwright.async_api import BrowserContext, Playwright, Route, WebSocketRoute

NAMES = ("chromium", "chromium-browser", "google-chrome")
USES = 250
"""Pages after which a context is replaced: it keeps answers and grows."""
CLOSING_SECONDS = 5.0

# Everything that a page needs is fetched by the crawler and handed to the browser, so the
# browser itself needs no network: no name resolves, and what it would ask for on its own account
# (updates, prefetched names, a redirect that it would follow) leads nowhere.
SWITCHES = (
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-sync",
    "--dns-prefetch-disable",
    "--no-first-run",
    "--no-pings",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)


class BrowserLostError(Exception):
    """The browser, or the page in it, went away while it was used."""


def is_lost(error: Exception) -> bool:
    """Whether an error of Playwright means that browser, context or page is gone."""
    text = str(error).lower()
    return type(error).__name__ == "TargetClosedError" or any(
        words in text for words in ("has been closed", "crashed", "connection closed")
    )


def quiet_loss(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler that leaves out a lost browser nobody waited for.

    Whoever waits for a page is told of the loss; the driver's own futures are told to nobody.
    """
    error = context.get("exception")
    if not (isinstance(error, Exception) and is_lost(error)):
        loop.default_exception_handler(context)


def find_chromium(own: Path) -> Path:
    """The installed Chromium, else Playwright's ``own``.

    Raises
    ------
    UserError
        Where there is neither.
    """
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    if own.exists():
        return own
    raise UserError(
        f"no Chromium: none of {', '.join(NAMES)} is on the PATH, and Playwright has none"
        " (install the package chromium, or run 'playwright install chromium')"
    )


class _Seat:
    """One context and how far it is used."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.uses = 0
        self.holders = 0
        self.retired = False

    async def leave(self) -> None:
        """Close the context once it is retired and nobody uses it."""
        if self.retired and self.holders == 0:
            await close_quietly(self.context.close())


async def close_quietly(closing: Awaitable[None]) -> None:
    """Close something that may be gone already, or that does not answer any more."""
    from playwright.async_api import Error

    with suppress(Error, TimeoutError):
        await asyncio.wait_for(closing, CLOSING_SECONDS)


class Browser:
    """One headless Chromium and its current context.

    Parameters
    ----------
    agent
        The user agent of every request.
    on_request
        Takes every request that a page makes.
    uses
        Pages after which the context is replaced; its cookies are carried over.

    Attributes
    ----------
    launches
        Times the browser was started.
    contexts
        Contexts made so far.
    """

    def __init__(
        self, agent: str, on_request: Callable[[Route], Awaitable[None]], uses: int = USES
    ) -> None:
        self._agent = agent
        self._on_request = on_request
        self._uses = uses
        self._playwright: Playwright | None = None
        self._chromium: Chromium | None = None
        self._seat: _Seat | None = None
        self._change = asyncio.Lock()
        self.launches = 0
        self.contexts = 0

    @asynccontextmanager
    async def context(self) -> AsyncGenerator[BrowserContext]:
        """The current context, for one page; started, replaced or recycled where needed.

        Raises
        ------
        BrowserLostError
            Where browser, context or page went away meanwhile; the next call starts anew.
        UserError
            Where there is no browser or it does not start.
        """
        from playwright.async_api import Error

        seat = self._seat
        if seat is None or seat.uses >= self._uses:
            seat = await self._renewed()
        seat.uses += 1
        seat.holders += 1
        try:
            yield seat.context
        except Error as error:
            if not is_lost(error):
                raise
            await self._lose(seat.context)
            raise BrowserLostError(str(error).splitlines()[0]) from error
        finally:
            seat.holders -= 1
            if seat.retired:
                await seat.leave()

    async def _lose(self, context: BrowserContext) -> None:
        """Give up the browser of a context, unless it lives or another one took its place."""
        async with self._change:
            if self._seat is not None and self._seat.context is context:
                if await _answers(context):
                    return
                await self._stop()

    async def close(self) -> None:
        """Close browser and driver."""
        async with self._change:
            await self._stop()

    async def _renewed(self) -> _Seat:
        async with self._change:
            seat = self._seat
            if seat is not None and seat.uses < self._uses:
                return seat
            try:
                self._seat = await self._recycle(seat) if seat else await self._launch()
            except BrowserLostError:
                await self._stop()
                self._seat = await self._launch()
            return self._seat

    async def _recycle(self, old: _Seat) -> _Seat:
        from playwright.async_api import Error

        try:
            seat = await self._new_seat()
            await seat.context.add_cookies(await old.context.cookies())  # pyright: ignore
        except Error as error:
            raise BrowserLostError(str(error)) from error
        old.retired = True
        await old.leave()
        return seat

    async def _launch(self) -> _Seat:
        from playwright.async_api import Error, async_playwright

        self._playwright = await async_playwright().start()
        kind = self._playwright.chromium
        found = find_chromium(Path(kind.executable_path))
        root = os.geteuid() == 0
        try:
            self._chromium = await kind.launch(
                executable_path=found,
                headless=True,
                # Chromium's own sandbox does not run as root.
                chromium_sandbox=not root,
                args=list(SWITCHES),
                # Ctrl-C is this process's: it ends pages in order and then closes the browser.
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
            self.launches += 1
            return await self._new_seat()
        except Error as error:
            line = str(error).splitlines()[0]
            raise UserError(f"{found} does not start: {line}") from error

    async def _new_seat(self) -> _Seat:
        if self._chromium is None:
            raise BrowserLostError("the browser is gone")
        context = await self._chromium.new_context(
            user_agent=self._agent, service_workers="block", accept_downloads=False
        )
        await context.route("**/*", self._on_request)
        await context.route_web_socket("**/*", _refuse_web_socket)
        self.contexts += 1
        return _Seat(context)

    async def _stop(self) -> None:
        chromium, playwright = self._chromium, self._playwright
        self._seat = self._chromium = self._playwright = None
        if chromium is not None:
            await close_quietly(chromium.close())
        if playwright is not None:
            await close_quietly(playwright.stop())


async def _answers(context: BrowserContext) -> bool:
    """Whether driver and browser still answer, so that only a page was lost."""
    from playwright.async_api import Error

    try:
        await asyncio.wait_for(context.cookies(), CLOSING_SECONDS)
    except (Error, TimeoutError):
        return False
    return True


async def _refuse_web_socket(route: WebSocketRoute) -> None:
    await route.close()
