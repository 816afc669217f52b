"""The frame around every page: head, navigation, footer; made once, since it never changes."""

from __future__ import annotations

import html
import json
from functools import cache

from carprice_assets.practice_market.catalogue import load
from carprice_assets.practice_market.site.draws import roll, token
from carprice_assets.practice_market.site.settings import CARSCOM, SiteSettings

TRACKER = "https://tracker.invalid/t.js"
"""A tracker on a host that never resolves: what a polite scraper blocks, and people never miss."""
FLAGS = 150
"""Experiments in the configuration that every page carries, as real ones do."""


def search_path(settings: SiteSettings) -> str:
    """Path and query of the first search page."""
    if settings.template == CARSCOM:
        return "/shopping/results/?stock_type=all"
    return "/cars/"


def page(settings: SiteSettings, title: str, body: str, *, head: str = "", tail: str = "") -> bytes:
    """A whole HTML page.

    Parameters
    ----------
    title
        As text.
    body, head, tail
        As HTML: the main part, more of the head, and scripts at the end.
    """
    start, middle, end = _parts(settings)
    head = f"<title>{html.escape(title)}</title>{head}"
    return f"{start}{head}{middle}{body}{end}{tail}</body></html>".encode()


@cache
def _parts(settings: SiteSettings) -> tuple[str, str, str]:
    """What stands before the title, before the body, and after it."""
    start = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
        '<link rel="preload" href="/static/stars.woff" as="font" type="font/woff" crossorigin>'
        '<link rel="stylesheet" href="/static/site.css">'
        f'<script async src="{TRACKER}"></script>'
    )
    name, first = html.escape(settings.title), search_path(settings)
    kinds = ""
    if settings.template == CARSCOM:
        kinds = "".join(
            f'<a href="/shopping/results/?stock_type={key}">{label}</a>'
            for key, label in (("new", "New"), ("used", "Used"), ("cpo", "Certified"))
        )
    middle = (
        f'</head><body class="{settings.template}"><header class="top"><div class="wrap">'
        f'<a class="brand" href="/">{name}</a><nav><a href="{first}">Cars for sale</a>{kinds}'
        '</nav><a class="account" href="/account/" rel="nofollow">Sign in</a></div></header>'
        '<main class="wrap">'
    )
    end = (
        f'</main><footer class="bottom"><div class="wrap"><h2>Popular makes and models</h2>'
        f"{_popular(settings)}<p>{name} is made up from beginning to end: no car, dealer or price"
        " in it is real.</p></div></footer>"
        f"<script>window.practiceConfig={json.dumps(_flags(), separators=(',', ':'))}</script>"
    )
    return start, middle, end


def _popular(settings: SiteSettings) -> str:
    base = "/shopping/results/?stock_type=all&amp;" if settings.template == CARSCOM else "/cars/?"
    items = (
        f'<li><a href="{base}make={html.escape(make.name)}">{html.escape(make.name)}</a> '
        f"<small>{html.escape(', '.join(model.name for model in make.models[:5]))}</small></li>"
        for make in load()
    )
    return f'<ul class="popular">{"".join(items)}</ul>'


def _flags() -> dict[str, object]:
    return {
        f"experiment_{number:03d}": {
            "key": token("experiment", number)[:16],
            "variant": "treatment" if roll("variant", number) < 0.5 else "control",
            "exposed": roll("exposed", number) < 0.3,
        }
        for number in range(FLAGS)
    }
