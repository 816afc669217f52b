"""What was trained, what serves, and the way back."""

from __future__ import annotations

import sys
from typing import Any

import click

from carprice_assets.cli.root import main, market_option, release_argument
from carprice_assets.errors import UserError
from carprice_assets.home import Home


@main.group()
def releases() -> None:
    """What was trained, what serves, and the way back."""


@releases.command("list")
@click.option("--market", "-m", help="Name of the market; all markets' champions by default.")
def releases_list(market: str | None) -> None:
    """One line a release; * marks the champion. Without a market: what serves in each."""
    from datetime import UTC, datetime

    from carprice_assets.releases.approvals import waits
    from carprice_assets.releases.listing import release_lines, require_market
    from carprice_assets.releases.overview import overview, wait_line
    from carprice_assets.releases.store import ReleaseStore

    home, now = Home.current(), datetime.now(UTC)
    if market is None:
        for row in overview(home, now):
            for line in row.lines():
                click.echo(line)
        return
    require_market(home, market)
    for line in release_lines(home, market):
        click.echo(line)
    for wait in waits(ReleaseStore(home.releases).ledger(market)):
        click.echo(f"  {wait_line(wait, market, now)}")


@releases.command("show")
@market_option
@release_argument()
def releases_show(market: str, release: str | None) -> None:
    """The model card of RELEASE, or of the champion."""
    from carprice_assets.releases.card import model_card
    from carprice_assets.releases.shadow_pairs import shadow_page
    from carprice_assets.releases.store import ReleaseStore

    store = ReleaseStore(Home.current().releases)
    found = store.open(market, _release(store, market, release))
    click.echo(model_card(found, store.ledger(market)))
    if page := shadow_page(store.root, market, found.id):
        click.echo(page)


def _release(store: Any, market: str, given: str | None) -> str:
    from carprice_assets.releases.listing import require_market
    from carprice_assets.releases.repair import no_champion

    require_market(Home.current(), market)
    chosen = given or store.champion(market)
    if chosen is None:
        raise no_champion(store, market)
    return chosen


@releases.command("rollback")
@market_option
@release_argument()
@click.option("--reason", required=True, help="Stands in the ledger.")
def releases_rollback(market: str, release: str | None, reason: str) -> None:
    """Go back to RELEASE, or to the champion's predecessor, once its golden cases were replayed.

    It must have served before: what has not is decided upon, by train, approve or override.
    """
    from carprice_assets.releases.listing import require_market
    from carprice_assets.releases.store import ReleaseStore
    from carprice_assets.releases.valuer import require_answers

    require_market(Home.current(), market)
    store = ReleaseStore(Home.current().releases)
    now = store.rollback(market, release, reason, require_answers)
    click.echo(f"market {market}: release {now} serves now")


@releases.command("approve")
@market_option
@release_argument(required=True)
def releases_approve(market: str, release: str) -> None:
    """Let RELEASE serve, which has passed the rules and waits for a person.

    It is judged once more, by the present data: an approval lifts no rule. Your name stands in
    CARPRICE_APPROVER, or as approver in settings.toml of the data home.
    """
    _decide(market, {"approve": release})


@releases.command("override")
@market_option
@release_argument(required=True)
@click.option("--reason", required=True, help="Stands in the ledger and on the model card.")
def releases_override(market: str, release: str, reason: str) -> None:
    """Let RELEASE serve against the promotion rules, in your name and for ever on record.

    Its files must be whole all the same. Your name stands in CARPRICE_APPROVER, or as approver in
    settings.toml of the data home.
    """
    if not reason.strip():
        raise UserError("an override needs a reason")
    _decide(market, {"override": release, "reason": reason})


def _decide(market: str, config: dict[str, str]) -> None:
    """Materialize the asset champion with a person's decision, as the UI does."""
    from carprice_assets.cli.root import end
    from carprice_assets.defs import launch
    from carprice_assets.releases.approvals import approver
    from carprice_assets.releases.listing import require_market
    from carprice_assets.releases.store import ReleaseStore

    home = Home.current()
    require_market(home, market)
    ReleaseStore(home.releases).open(market, config.get("approve") or config["override"])
    approver(home)  # who has no name is told so before a run begins
    with launch.instance(home) as instance:
        outcome = launch.materialize(instance, market, ["champion"], {"champion": config})
    told = outcome.facts.get("champion", {})
    end(outcome, [f"market {market}: {told['decision']}"] if told else [])
    if outcome.success and not told:
        click.echo(f"market {market}: release {next(iter(config.values()))} serves already")


@releases.command("verify")
@market_option
@release_argument()
def releases_verify(market: str, release: str | None) -> None:
    """Check every file of RELEASE (all by default) and replay the golden cases."""
    from carprice_assets.releases.listing import require_market, verify_lines

    home = Home.current()
    require_market(home, market)
    lines, sound = verify_lines(home, market, release)
    for line in lines:
        click.echo(line)
    sys.exit(0 if sound else 2)


@releases.command("shadow")
@market_option
@release_argument()
@click.option("--off", is_flag=True, help="Score no release beside the champion any more.")
def releases_shadow(market: str, release: str | None, off: bool) -> None:
    """Score RELEASE beside the champion on served traffic; a running service follows.

    What both say is kept beside the releases, and releases show tells it.
    """
    from carprice_assets.releases.listing import require_market
    from carprice_assets.releases.shadow import end_shadow, read_shadow, set_shadow
    from carprice_assets.releases.store import ReleaseStore

    store = ReleaseStore(Home.current().releases)
    require_market(Home.current(), market)
    if off and release:
        raise UserError("--off ends the shadow, whichever it is: name no release")
    if off:
        end_shadow(store, market)
    elif release:
        set_shadow(store, market, release)
    now = read_shadow(store.root, market)
    click.echo(f"market {market}: " + (f"release {now} is the shadow" if now else "no shadow"))


@releases.command("repair")
@market_option
def releases_repair(market: str) -> None:
    """Make a broken or lost champion pointer again from the ledger."""
    from carprice_assets.releases.listing import require_market
    from carprice_assets.releases.repair import repair
    from carprice_assets.releases.store import ReleaseStore

    require_market(Home.current(), market)
    click.echo(repair(ReleaseStore(Home.current().releases), market))


@releases.command("rebuild")
@market_option
@release_argument(required=True)
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
