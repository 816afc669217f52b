"""Equal files of a market's releases are one file on disk, with a name in each.

A file is shared by a hard link, so that nothing counts references but the disk itself, and a
release that is removed takes nothing from another. Each release keeps its own manifest and hashes,
and is verified by itself.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from carprice_assets.errors import UserError
from carprice_assets.files import sha256_file
from carprice_assets.releases.manifest import FileEntry
from carprice_assets.releases.port import Port
from carprice_assets.releases.release import Release

SMALLEST = 4096
"""Bytes from which a file is worth sharing: less fits one block of a disk in any case."""

_UNSHARED = (errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOENT)
"""The disk has no links, none left, or the other release was pruned: a copy is as good."""


@dataclass(frozen=True)
class Size:
    """Bytes of a release's content: its own, and those that another release has as well."""

    own: int
    shared: int

    @property
    def told(self) -> str:
        """A few words, such as ``12.3 MB, 3.1 of them its own``."""
        total = f"{(self.own + self.shared) / 1e6:>7.1f} MB"
        return f"{total}, {self.own / 1e6:.1f} of them its own" if self.shared else total


def size_on_disk(release: Release) -> Size:
    """What the content of ``release`` takes.

    Raises
    ------
    UserError
        Where its manifest is broken or a file is missing.
    """
    own = shared = 0
    for path in release.manifest().files:
        try:
            status = (release.content / path).stat()
        except OSError as error:
            raise UserError(f"content/{path} cannot be read: {error.strerror}") from error
        if status.st_nlink > 1:
            shared += status.st_size
        else:
            own += status.st_size
    return Size(own, shared)


def share(port: Port, built: Release, others: Sequence[Release]) -> None:
    """Replace files of ``built`` by links to equal ones of ``others``, whose bytes are checked.

    A release that is damaged lends nothing: its manifest says what its files were.
    """
    known: dict[FileEntry, Path] = {}
    for other in others:
        try:
            files = other.manifest().files
        except UserError:  # told by `verify`; here it only means that there is nothing to share
            continue
        known |= {entry: other.content / path for path, entry in files.items()}
    for path, entry in built.manifest().files.items():
        source = known.get(entry)
        if source is not None and entry.size >= SMALLEST and _holds(source, entry):
            _link(port, source, built.content / path)


def _holds(path: Path, entry: FileEntry) -> bool:
    try:
        status = path.lstat()
        alike = stat.S_ISREG(status.st_mode) and status.st_size == entry.size
        return alike and sha256_file(path) == entry.sha256
    except OSError:
        return False


def _link(port: Port, source: Path, target: Path) -> None:
    beside = target.with_name(f"{target.name}.shared")
    try:
        port.link(source, beside)
    except OSError as error:
        if error.errno not in _UNSHARED:
            raise
        return
    port.rename(beside, target)
