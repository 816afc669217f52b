"""The service on a port of this machine, and Chromium before it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # helpers that are no tests stand beside this file

import axe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Route

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--disable-component-update", "--no-first-run"]  # fmt: skip
PATIENCE = 60_000.0
OUTSIDE = re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1[:/])")


# No longer than a module: the driver's event loop counts as running in this thread meanwhile.
@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """A context that cannot leave this machine.

    The test fails where a page of it tried, or where one complained.
    """
    opened: list[BrowserContext] = []
    wrong: list[str] = []

    def refuse(route: Route) -> None:
        wrong.append(f"reached for {route.request.url}")
        route.abort()

    def heard(message: Any) -> None:
        # A page that tells of a wrong field has the status 422, which Chromium remarks upon.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            wrong.append(message.text)

    def make(**options: Any) -> BrowserContext:
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        context.route(OUTSIDE, refuse)
        context.on("console", heard)
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()
    assert not wrong


@pytest.fixture(scope="session")
def axe_core() -> str:
    """The script of axe-core; skips, with the reason, where it cannot be had."""
    try:
        return axe.script()
    except LookupError as error:
        pytest.skip(str(error))
