"""One process at a time at a site: held while crawling and while its journal is taken in."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from carprice_assets.errors import UserError

LOCK = ".lock"
HOLDER = ".holder"


@contextmanager
def site_lock(folder: Path) -> Generator[None]:
    """Hold a site's folder, which is made where it is missing.

    The lock is an flock: the kernel frees it when its owner dies, however it dies. The holder's
    pid stands in a file beside it.

    Raises
    ------
    UserError
        Where another process holds it, naming that process; where the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot make this folder: {error.strerror}") from error
    lock = FileLock(str(folder / LOCK))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"{folder}: in use by process {_holder(folder)}; one at a time") from None
    except OSError as error:
        raise UserError(f"{folder / LOCK}: {error.strerror}") from error
    holder = folder / HOLDER
    try:
        holder.write_text(str(os.getpid()))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        return (folder / HOLDER).read_text() or "unknown"
    except OSError:
        return "unknown"
