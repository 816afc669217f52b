"""The ``carprice`` command: thin, it launches the same assets that the UI shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market, load_markets

LISTING_ASSETS = ("raw_listings", "listings", "rejected_listings", "price_history", "dataset")


class Group(click.Group):
    """Bad input ends with one line on standard error and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a :class:`UserError` becomes one line."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"carprice: {error}", err=True)
            ctx.exit(2)


@click.group(cls=Group)
@click.version_option(package_name="carprice")
def main() -> None:
    """Prices cars: from scraped listings to a promoted release and an HTTP service."""


def _market_option(required: bool = True) -> Callable[[Any], Any]:
    return click.option("--market", "-m", required=required, help="Name of the market.")


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_market_option()
@click.option("--format", "file_format", required=True, help="How the file is built.")
@click.option("--scraped-at", type=click.DateTime(["%Y-%m-%d"]), help="Where the file has none.")
def import_file(
    file: Path, market: str, file_format: str, scraped_at: datetime | None
) -> None:
    """Take FILE in, clean it, and split it by vehicle."""
    from carprice_assets.defs import launch

    home = Home.current()
    load_market(home, market)
    _require_format(file_format)
    config = {
        "path": str(file.expanduser().absolute()),
        "format": file_format,
        "scraped_at": scraped_at.date().isoformat() if scraped_at else "",
    }
    with launch.instance(home) as instance:
        outcome = launch.materialize(
            instance, market, LISTING_ASSETS, {"raw_listings": config}
        )
        launch.require(outcome)
        _show(launch.metadata(instance, outcome.run_id))


def _require_format(name: str) -> None:
    from carprice_assets.sources import FORMATS

    if name not in FORMATS:
        raise UserError(f"unknown format {name!r}: there are {', '.join(sorted(FORMATS))}")


def _show(figures: Mapping[str, Mapping[str, Any]]) -> None:
    for asset, values in figures.items():
        plain = {k: v for k, v in values.items() if isinstance(v, int | float | str)}
        short = ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v}"
                          for k, v in plain.items() if len(str(v)) < 60)
        click.echo(f"{asset:<20} {short}")


@main.command()
@_market_option()
@click.option("--regressors", default="", help="Names with commas; all by default.")
@click.option("--trials", default=0, show_default=True, help="Optuna trials a regressor.")
def train(market: str, regressors: str, trials: int) -> None:
    """Fit, judge and promote: from the market's dataset to a release."""
    from carprice_assets.defs import launch
    from carprice_assets.defs.selections import training_assets

    home = Home.current()
    load_market(home, market)
    names = _regressor_names(regressors)
    if trials < 0:
        raise UserError(f"--trials must be 0 or more, got {trials}")
    with launch.instance(home) as instance:
        outcome = launch.materialize(
            instance,
            market,
            training_assets(names),
            {name: {"trials": trials} for name in names},
        )
        _training_summary(home, market, outcome)


def _regressor_names(text: str) -> list[str]:
    from carprice_assets.regressors.registry import REGRESSORS

    names = [name.strip() for name in text.split(",") if name.strip()] or list(REGRESSORS)
    for name in names:
        if name not in REGRESSORS:
            raise UserError(f"unknown regressor {name!r}: there are {', '.join(REGRESSORS)}")
    return names
