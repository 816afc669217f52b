"""The home page: for people who watch the market, and move its day."""

from __future__ import annotations

import html

from carprice_assets.practice_market.site.frame import page, search_path
from carprice_assets.practice_market.site.state import SiteState


def home_page(state: SiteState) -> bytes:
    """Market, day, stock, what changed since the day before, and a button for the next day."""
    stock, settings = state.stock, state.settings
    found = stock.changes
    figures = [("On sale", len(stock.cars), "cars")]
    figures += [
        ("New", len(found.new), "since the day before" if stock.day else "all on the first day"),
        ("Re-priced", len(found.changed), "since the day before"),
        ("Gone", len(found.gone), "since the day before"),
    ]
    tiles = "".join(
        f'<div class="tile"><span>{label}</span><strong>{number:,}</strong><small>{note}</small>'
        "</div>"
        for label, number, note in figures
    )
    button = (
        '<form method="post" action="/practice/advance"><button>Next day</button></form>'
        if stock.day < state.last_day
        else "<p>This is the last simulated day.</p>"
    )
    when = f"{stock.date:%A}, {stock.date.day} {stock.date:%B %Y}"
    body = (
        f'<section class="hero"><h1>{html.escape(settings.title)}</h1>'
        f"<p>Day {stock.day} of {state.last_day}: {when}</p>"
        f'<div class="actions"><a class="button" href="{search_path(settings)}">See the cars for'
        f" sale</a>{button}</div></section>"
        f'<section class="tiles">{tiles}</section>'
        '<section class="about"><p>A marketplace to practise on. It changes when its day does, and'
        " never by itself: the same day always shows the same cars.</p></section>"
    )
    return page(settings, settings.title, body)
