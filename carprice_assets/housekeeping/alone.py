"""One housekeeping command at a time: a backup must not copy what a prune removes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from carprice_assets.errors import UserError
from carprice_assets.home import Home

LOCK = ".housekeeping.lock"


@contextmanager
def alone(home: Home) -> Generator[None]:
    """Hold the home's housekeeping lock, which dies with its owner.

    Raises
    ------
    UserError
        Where another command holds it, or the home cannot be written to.
    """
    from filelock import FileLock, Timeout

    try:
        home.root.mkdir(parents=True, exist_ok=True)
        with FileLock(str(home.root / LOCK), timeout=0):
            yield
    except Timeout as error:
        raise UserError(
            f"{home.root}: another backup, restore or prune is at work: try again when it has ended"
        ) from error
