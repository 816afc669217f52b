"""The list of bargains: look at it, make it anew, follow past ones."""

from __future__ import annotations

import json

import click

from carprice_assets.cli.root import main, market_option
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market


@main.command()
@market_option
@click.option("--make", default="", help="Cars of this make alone.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@click.option("--apart", is_flag=True, help="Also what is more likely an error or a fraud.")
@click.option("--anew", is_flag=True, help="Make the list anew from the current offers first.")
@click.option("--proof", is_flag=True, help="What became of the offers of past lists.")
@click.option("--json", "as_json", is_flag=True, help="The whole list, for machines.")
def bargains(
    market: str, make: str, limit: int, apart: bool, anew: bool, proof: bool, as_json: bool
) -> None:
    """Current offers that cost less than they should, the best first."""
    from carprice_assets.bargains.published import present
    from carprice_assets.bargains.telling import lines

    home = Home.current()
    load_market(home, market)
    if anew:
        _make(home, market)
    found = present(home.releases, market)
    if found is None:
        raise UserError(
            f"market {market} has no list of bargains yet: carprice bargains --market {market}"
            " --anew makes one, once there is a champion"
        )
    if as_json:
        click.echo(json.dumps({"list": found.id, **found.content}, ensure_ascii=False))
        return
    told = lines(found, make=make, limit=limit, apart=apart)
    for line in [*told, *(_proof(home, market) if proof else [])]:
        click.echo(line)


def _make(home: Home, market: str) -> None:
    """Launch the asset, so that the run shows in the UI."""
    from carprice_assets.cli.root import champion
    from carprice_assets.defs import launch

    champion(home, market)  # refused in one line where there is none
    with launch.instance(home) as instance:
        launch.require(launch.materialize(instance, market, ["bargains"]))


def _proof(home: Home, market: str) -> list[str]:
    from carprice_assets.bargains.backtest import follow
    from carprice_assets.bargains.published import history
    from carprice_assets.listings.warehouse import Warehouse

    warehouse = Warehouse.of(home)
    with warehouse.connect("past lists", lambda line: click.echo(line, err=True)) as con:
        return ["", *follow(con, market, history(home.releases, market)).lines]
