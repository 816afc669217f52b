"""The ``carprice`` command: thin, it launches the same assets that the UI shows."""

from carprice_assets.cli import (
    bargains,
    housekeeping,
    keys,
    listings,
    markets,
    practice,
    releases,
    releases_store,
    serving,
    training,
)
from carprice_assets.cli.root import command, main

__all__ = [
    "bargains",
    "command",
    "housekeeping",
    "keys",
    "listings",
    "main",
    "markets",
    "practice",
    "releases",
    "releases_store",
    "serving",
    "training",
]
