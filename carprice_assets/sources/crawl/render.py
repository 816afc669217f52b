"""A page made whole by Chromium, every request of it made by the crawler under its rules."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from carprice_assets.sources.crawl.answers import Answer
from carprice_assets.sources.crawl.browser import CLOSING_SECONDS, close_quietly, is_lost
from carprice_assets.sources.crawl.fetch import Fetcher, Response, Tally
from carprice_assets.sources.crawl.pace import BudgetUsedError, PausedTooLongError
from carprice_assets.sources.crawl.statics import TYPES, Static, Statics

if TYPE_CHECKING:
    from playwright.async_api import APIResponse, BrowserContext, Page, Request, Route

WANTED = frozenset({"document", "stylesheet", "script", "xhr", "fetch"})
"""What a page may ask for. Images, fonts, media, beacons, icons and the like are aborted."""
MOST_REQUESTS = 100
"""Requests of one page; a page that asks on and on gets no more."""
GRACE_SECONDS = 1.0
"""A page may still become whole after one of its requests failed."""
LOOK_SECONDS = 0.1

_OWN_HEADERS = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "set-cookie", "connection"}
)


@dataclass
class Rendering:
    """One page while it is made.

    Attributes
    ----------
    document
        The page as it was fetched; handed to the browser for its address.
    fatal
        What ends the crawl, met by one of the page's requests.
    trouble
        The first of the page's requests that failed in a way that may pass.
    """

    document: Response
    tally: Tally
    begun: bool = False
    running: int = 0
    asked: int = 0
    last: float = field(default_factory=time.monotonic)
    fatal: Exception | None = None
    trouble: Answer | None = None


class Renderer:
    """Renders pages; :meth:`on_request` is the browser's route handler."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._timeout = fetcher.site.timeout
        self._statics = Statics()
        self._active: dict[Page, Rendering] = {}
        self._free: WeakKeyDictionary[BrowserContext, list[Page]] = WeakKeyDictionary()
        self._places = asyncio.Semaphore(fetcher.site.concurrency)

    async def render(
        self, context: BrowserContext, document: Response, ready: str, tally: Tally
    ) -> tuple[Answer | None, str]:
        """Make a fetched document whole.

        Returns
        -------
        tuple
            What kept it from being ready (None: it is), and the page's HTML at that moment.

        Raises
        ------
        BudgetUsedError, PausedTooLongError
            Where one of the page's requests met that end.
        playwright.async_api.Error
            Where page or browser went away.
        """
        async with self._places:
            return await self._render(context, document, ready, tally)

    async def _render(
        self, context: BrowserContext, document: Response, ready: str, tally: Tally
    ) -> tuple[Answer | None, str]:
        page = await self._page(context)
        rendering = self._active[page] = Rendering(document, tally)
        good = False
        try:
            trouble = await self._until_ready(page, rendering, ready)
            if rendering.fatal is not None:
                raise rendering.fatal
            async with asyncio.timeout(self._timeout):
                html = await page.content()
            good = trouble is None
            return trouble, html
        except TimeoutError:
            return Answer("again", "timeout", "the page does not hold still"), ""
        finally:
            del self._active[page]
            await self._leave(context, page, good)

    async def _page(self, context: BrowserContext) -> Page:
        """A free page of the context: a new one costs a process of the browser's."""
        free = self._free.setdefault(context, [])
        if free:
            return free.pop()
        page = await context.new_page()
        page.on("popup", _close)
        return page

    async def _leave(self, context: BrowserContext, page: Page, good: bool) -> None:
        """Empty a page, which ends all that runs in it, for the next; close one that failed."""
        from playwright.async_api import Error

        if good:
            try:
                await page.goto("about:blank", timeout=CLOSING_SECONDS * 1000)
            except Error:
                good = False
        if good:
            self._free[context].append(page)
        else:
            await close_quietly(page.close())

    async def _until_ready(self, page: Page, rendering: Rendering, ready: str) -> Answer | None:
        from playwright.async_api import Error

        waiting = asyncio.create_task(_load(page, rendering.document.address, ready))
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=LOOK_SECONDS)
                idle = time.monotonic() - rendering.last
                if rendering.fatal is not None:
                    return None
                if rendering.trouble is not None and idle > GRACE_SECONDS:
                    return rendering.trouble
                # A request waits for its turn as long as it must; the page itself does not.
                if not rendering.running and idle > self._timeout:
                    return rendering.trouble or Answer(
                        "again", "not_ready", f"{ready} did not appear in {self._timeout:g} s"
                    )
            waiting.result()
        except Error as error:
            if is_lost(error):
                raise
            return Answer("again", "rendering", str(error).splitlines()[0][:200])
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return None

    async def on_request(self, route: Route) -> None:
        """Answer one request of a page, or abort it."""
        from playwright.async_api import Error

        rendering = self._rendering_of(route.request)
        try:
            if rendering is None:
                await route.abort()
                return
            rendering.running += 1
            try:
                await self._answer(route, rendering)
            except (BudgetUsedError, PausedTooLongError) as end:
                rendering.fatal = end
                await route.abort()
            finally:
                rendering.running -= 1
                rendering.last = time.monotonic()
        except Error:
            # The page was closed or the browser is gone; whoever waits for the page is told.
            return

    def _rendering_of(self, request: Request) -> Rendering | None:
        from playwright.async_api import Error

        try:
            return self._active.get(request.frame.page)
        except Error:
            return None

    async def _answer(self, route: Route, rendering: Rendering) -> None:
        request = route.request
        kind = request.resource_type
        if kind not in WANTED:
            await route.abort()
            return
        rendering.asked += 1
        if rendering.asked > MOST_REQUESTS:
            await route.abort()
            return
        if request.is_navigation_request() and request.frame.parent_frame is None:
            await self._document(route, rendering)
            return
        if kind in TYPES and request.method == "GET":
            came = await self._statics.get(request.url, lambda: self._fetch(route, rendering))
        else:
            came = await self._fetch(route, rendering)
        if came is None:
            await route.abort()
        else:
            await route.fulfill(status=came.status, headers=dict(came.headers), body=came.body)

    async def _document(self, route: Route, rendering: Rendering) -> None:
        # A page that sends itself elsewhere is not followed: it was asked for this address. "No
        # content" leaves it standing as it is; an abort would put an error page in its place.
        if rendering.begun:
            await route.fulfill(status=204)
            return
        rendering.begun = True
        document = rendering.document
        await route.fulfill(
            status=document.status, headers=_passed_on(document.headers or {}), body=document.body
        )

    async def _fetch(self, route: Route, rendering: Rendering) -> Static | None:
        address = route.request.url
        if await self._fetcher.fault(address, 0) is not None:
            return None

        async def send(hop: str) -> APIResponse:
            return await route.fetch(url=hop, max_redirects=0, timeout=self._timeout * 1000)

        got = await self._fetcher.get(address, send, rendering.tally)
        if got.answer.interstitial or got.answer.kind in ("wait", "again"):
            rendering.trouble = rendering.trouble or got.answer
        if got.status is None or got.answer.kind in ("redirect", "unreadable"):
            return None
        return Static(got.status, _passed_on(got.headers or {}), got.body)


async def _close(popup: Page) -> None:
    await close_quietly(popup.close())


async def _load(page: Page, address: str, ready: str) -> None:
    await page.goto(address, wait_until="commit", timeout=0)
    await page.wait_for_selector(ready, state="attached", timeout=0)


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of an answer for the browser: the body is decoded, cookies are set already."""
    return {name: value for name, value in headers.items() if name not in _OWN_HEADERS}
