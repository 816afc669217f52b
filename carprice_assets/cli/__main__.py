"""``python -m carprice_assets.cli``."""

from carprice_assets.cli import main

main()
