"""The ``carprice`` command: thin, it launches the same assets that the UI shows."""

from carprice_assets.cli import bargains, listings, markets, practice, releases, serving, training
from carprice_assets.cli.root import command, main

__all__ = [
    "bargains",
    "command",
    "listings",
    "main",
    "markets",
    "practice",
    "releases",
    "serving",
    "training",
]
