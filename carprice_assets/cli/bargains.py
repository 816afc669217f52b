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
@click.option("--limit", type=click.IntRange(1), help="At most so many of each part: 20 as text.")
@click.option("--apart", is_flag=True, help="Also what is more likely no bargain.")
@click.option("--anew", is_flag=True, help="Make the list anew from the current offers first.")
@click.option("--proof", is_flag=True, help="Instead, what became of the offers of past lists.")
@click.option(
    "--json", "as_json", is_flag=True, help="For machines: all, unless --make or --limit say less."
)
def bargains(
    market: str,
    make: str,
    limit: int | None,
    apart: bool,
    anew: bool,
    proof: bool,
    as_json: bool,
) -> None:
    """Current offers that cost less than they should, the best first."""
    from carprice_assets.bargains.published import present
    from carprice_assets.bargains.telling import SHOWN, chosen, lines

    home = Home.current()
    load_market(home, market)
    if proof and (make or limit or apart):
        raise UserError("--proof tells of whole lists: leave --make, --limit and --apart out")
    if anew:
        _make(home, market)
    if proof:
        _tell_proof(home, market, as_json)
        return
    found = present(home.releases, market)
    if found is None:
        raise UserError(
            f"market {market} has no list of bargains yet: carprice bargains --market {market}"
            " --anew makes one, once there is a champion"
        )
    if as_json:
        click.echo(json.dumps(chosen(found, make=make, limit=limit), ensure_ascii=False))
        return
    for line in lines(found, make=make, limit=limit or SHOWN, apart=apart):
        click.echo(line)


def _make(home: Home, market: str) -> None:
    """Launch the asset, so that the run shows in the UI."""
    from carprice_assets.cli.root import champion
    from carprice_assets.defs import launch

    champion(home, market)  # refused in one line where there is none
    with launch.instance(home) as instance:
        launch.require(launch.materialize(instance, market, ["bargains"]))


def _tell_proof(home: Home, market: str, as_json: bool) -> None:
    from carprice_assets.bargains.backtest import follow
    from carprice_assets.bargains.published import history
    from carprice_assets.listings.warehouse import Warehouse

    warehouse = Warehouse.of(home)
    with warehouse.connect("past lists", lambda line: click.echo(line, err=True)) as con:
        proof = follow(con, market, history(home.releases, market))
    for line in [json.dumps({"market": market, **proof.to_json()})] if as_json else proof.lines:
        click.echo(line)
