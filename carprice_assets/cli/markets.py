"""What markets there are."""

from __future__ import annotations

import sys

import click

from carprice_assets.cli.root import main
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_markets


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
    from carprice_assets.bargains.direction import check_direction
    from carprice_assets.features.switches import check
    from carprice_assets.regressors.registry import check_parameters
    from carprice_assets.sources.columns import mapped_table

    good, broken = load_markets(Home.current())
    for name, market in list(good.items()):
        try:
            if "columns" in market.sources:
                mapped_table(market)
            own = [feature.name for feature in market.features]
            check(market.training.features_off, "training.features_off", own)
            check_direction(market.bargains.direction, "bargains.direction")
            for regressor, parameters in market.regressors.items():
                check_parameters(regressor, parameters)
        except UserError as error:
            broken[name] = f"market {name}: {str(error).removeprefix(f'market {name}: ')}"
            del good[name]
    for line in broken.values():
        click.echo(f"carprice: {line}", err=True)
    click.echo(f"{len(good)} good, {len(broken)} broken")
    sys.exit(2 if broken else 0)
