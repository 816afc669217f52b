"""What was trained, what serves, and the way back."""

from __future__ import annotations

import sys
from typing import Any

import click

from carprice_assets.cli.root import main, market_option
from carprice_assets.errors import UserError
from carprice_assets.home import Home


@main.group()
def releases() -> None:
    """What was trained, what serves, and the way back."""


@releases.command("list")
@market_option
def releases_list(market: str) -> None:
    """One line a release; * marks the champion."""
    from carprice_assets.releases.listing import release_lines, require_market

    require_market(Home.current(), market)
    for line in release_lines(Home.current(), market):
        click.echo(line)


@releases.command("show")
@market_option
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
@market_option
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
@market_option
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


@releases.command("rebuild")
@market_option
@click.argument("release")
def releases_rebuild(market: str, release: str) -> None:
    """Make RELEASE again from its dataset and settings, and compare.

    Takes as long as its training, and changes nothing: what serves and what is kept stay as
    they are. Ends with 0 where the id is the same, with 1 where it is not.
    """
    from carprice_assets.bargains.refit import refit
    from carprice_assets.releases.listing import require_market
    from carprice_assets.releases.rebuild import plan, rebuild

    home = Home.current()
    require_market(home, market)
    planned = plan(home, market, release)
    for warning in planned.warnings:
        click.echo(f"warning: {warning}")
    rebuilt = rebuild(home, planned, lambda line: click.echo(line, err=True), refit)
    for line in rebuilt.lines:
        click.echo(line)
    sys.exit(0 if rebuilt.same else 1)
