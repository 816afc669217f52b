"""What comes in: files, crawls, and the ledger of crawls."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from carprice_assets.cli.root import DAY, end, main, market_option
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@market_option
@click.option("--format", "file_format", required=True, help="How the file is built.")
@click.option("--scraped-at", type=DAY, help="Day of the scrape, where the file has none.")
def import_file(file: Path, market: str, file_format: str, scraped_at: datetime | None) -> None:
    """Take FILE in, clean it, and split it by vehicle."""
    from carprice_assets.defs import launch
    from carprice_assets.defs.automation import SCRAPE
    from carprice_assets.defs.telling import import_summary
    from carprice_assets.sources import find_format

    home = Home.current()
    load_market(home, market)
    find_format(file_format)
    config = {
        "path": str(file.expanduser().absolute()),
        "format": file_format,
        "scraped_at": scraped_at.date().isoformat() if scraped_at else "",
    }
    with launch.instance(home) as instance:
        outcome = launch.materialize(instance, market, SCRAPE, {"raw_listings": config})
    end(outcome, import_summary(market, outcome))


@main.command()
@market_option
@click.option("--site", "sites", multiple=True, help="A site of the market; all by default.")
@click.option("--full", is_flag=True, help="Fetch every detail page, also those known.")
def crawl(market: str, sites: tuple[str, ...], full: bool) -> None:
    """Scrape the sites of a market, or go on with a crawl that did not end."""
    from carprice_assets.defs import launch
    from carprice_assets.defs.automation import SCRAPE
    from carprice_assets.defs.telling import import_summary

    home = Home.current()
    known = load_market(home, market).sites()
    if not known:
        raise UserError(f"market {market}: names no site ([sources.<name>] with an adapter)")
    if unknown := [name for name in sites if name not in known]:
        raise UserError(f"market {market}: no site {unknown[0]!r}: there are {', '.join(known)}")
    config = {"sites": list(sites), "full": full}
    with launch.instance(home) as instance:
        outcome = launch.materialize(instance, market, SCRAPE, {"raw_listings": config})
    end(outcome, import_summary(market, outcome))


@main.group()
def crawls() -> None:
    """What crawls did: the ledger."""


@crawls.command("list")
@market_option
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
def crawls_list(market: str, limit: int) -> None:
    """One line a crawl, the newest first."""
    from carprice_assets.listings.crawl_report import crawl_list, waiting_lines

    home = Home.current()
    with _ledger(market) as con:
        lines = crawl_list(con, market, limit)
    lines += waiting_lines(home.spool, load_market(home, market))
    for line in lines:
        click.echo(line)


@crawls.command("show")
@market_option
@click.argument("crawl_ids", nargs=-1, required=True)
@click.option("--state", "states", multiple=True, help="List all pages of this state.")
def crawls_show(market: str, crawl_ids: tuple[str, ...], states: tuple[str, ...]) -> None:
    """What CRAWL_IDS did, and which of their pages failed or wait."""
    from carprice_assets.listings.crawl_report import crawl_lines

    with _ledger(market) as con:
        lines = [line for each in crawl_ids for line in crawl_lines(con, market, each, states)]
    for line in lines:
        click.echo(line)


def _ledger(market: str) -> Any:
    from carprice_assets.listings.warehouse import Warehouse

    home = Home.current()
    load_market(home, market)
    return Warehouse.of(home).connect(
        "a look at the ledger", lambda line: click.echo(line, err=True)
    )
