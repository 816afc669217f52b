"""``python -m carprice_assets.cli``."""

from carprice_assets.cli import command

command()
