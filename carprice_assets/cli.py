"""The ``carprice`` command: thin, it launches the same assets that the UI shows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market, load_markets

DAY = click.DateTime(["%Y-%m-%d"])
PORT = click.IntRange(1, 65_535)
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the signal's number."""


class Group(click.Group):
    """Bad input ends with one line on standard error and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a :class:`UserError` becomes one line."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"carprice: {error}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo(
                "carprice: interrupted; what was finished is kept, and the same command goes on",
                err=True,
            )
            ctx.exit(INTERRUPTED)


@click.group(cls=Group)
@click.version_option(package_name="carprice")
def main() -> None:
    """Prices cars: from scraped listings to a promoted release and an HTTP service."""


def _market(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--market", "-m", required=True, help="Name of the market.")(function)


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_market
@click.option("--format", "file_format", required=True, help="How the file is built.")
@click.option("--scraped-at", type=DAY, help="Day of the scrape, where the file has none.")
def import_file(file: Path, market: str, file_format: str, scraped_at: datetime | None) -> None:
    """Take FILE in, clean it, and split it by vehicle."""
    from carprice_assets.defs import launch
    from carprice_assets.defs.automation import LISTINGS
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
        outcome = launch.materialize(instance, market, LISTINGS, {"raw_listings": config})
    _end(outcome, import_summary(market, outcome))


@main.command()
@_market
@click.option("--site", "sites", multiple=True, help="A site of the market; all by default.")
@click.option("--full", is_flag=True, help="Fetch every detail page, also those known.")
def crawl(market: str, sites: tuple[str, ...], full: bool) -> None:
    """Scrape the sites of a market, or go on with a crawl that did not end."""
    from carprice_assets.defs import launch
    from carprice_assets.defs.automation import LISTINGS
    from carprice_assets.defs.telling import import_summary

    home = Home.current()
    known = load_market(home, market).sites()
    if not known:
        raise UserError(f"market {market}: names no site ([sources.<name>] with an adapter)")
    if unknown := [name for name in sites if name not in known]:
        raise UserError(f"market {market}: no site {unknown[0]!r}: there are {', '.join(known)}")
    config = {"sites": list(sites), "full": full}
    with launch.instance(home) as instance:
        outcome = launch.materialize(instance, market, LISTINGS, {"raw_listings": config})
    _end(outcome, import_summary(market, outcome))


def _end(outcome: Any, summary: Iterable[str]) -> None:
    """Print what a run did; a failed one ends with its line on standard error."""
    from carprice_assets.defs import launch

    for line in summary:
        click.echo(line)
    try:
        launch.require(outcome)
    except launch.RunFailed as failed:
        click.echo(f"carprice: {failed}", err=True)
        sys.exit(1)


@main.command()
@_market
@click.option("--regressors", default="", help="Names with commas; all by default.")
@click.option("--trials", default=0, show_default=True, help="Optuna trials a regressor.")
def train(market: str, regressors: str, trials: int) -> None:
    """Fit, judge and promote: from the market's dataset to a release."""
    from carprice_assets.defs import launch
    from carprice_assets.defs.automation import training_assets
    from carprice_assets.defs.telling import training_summary
    from carprice_assets.regressors.registry import REGRESSORS

    home = Home.current()
    load_market(home, market)
    names = [name.strip() for name in regressors.split(",") if name.strip()] or list(REGRESSORS)
    if unknown := [name for name in names if name not in REGRESSORS]:
        raise UserError(f"unknown regressor {unknown[0]!r}: there are {', '.join(REGRESSORS)}")
    if trials < 0:
        raise UserError(f"--trials must be 0 or more, got {trials}")
    with launch.instance(home) as instance:
        launch.require_dataset(home, market)
        config = {name: {"trials": trials} for name in names}
        outcome = launch.materialize(instance, market, training_assets(names), config)
    _end(outcome, training_summary(home, market, outcome))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@_market
