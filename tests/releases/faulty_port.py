"""A port that records every operation, and stops or fails at a chosen one."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from disk_model import DiskModel, Node

from carprice_assets.releases.port import Mode, Port

ERRORS = {"disk full": errno.ENOSPC, "read-only": errno.EROFS, "I/O error": errno.EIO}
GROWING = ("create", "write", "mkdir", "link", "rename")
"""What a full disk refuses; it can still be synced, and names can be taken away."""


class Stopped(BaseException):
    """The process is gone: nothing that runs after this changes the disk."""


class FaultyPort(Port):
    """Passes operations on, keeps the ``model`` of the disk in step, and meets one ``fault``.

    Parameters
    ----------
    fault
        ``before`` or ``after``: the process is gone at operation ``at``. ``half``: it is gone
        when half of what it writes is written. A key of ``ERRORS``: the operation fails; a full
        disk stays full, a read-only one stays so, an I/O error passes.
    """

    def __init__(self, model: DiskModel | None = None, fault: str = "", at: int = -1) -> None:
        self.model = model
        self.fault, self.at = fault, at
        self.operations: list[str] = []
        self.met = False
        self._files: dict[int, tuple[Path, Node | None]] = {}

    @contextmanager
    def _operation(self, kind: str, path: Path) -> Generator[None]:
        if self.met and self.fault in ("before", "after", "half"):
            raise Stopped
        number = len(self.operations)
        self.operations.append(f"{kind} {path.name}")
        here = number == self.at
        self.met = self.met or here
        if here and self.fault == "before":
            raise Stopped
        stays = (self.fault == "disk full" and kind in GROWING) or self.fault == "read-only"
        if self.fault in ERRORS and (here or (self.met and stays)):
            raise OSError(ERRORS[self.fault], os.strerror(ERRORS[self.fault]), str(path))
        yield
        if here and self.fault == "after":
            raise Stopped

    def open(self, path: Path, mode: Mode) -> int:
        kind = "open" if mode == "sync" or path.exists() else "create"
        with self._operation(kind, path):
            descriptor = super().open(path, mode)
            node = self.model and (
                self.model.node(path) if mode == "sync" else self.model.create(path)
            )
            self._files[descriptor] = (path, node)
        return descriptor

    def write(self, descriptor: int, data: bytes) -> None:
        path, node = self._files[descriptor]
        with self._operation("write", path):
            stop = self.fault == "half" and len(self.operations) - 1 == self.at
            part = data[: len(data) // 2] if stop else data
            super().write(descriptor, part)
            if node is not None:
                node.data += part
            if stop:
                raise Stopped

    def truncate(self, descriptor: int, size: int) -> None:
        path, node = self._files[descriptor]
        with self._operation("truncate", path):
            super().truncate(descriptor, size)
            if node is not None:
                node.data = node.data[:size]

    def fsync(self, descriptor: int) -> None:
        path, node = self._files[descriptor]
        with self._operation("fsync", path):
            if self.model and node is not None:
                self.model.sync_file(path, node)

    def close(self, descriptor: int) -> None:
        self._files.pop(descriptor)
        super().close(descriptor)

    def mkdir(self, path: Path) -> None:
        with self._operation("mkdir", path):
            super().mkdir(path)
            if self.model:
                self.model.mkdir(path)

    def rename(self, old: Path, new: Path) -> None:
        with self._operation("rename", new):
            if self.model:
                self.model.node(old)  # taken in before it is gone from there
            super().rename(old, new)
            if self.model:
                self.model.rename(old, new)

    def link(self, old: Path, new: Path) -> None:
        with self._operation("link", new):
            super().link(old, new)
            if self.model:
                self.model.link(old, new)

    def unlink(self, path: Path) -> None:
        with self._operation("unlink", path):
            super().unlink(path)
            if self.model:
                self.model.remove(path)

    def rmdir(self, path: Path) -> None:
        with self._operation("rmdir", path):
            super().rmdir(path)
            if self.model:
                self.model.remove(path)

    def fsync_folder(self, folder: Path) -> None:
        with self._operation("fsync folder", folder):
            if self.model:
                self.model.sync_folder(folder)
