"""The command itself, what its parts share, and how bad input ends."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NoReturn

import click

from carprice_assets.disk import full_disk
from carprice_assets.errors import UserError
from carprice_assets.home import Home

DAY = click.DateTime(["%Y-%m-%d"])
PORT = click.IntRange(1, 65_535)
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the signal's number."""


class Group(click.Group):
    """Bad input ends with one line on standard error and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a :class:`UserError` becomes one line, and so does a full disk."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"carprice: {error}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo(
                "carprice: interrupted; what was finished is kept, the command may be given again",
                err=True,
            )
            ctx.exit(INTERRUPTED)
        except Exception as error:
            root = Home.current().root
            if not (told := full_disk(error, root if root.is_dir() else None)):
                raise
            click.echo(f"carprice: {told}", err=True)
            ctx.exit(2)


@click.group(cls=Group)
@click.version_option(package_name="carprice")
def main() -> None:
    """Prices cars: from scraped listings to a promoted release and an HTTP service."""


def command() -> NoReturn:
    """The ``carprice`` program: :func:`main`, then an end without Python's teardown.

    After TensorFlow has run, the teardown finds DuckDB's types still alive and prints a page
    about it. By then all files are closed and all processes ended.
    """
    code: Any = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    except Exception:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        click.echo(code, err=True)
        code = 1
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError):
            stream.flush()
    os._exit(code or 0)


def market_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option that names one market."""
    return click.option("--market", "-m", required=True, help="Name of the market.")(function)


def release_argument(*, required: bool = False) -> Callable[..., Any]:
    """The argument RELEASE; an empty one, as of a variable that is not set, is refused."""

    def named(_context: click.Context, _argument: click.Parameter, given: str | None) -> str | None:
        if given is not None and not given.strip():
            raise UserError("RELEASE is empty: name one, or leave it out where that may be")
        return given

    return click.argument("release", required=required, callback=named)


def end(outcome: Any, summary: Iterable[str]) -> None:
    """Print what a run did; a failed one ends with its line on standard error."""
    from carprice_assets.defs import launch

    for line in summary:
        click.echo(line)
    try:
        launch.require(outcome)
    except launch.RunFailed as failed:
        click.echo(f"carprice: {failed}", err=True)
        sys.exit(1)


def champion(home: Home, market: str) -> Any:
    """The valuer of the release that serves; a :class:`UserError` where there is none."""
    from carprice_assets.releases.repair import no_champion
    from carprice_assets.releases.store import ReleaseStore
    from carprice_assets.releases.valuer import Valuer

    store = ReleaseStore(home.releases)
    champion = store.champion(market)
    if champion is None:
        raise no_champion(store, market)
    return Valuer.load(store.open(market, champion).path)
