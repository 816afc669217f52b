"""The port: every operation by which the store changes a disk.

Nothing in the store writes but through a :class:`Port`, so that a test can stop before and after
each operation, fail it, or lose what was never synced. Reading goes past it. Locks are no part of
it: a lock file holds nothing, and its lock dies with its owner.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import Literal

Mode = Literal["new", "append", "sync"]

_FLAGS: dict[str, int] = {
    "new": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "append": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "sync": os.O_RDONLY,
}


class Port:
    """A local disk. All methods raise OSError where the disk refuses.

    What :meth:`write` wrote lasts after :meth:`fsync`; a name that :meth:`open`, :meth:`mkdir`,
    :meth:`rename`, :meth:`link`, :meth:`unlink` or :meth:`rmdir` made or took away lasts after
    :meth:`fsync_folder` of the folder that holds it.
    """

    def open(self, path: Path, mode: Mode) -> int:
        """A descriptor: of a file that was not there, of one to append to, of one to sync."""
        flags = _FLAGS[mode] | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(path, flags, 0o644)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of ``data`` at the end."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file off at ``size`` bytes."""
        os.ftruncate(descriptor, size)

    def fsync(self, descriptor: int) -> None:
        """Make the file's bytes last."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""
        os.close(descriptor)

    def mkdir(self, path: Path) -> None:
        """Make an empty folder."""
        os.mkdir(path)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name; a file of that name is replaced."""
        os.rename(old, new)

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name."""
        os.link(old, new, follow_symlinks=False)

    def unlink(self, path: Path) -> None:
        """Take a file's name away."""
        os.unlink(path)

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""
        os.rmdir(path)

    def fsync_folder(self, folder: Path) -> None:
        """Make the names in ``folder`` last."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


DISK = Port()


def write_new(port: Port, path: Path, data: bytes) -> None:
    """Write a file that is not there yet, its folders too; not synced."""
    make_folders(port, path.parent)
    descriptor = port.open(path, "new")
    try:
        port.write(descriptor, data)
    finally:
        port.close(descriptor)


def replace_file(port: Port, path: Path, data: bytes) -> None:
    """Put ``data`` in the place of ``path``: a reader sees the old content or the new.

    Lasts when it returns. A kill leaves at most a stray ``.<name>.*.tmp`` beside it.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        descriptor = port.open(beside, "new")
        try:
            port.write(descriptor, data)
            port.fsync(descriptor)
        finally:
            port.close(descriptor)
        port.rename(beside, path)
    except OSError:
        if beside.exists():
            with contextlib.suppress(OSError):  # the error that is raised says more
                port.unlink(beside)
        raise
    port.fsync_folder(path.parent)


def make_folders(port: Port, folder: Path) -> None:
    """Make ``folder`` and what is missing above it."""
    if folder.is_dir():
        return
    make_folders(port, folder.parent)
    with contextlib.suppress(FileExistsError):  # another process made it first
        port.mkdir(folder)


def fsync_file(port: Port, path: Path) -> None:
    """Make the bytes of a file that is there last."""
    descriptor = port.open(path, "sync")
    try:
        port.fsync(descriptor)
    finally:
        port.close(descriptor)


def fsync_tree(port: Port, folder: Path) -> None:
    """Make every file and every name below ``folder`` last."""
    for below, _, names in os.walk(folder, topdown=False):
        for name in sorted(names):
            fsync_file(port, Path(below) / name)
        port.fsync_folder(Path(below))


def remove_tree(port: Port, folder: Path) -> None:
    """Remove a folder and all in it; links are removed, never followed."""
    for below, folders, names in os.walk(folder, topdown=False):
        for name in sorted(names):
            port.unlink(Path(below) / name)
        for name in sorted(folders):
            path = Path(below) / name
            if path.is_symlink():
                port.unlink(path)
            else:
                port.rmdir(path)
    port.rmdir(folder)
