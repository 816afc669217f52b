"""The practice markets' sites."""

from __future__ import annotations

import sys

import click

from carprice_assets.cli.root import main
from carprice_assets.home import Home
from carprice_assets.markets import load_market


@main.group()
def practice() -> None:
    """The practice markets' sites."""


@practice.command("serve")
@click.option("--market", "-m", "names", multiple=True, help="All practice markets by default.")
def practice_serve(names: tuple[str, ...]) -> None:
    """Serve the simulated stock as web pages until Ctrl-C."""
    from carprice_assets.practice_market.site import serve as serve_site

    sys.exit(serve_site(Home.current(), names))


@practice.command("advance")
@click.option("--market", "-m", default="practice", show_default=True, help="Name of the market.")
@click.option("--days", type=click.IntRange(1), default=2, show_default=True)
def practice_advance(market: str, days: int) -> None:
    """Let days pass on a site that runs: cars appear, are re-priced and vanish."""
    from carprice_assets.practice_market.site.client import advance

    click.echo(advance(load_market(Home.current(), market), days))
