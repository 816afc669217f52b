"""Keeping house: backup and restore, retention, the warehouse's schema, and the doctor."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from carprice_assets.cli.root import main
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_market, load_markets


def _tell(line: str) -> None:
    click.echo(line, err=True)


@main.command()
def doctor() -> None:
    """Look for what ails the home: one line a matter, OK, WARN or FAIL, with what to do.

    Changes nothing. Ends with 2 where anything is FAIL.
    """
    from carprice_assets.defs.examination import examine_instance
    from carprice_assets.housekeeping.doctor import examine

    home = Home.current()
    failed = False
    for finding in examine(home):
        click.echo(finding.line)
        failed |= finding.level == "FAIL"
    for finding in examine_instance(home):
        click.echo(finding.line)
        failed |= finding.level == "FAIL"
    sys.exit(2 if failed else 0)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def backup(folder: Path) -> None:
    """Copy the whole home to the new FOLDER, while everything may go on."""
    from carprice_assets.housekeeping.backup import back_up

    made = back_up(Home.current(), folder, _tell)
    click.echo(f"{made.folder}: {made.files:,} files, {made.bytes / 1e6:,.1f} MB")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def restore(folder: Path) -> None:
    """Fill the empty home that CARPRICE_HOME names from the backup in FOLDER."""
    from carprice_assets.defs import launch
    from carprice_assets.defs.examination import end_unfinished
    from carprice_assets.housekeeping.restore import restore as fill
    from carprice_assets.housekeeping.restore import restored_problems

    home = Home.current()
    count = fill(home, folder, _tell)
    if problems := restored_problems(home):
        raise UserError(problems[0])
    ended = 0
    if home.dagster.exists():
        with launch.instance(home) as instance:
            ended = end_unfinished(instance, "it was under way when the backup was made")
    click.echo(
        f"{home.root}: {count:,} files restored"
        + (f"; {ended} runs that were under way are marked as failed" if ended else "")
    )


@main.command()
@click.option("--market", "-m", "names", multiple=True, help="Its raw rows; all by default.")
@click.option(
    "--days",
    type=click.IntRange(1),
    default=365,
    show_default=True,
    help="Raw rows keep their payload for so many days before the market's latest.",
)
@click.option(
    "--hours",
    type=click.FloatRange(min=1.0),
    default=24.0,
    show_default=True,
    help="Artifacts that were asked for in the last hours stay.",
)
@click.option("--compact", is_flag=True, help="Write the warehouse's file anew, without gaps.")
@click.option("--yes", is_flag=True, help="Do it; without, it is only shown.")
def prune(names: tuple[str, ...], days: int, hours: float, compact: bool, yes: bool) -> None:
    """Let go of what nothing needs: payloads of superseded raw rows, unnamed artifacts.

    Listings, price history, sides, datasets and data versions stay as they are, and so does what
    a champion, a release or a market's present assets are made of.
    """
    from carprice_assets.housekeeping.alone import alone
    from carprice_assets.housekeeping.garbage import find_garbage, sweep

    home = Home.current()
    with alone(home):
        found = find_garbage(home, hours)
        click.echo(
            f"artifacts: {found.artifacts} that nothing names ({found.bytes / 1e6:,.1f} MB);"
            f" {found.kept} stay ({found.kept_bytes / 1e6:,.1f} MB)"
        )
        if yes:  # first, since it frees space without needing any
            sweep(home, found, hours)
        _prune_rows(home, names, days, yes)
        if compact and yes and home.warehouse.exists():
            from carprice_assets.listings.upgrade import compact as write_anew
            from carprice_assets.listings.warehouse import Warehouse

            before, after = write_anew(Warehouse.of(home), _tell)
            click.echo(f"warehouse: {before / 1e6:,.1f} MB are {after / 1e6:,.1f} MB now")
    if not yes:
        click.echo("nothing was changed: --yes does it")


def _prune_rows(home: Home, names: tuple[str, ...], days: int, yes: bool) -> None:
    from carprice_assets.listings.retention import let_go, old_rows
    from carprice_assets.listings.warehouse import Warehouse

    markets = [load_market(home, name) for name in names] or list(load_markets(home)[0].values())
    if not home.warehouse.exists():
        return
    with Warehouse.of(home).connect("a prune", _tell) as con:
        for market in markets:
            rows = (let_go if yes else old_rows)(con, market, days)
            if rows.before is not None:
                click.echo(
                    f"market {market.name}: payloads of {rows.rows:,} superseded raw rows before"
                    f" {rows.before} ({rows.payload_bytes / 1e6:,.1f} MB), {rows.pages:,} pages of"
                    " old crawls"
                )


@main.group()
def warehouse() -> None:
    """The DuckDB file."""


@warehouse.command("migrate")
def warehouse_migrate() -> None:
    """Bring its schema to the version that this carprice needs, after a copy of the file."""
    from carprice_assets.listings.upgrade import upgrade
    from carprice_assets.listings.warehouse import Warehouse

    click.echo(upgrade(Warehouse.of(Home.current()), _tell))
