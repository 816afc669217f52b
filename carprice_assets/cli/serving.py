"""Prices: for a file, over HTTP, and everything at once."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from carprice_assets.cli.root import DAY, PORT, champion, main
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_markets


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", "-o", required=True, type=click.Path(path_type=Path), help="CSV.")
@click.option("--market", "-m", help="Name of the market; the only one with a champion.")
@click.option("--as-of", type=DAY, help="Day to value at; today by default.")
@click.option("--regressor", help="Another than the champion's own.")
def predict(
    file: Path, output: Path, market: str | None, as_of: datetime | None, regressor: str | None
) -> None:
    """Price every car of FILE (CSV, Parquet, JSON Lines) into a CSV file."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from carprice_assets.releases.batch import price_file

    home = Home.current()
    valuer = champion(home, market or _only_market(home))
    day = as_of.date() if as_of else datetime.now(UTC).date()
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("cars", total=None)
        priced = price_file(
            valuer,
            file,
            output,
            as_of=day,
            regressor=regressor,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    click.echo(f"{priced.rows:,} cars, {priced.errors:,} without a price: {output}")


def _only_market(home: Home) -> str:
    from carprice_assets.releases.store import ReleaseStore

    store = ReleaseStore(home.releases)
    serving = sorted(name for name in load_markets(home)[0] if store.champion(name))
    if not serving:
        raise UserError("no market has a champion yet: run carprice train --market NAME")
    if len(serving) > 1:
        raise UserError(f"state --market: there are champions of {', '.join(serving)}")
    return serving[0]


@main.command()
@click.option("--host", help="Address to listen on; 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port; 8000 by default.")
def serve(host: str | None, port: int | None) -> None:
    """Answer over HTTP from the champions of all markets."""
    from dataclasses import replace

    from carprice_serving.server import serve as run
    from carprice_serving.settings import Settings

    settings = Settings.from_environment()
    given = {"host": host, "port": port}
    sys.exit(run(replace(settings, **{k: v for k, v in given.items() if v is not None})))


@main.command("run")
@click.option(
    "--ui-port", type=PORT, default=3000, show_default=True, help="Port of the Dagster UI."
)
@click.option("--api-port", type=PORT, default=8000, show_default=True, help="Port of the API.")
@click.option(
    "--market",
    "-m",
    "names",
    multiple=True,
    default=["practice"],
    show_default=True,
    help="Scraped and trained first where it has no champion; may be given again.",
)
def run_all(ui_port: int, api_port: int, names: tuple[str, ...]) -> None:
    """Train markets that have no champion, then serve the Dagster UI and the API together."""
    from carprice_assets.defs import everything

    sys.exit(everything.run(Home.current(), ui_port=ui_port, api_port=api_port, names=names))
