"""Releases in use: a shared lock that whoever has loaded one keeps, and ``prune`` respects.

The lock is on the release's own ``manifest.json``, which is opened for reading alone, so that it
needs no right to write, and the system gives it back when its owner dies.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from collections.abc import Generator
from contextlib import contextmanager

from carprice_assets.errors import UserError
from carprice_assets.releases.release import MANIFEST, Release

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Hold:
    """Keeps a release from being pruned for as long as this object lives."""

    def __init__(self, descriptor: int) -> None:
        self._close = weakref.finalize(self, os.close, descriptor)

    def release(self) -> None:
        """Give it back now."""
        self._close()


def hold(release: Release) -> Hold | None:
    """Take hold of ``release``; None where its manifest cannot be opened or locked.

    Raises
    ------
    UserError
        Where it is being pruned at this moment.
    """
    try:
        descriptor = os.open(release.path / MANIFEST, _FLAGS)
    except OSError:  # verifying tells what is wrong with it
        return None
    held = Hold(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        held.release()
        raise UserError(f"release {release.id} is being pruned") from error
    except OSError:  # no locks here: then prune, which needs one, refuses as well
        held.release()
        return None
    return held


@contextmanager
def unused(release: Release) -> Generator[bool]:
    """Whether nothing has ``release`` loaded; nothing can load it while the context lasts."""
    try:
        descriptor = os.open(release.path / MANIFEST, _FLAGS)
    except OSError:
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except BlockingIOError:
            free = False
        yield free
    finally:
        os.close(descriptor)
