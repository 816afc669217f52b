"""Keys of the HTTP service."""

from __future__ import annotations

import click

from carprice_assets.cli.root import main
from carprice_assets.home import Home


@main.group()
def keys() -> None:
    """Keys that open the HTTP service."""


@keys.command("add")
@click.argument("name")
@click.option("--rate", type=click.FloatRange(0), help="Requests a second; 0 for no limit.")
def keys_add(name: str, rate: float | None) -> None:
    """Make a key and print it; it is nowhere kept and cannot be shown again."""
    from carprice_serving import keys as store

    click.echo(store.add(Home.current(), name, rate))


@keys.command("list")
def keys_list() -> None:
    """One line a key: id, name, day, rate."""
    from carprice_serving import keys as store

    for key in store.Keys.load(Home.current()).by_id.values():
        rate = "" if key.rate is None else f"  {key.rate:g} a second" if key.rate else "  no limit"
        click.echo(f"{key.id}  {key.created[:10]}  {key.name}{rate}")


@keys.command("remove")
@click.argument("key")
def keys_remove(key: str) -> None:
    """Take a key back, by id or name; a running service follows within seconds."""
    from carprice_serving import keys as store

    click.echo(f"removed {store.remove(Home.current(), key).name}")
