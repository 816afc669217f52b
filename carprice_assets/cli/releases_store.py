"""Keeping few releases, and carrying one from home to home."""

from __future__ import annotations

from pathlib import Path

import click

from carprice_assets.cli.releases import releases
from carprice_assets.cli.root import market_option, release_argument
from carprice_assets.errors import UserError
from carprice_assets.home import Home

FILE = click.Path(path_type=Path, dir_okay=False)


@releases.command("prune")
@market_option
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Releases that stay in any case, newest first.",
)
@click.option("--yes", is_flag=True, help="Do it; without, it is only shown.")
def releases_prune(market: str, keep: int, yes: bool) -> None:
    """Remove old releases.

    Never the champion or its predecessor, one that waits for approval, or one that a process has
    loaded. Each has a line in the ledger.
    """
    from carprice_assets.releases.listing import prune_lines, require_market

    require_market(Home.current(), market)
    for line in prune_lines(Home.current(), market, keep, yes):
        click.echo(line)


@releases.command("pack")
@market_option
@release_argument()
@click.option("--output", "-o", required=True, type=FILE, help="A file that is not there yet.")
@click.option(
    "--key", type=FILE, help="Ed25519 private key in PEM; $CARPRICE_HOME/keys/signing.pem."
)
def releases_pack(market: str, release: str | None, output: Path, key: Path | None) -> None:
    """Write RELEASE, or the champion, to one file, signed where there is a key."""
    from carprice_assets.releases.listing import require_market
    from carprice_assets.releases.pack import pack
    from carprice_assets.releases.signing import signing_key
    from carprice_assets.releases.store import ReleaseStore

    home = Home.current()
    require_market(home, market)
    store = ReleaseStore(home.releases)
    chosen = release or store.champion(market)
    if chosen is None:
        raise UserError(f"market {market} has no champion yet: name a release")
    found = store.open(market, chosen)
    key = key or signing_key(home)
    pack(store, found, output, key)
    size = output.stat().st_size / 1e6
    click.echo(f"{output}: release {found.id}, {size:.1f} MB, {'' if key else 'not '}signed")


@releases.command("unpack")
@market_option
@click.argument("file", type=FILE)
@click.option(
    "--trust",
    type=FILE,
    multiple=True,
    help="Ed25519 public key in PEM; with any, also in $CARPRICE_HOME/keys/trusted/, the file"
    " must be signed by one of them.",
)
@click.option(
    "--promote",
    is_flag=True,
    help="Let it serve, where a trusted key signed it and it was promoted where it comes from.",
)
def releases_unpack(market: str, file: Path, trust: tuple[Path, ...], promote: bool) -> None:
    """Take the release in FILE into the store. Without --promote nothing serves from it yet."""
    from carprice_assets.releases.listing import require_market
    from carprice_assets.releases.signing import trusted_keys
    from carprice_assets.releases.store import ReleaseStore
    from carprice_assets.releases.unpack import serve, unpack
    from carprice_assets.releases.valuer import Valuer

    home = Home.current()
    require_market(home, market)
    store = ReleaseStore(home.releases)
    got = unpack(store, market, file, (*trust, *trusted_keys(home)), to_serve=promote)
    told = f"signed by {got.signed_by}" if got.signed_by else "no signature was asked for"
    click.echo(f"market {market}: release {got.release.id} is in the store; {told}")
    Valuer.load(got.release.path)
    click.echo("its golden cases have the same prices here")
    if promote:
        serve(store, got)
        click.echo(f"market {market}: release {got.release.id} serves now")
