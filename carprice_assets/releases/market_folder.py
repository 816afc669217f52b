"""One market's folder in the store: its lock, its work folders, and how a release gets in or out.

``<release id>/``, ``champion.json``, ``shadow.json``, ``ledger.jsonl``, ``.lock`` and ``.tmp/``
lie in it. All
changes go through a :class:`~carprice_assets.releases.port.Port`.
"""

from __future__ import annotations

import contextlib
import errno
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from carprice_assets.errors import UserError
from carprice_assets.releases.ledger import append_line, last_sequence, read_lines
from carprice_assets.releases.manifest import RELEASE_ID
from carprice_assets.releases.pointer import BrokenPointer, Champion, read_pointer
from carprice_assets.releases.port import Port, fsync_tree, make_folders, remove_tree
from carprice_assets.releases.release import Release
from carprice_assets.releases.sharing import share
from carprice_assets.releases.verify import release_problems

LOCK_TIMEOUT = 120.0
POINTER, SHADOW, LEDGER = "champion.json", "shadow.json", "ledger.jsonl"
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
_THERE = (errno.EEXIST, errno.ENOTEMPTY)


@dataclass(frozen=True)
class MarketFolder:
    """The folder ``path`` of the market ``name``; ``now`` tells the time that is recorded."""

    name: str
    path: Path
    now: Callable[[], str]
    port: Port

    def pointer(self) -> Champion | None:
        """The champion pointer; None before the first promotion."""
        try:
            return read_pointer(self.path / POINTER)
        except BrokenPointer as error:
            told = f"{error}: run carprice releases repair --market {self.name}"
            raise BrokenPointer(told) from error

    def releases(self) -> list[Release]:
        """All releases by id, whole or not."""
        if not self.path.is_dir():
            return []
        names = sorted(path.name for path in self.path.iterdir() if path.is_dir())
        return [Release(self.name, n, self.path / n) for n in names if RELEASE_ID.fullmatch(n)]

    def open(self, release_id: str) -> Release:
        """The release of that id, its manifest readable.

        Raises
        ------
        UserError
            Where there is none, or its manifest is broken or of a newer format.
        """
        path = self.path / release_id
        if not RELEASE_ID.fullmatch(release_id) or not path.is_dir():
            raise UserError(
                f"market {self.name} has no release {release_id}: carprice releases list"
                f" --market {self.name} shows them"
            )
        release = Release(self.name, release_id, path)
        release.manifest()
        return release

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line to the ledger; the caller holds the lock."""
        now = self.now()
        append_line(self.path / LEDGER, {"at": now, **line}, now, self.port)

    def move(self, moved: Champion) -> None:
        """Move the pointer, then write its line; the caller holds the lock."""
        moved.write(self.path / POINTER, self.port)
        append_line(self.path / LEDGER, moved.line(), moved.since, self.port)

    @contextmanager
    def held(self) -> Generator[None]:
        """Hold the market's lock, which dies with its owner.

        Raises
        ------
        UserError
            Where another process holds it for minutes, or the file system has none.
        """
        self._make()
        lock = FileLock(self.path / ".lock", timeout=LOCK_TIMEOUT, fallback_to_soft=False)
        try:
            lock.acquire(poll_interval=0.01)
        except Timeout as error:
            raise UserError(f"{self.path / '.lock'} is held by another process") from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            raise UserError(
                f"{self.path} lies on a file system without locks that die with their owner:"
                " keep releases on a local one"
            ) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def locked(self) -> Generator[None]:
        """As :meth:`held`, with the ledger brought up to the pointer after a kill between them."""
        with self.held():
            pointer = self.pointer()
            path = self.path / LEDGER
            if pointer and pointer.sequence > last_sequence(read_lines(path)):
                self.port.fsync_folder(self.path)  # the line must not outlast the move
                append_line(path, pointer.line(), self.now(), self.port)
            yield

    def current(self) -> Champion | None:
        """The pointer, of which the ledger knows no later move; the caller holds the lock.

        Raises
        ------
        UserError
            Where the pointer is missing or behind the ledger, as after a part of a backup was
            put back: then nothing may be moved.
        """
        pointer = self.pointer()
        written = last_sequence(read_lines(self.path / LEDGER))
        moved = pointer.sequence if pointer else 0
        if written > moved:
            what = f"stands at move {moved}" if pointer else "is missing"
            raise UserError(
                f"{self.path / POINTER} {what}, but the ledger at {written}: run carprice"
                f" releases repair --market {self.name}"
            )
        return pointer

    def _make(self) -> None:
        """Make the folder and let it last; that is so once the lock file stands in it."""
        if (self.path / ".lock").exists():
            return
        make_folders(self.port, self.path)
        for folder in (self.path.parent, self.path.parent.parent):
            self.port.fsync_folder(folder)

    @contextmanager
    def work(self) -> Generator[Path]:
        """An empty folder to put a release together in; what is left in it is removed.

        It has a lock of its own: where that is free, its owner is gone.
        """
        folder = self.path / ".tmp"
        name = uuid.uuid4().hex
        lock = FileLock(folder / f"{name}.lock", fallback_to_soft=False)
        with self.locked():
            make_folders(self.port, folder)
            self.sweep()
            lock.acquire()
            try:
                self.port.mkdir(folder / name)
            except BaseException:
                lock.release()
                raise
        try:
            yield folder / name
        finally:
            try:
                self._clear(folder, name)
            finally:
                lock.release()

    def settle(self, work: Path, release_id: str) -> Release:
        """Make the release in ``work`` part of the store: whole, synced, then in one rename.

        Files that another release of the market has are shared with it. Content that is there
        already keeps its first provenance and pages, and is verified.

        Raises
        ------
        UserError
            Where either is damaged or may not be a release.
        """
        final = self.path / release_id
        built = Release(self.name, release_id, work)
        if not final.exists():
            share(self.port, built, self.releases())
        refuse(built, "built")
        if not final.exists():
            fsync_tree(self.port, work)
            try:
                self.port.rename(work, final)
            except OSError as error:  # another process staged the same content first
                if error.errno not in _THERE:
                    raise
        self.port.fsync_folder(self.path)
        release = Release(self.name, release_id, final)
        if work.exists():
            refuse(release, "in the store")
        return release

    def discard(self, release: Release) -> None:
        """Take a release out in one rename, then remove it; the caller holds the lock.

        After a kill between the two the next :meth:`sweep` removes the rest.
        """
        folder = self.path / ".tmp"
        make_folders(self.port, folder)
        away = folder / uuid.uuid4().hex
        self.port.rename(release.path, away)
        self.port.fsync_folder(self.path)
        remove_tree(self.port, away)

    def sweep(self) -> None:
        """Remove what calls left whose process is gone; the caller holds the market's lock."""
        folder = self.path / ".tmp"
        there = folder.iterdir() if folder.is_dir() else ()
        for name in sorted({path.name.removesuffix(".lock") for path in there}):
            lock = FileLock(folder / f"{name}.lock", blocking=False, fallback_to_soft=False)
            try:
                lock.acquire()
            except Timeout:
                continue
            try:
                self._clear(folder, name)
            finally:
                lock.release()
        names = (POINTER, SHADOW, "bargains.json")
        for stray in (s for name in names for s in self.path.glob(f".{name}.*.tmp")):
            with contextlib.suppress(OSError):  # it does no harm, and the next call tries again
                self.port.unlink(stray)

    def _clear(self, folder: Path, name: str) -> None:
        """Remove a work folder and its lock file; what cannot be is left to the next sweep."""
        with contextlib.suppress(OSError):
            if (folder / name).exists():
                remove_tree(self.port, folder / name)
            self.port.unlink(folder / f"{name}.lock")


def refuse(release: Release, where: str) -> None:
    """Raise a UserError that names the first file at fault, where there is one."""
    if problems := release_problems(release):
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise UserError(f"release {release.id} {where} is refused: {problems[0]}{more}")
