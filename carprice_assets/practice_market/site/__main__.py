"""``python -m carprice_assets.practice_market.site [--market NAME ...]``."""

from __future__ import annotations

import argparse
import sys

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.practice_market.site.server import serve


def main(words: list[str] | None = None) -> int:
    """Serve, and return the exit code: 2 for what the caller can mend."""
    parser = argparse.ArgumentParser(description="Serve practice sites.")
    parser.add_argument("--market", action="append", default=[], help="all by default")
    given = parser.parse_args(words)
    try:
        return serve(Home.current(), given.market)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main())