@click.option("--format", "file_format", required=True, help="How the file is built.")
@click.option("--scraped-at", type=DAY, help="Day of the scrape, where the file has none.")
@click.option("--regressor", help="Another than the champion's own.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def score(
    file: Path,
    market: str,
    file_format: str,
    scraped_at: datetime | None,
    regressor: str | None,
    as_json: bool,
) -> None:
    """Back-test the champion on FILE, whose listings have prices."""
    from carprice_assets.listings.known import known_vehicles
    from carprice_assets.releases.backtest import backtest
    from carprice_assets.sources import find_format

    home = Home.current()
    settings = load_market(home, market)
    find_format(file_format)
    table = backtest(
        _champion(home, market),
        settings,
        file,
        file_format,
        scraped_at.date() if scraped_at else None,
        known_vehicles=known_vehicles(home, market),
        regressor=regressor,
    )
    click.echo(table.to_json().decode() if as_json else table.to_text())


def _champion(home: Home, market: str) -> Any:
    from carprice_assets.releases.store import ReleaseStore
    from carprice_assets.releases.valuer import Valuer

    store = ReleaseStore(home.releases)
    champion = store.champion(market)
    if champion is None:
        raise UserError(
            f"market {market} has no champion yet: run carprice train --market {market}"
        )
    return Valuer.load(store.open(market, champion).path)


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
    valuer = _champion(home, market or _only_market(home))
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


@main.group()
def crawls() -> None:
    """What crawls did: the ledger."""


@crawls.command("list")
@_market
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
@_market
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


@main.group()
def markets() -> None:
    """What markets there are."""


@markets.command("list")
def markets_list() -> None:
    """One line a market: name, units, champion."""
    from carprice_assets.releases.store import ReleaseStore

    home = Home.current()
    store = ReleaseStore(home.releases)
    good, broken = load_markets(home)
    for name, market in sorted(good.items()):
        champion = store.champion(name) or "no champion"
        click.echo(f"{name:<16} {market.currency} {market.distance}  {champion:<32} {market.title}")
    for name in sorted(broken):
        click.echo(f"{name:<16} broken: see carprice markets check")


@markets.command("check")
def markets_check() -> None:
    """Read every market file; one line for each that is broken."""
    good, broken = load_markets(Home.current())
    for line in broken.values():
        click.echo(f"carprice: {line}", err=True)
    click.echo(f"{len(good)} good, {len(broken)} broken")
    sys.exit(2 if broken else 0)


@main.group()
def releases() -> None:
    """What was trained, what serves, and the way back."""


@releases.command("list")
@_market
def releases_list(market: str) -> None:
    """One line a release; * marks the champion."""
    from carprice_assets.releases.listing import release_lines, require_market

    require_market(Home.current(), market)
    for line in release_lines(Home.current(), market):
        click.echo(line)


@releases.command("show")
@_market
@click.argument("release", required=False)
def releases_show(market: str, release: str | None) -> None:
    """The model card of RELEASE, or of the champion."""
    from carprice_assets.releases.card import model_card
    from carprice_assets.releases.store import ReleaseStore

    store = ReleaseStore(Home.current().releases)
    found = store.open(market, _release(store, market, release))
    click.echo(model_card(found, store.ledger(market)))


def _release(store: Any, market: str, given: str | None) -> str:
    from carprice_assets.releases.listing import require_market

    require_market(Home.current(), market)
    chosen = given or store.champion(market)
    if chosen is None:
        raise UserError(
            f"market {market} has no champion yet: run carprice train --market {market}"
        )
    return chosen


@releases.command("rollback")
@_market
@click.argument("release", required=False)
@click.option("--reason", required=True, help="Stands in the ledger.")
def releases_rollback(market: str, release: str | None, reason: str) -> None:
    """Go back to RELEASE, or to the champion's predecessor."""
    from carprice_assets.releases.listing import require_market
    from carprice_assets.releases.store import ReleaseStore

    require_market(Home.current(), market)
    now = ReleaseStore(Home.current().releases).rollback(market, release, reason)
    click.echo(f"market {market}: release {now} serves now")


@releases.command("verify")
@_market
@click.argument("release", required=False)
def releases_verify(market: str, release: str | None) -> None:
    """Check every file of RELEASE (all by default) and replay the golden cases."""
    from carprice_assets.releases.listing import require_market, verify_lines

    home = Home.current()
    require_market(home, market)
    lines, sound = verify_lines(home, market, release)
    for line in lines:
        click.echo(line)
    sys.exit(0 if sound else 2)


if __name__ == "__main__":
    main()
