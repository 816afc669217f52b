"""Training, and scoring on a file with prices."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from carprice_assets.cli.root import DAY, champion, end, main, market_option
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market


@main.command()
@market_option
@click.option(
    "--regressors",
    help="Names with commas to fit; all by default.",
)
@click.option("--trials", default=0, show_default=True, help="Optuna trials a regressor.")
@click.option("--minutes", default=0.0, show_default=True, help="Minutes of search a regressor.")
def train(market: str, regressors: str | None, trials: int, minutes: float) -> None:
    """Fit, judge and promote: from the market's dataset to a release.

    Regressors that an earlier run fitted to the same data take part, named or not: the best of all
    is put forward.
    """
    from carprice_assets.defs import launch
    from carprice_assets.defs.automation import training_assets
    from carprice_assets.defs.telling import training_summary
    from carprice_assets.regressors.registry import ALL

    home = Home.current()
    load_market(home, market)
    given = ALL if regressors is None else regressors.split(",")
    names = [name.strip() for name in given if name.strip()]
    if not names:
        raise UserError(f"--regressors names none: there are {', '.join(ALL)}")
    if unknown := [name for name in names if name not in ALL]:
        raise UserError(f"unknown regressor {unknown[0]!r}: there are {', '.join(ALL)}")
    if trials < 0:
        raise UserError(f"--trials must be 0 or more, got {trials}")
    if not 0 <= minutes < float("inf"):
        raise UserError(f"--minutes must be 0 or more, got {minutes:g}")
    with launch.instance(home) as instance:
        launch.require_dataset(home, market)
        config = {name: {"trials": trials, "minutes": minutes} for name in names}
        outcome = launch.materialize(instance, market, training_assets(names), config)
    end(outcome, training_summary(home, market, outcome))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@market_option
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
        champion(home, market),
        settings,
        file,
        file_format,
        scraped_at.date() if scraped_at else None,
        known_vehicles=known_vehicles(home, market),
        regressor=regressor,
    )
    click.echo(table.to_json().decode() if as_json else table.to_text())
