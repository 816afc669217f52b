"""The artifact store: folders named by the hash of what they hold."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from carprice_assets.errors import UserError
from carprice_assets.files import content_id, folder_hashes, fsync_folder, fsync_tree


@dataclass(frozen=True)
class Artifact:
    """A finished folder: what an asset's value is.

    ``address`` is the hash of the content (32 hex digits), so equal content has one address.
    """

    address: str
    path: Path

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return folder_size(self.path)


def folder_size(folder: Path) -> int:
    """Bytes of all files below ``folder``."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


@dataclass(frozen=True)
class ArtifactStore:
    """Content-addressed folders below ``root``: ``root/<two digits>/<address>/``."""

    root: Path

    def path_of(self, address: str) -> Path:
        """Where the artifact of ``address`` lies or would lie."""
        return self.root / address[:2] / address

    def put(self, build: Callable[[Path], None]) -> Artifact:
        """Let ``build`` fill an empty folder, then move it to its address in one rename.

        A kill leaves at most a folder below ``root/tmp``, never a half artifact, and the next
        call removes it. Content that is there already is kept and the new copy dropped; its
        folder's time says when it was last asked for.
        """
        with self.scratch() as work:
            build(work)
            address = content_id(folder_hashes(work))
            final = self.path_of(address)
            fsync_tree(work)
            with self.locked():
                if final.exists():
                    os.utime(final)  # a prune leaves alone what was lately asked for
                else:
                    final.parent.mkdir(parents=True, exist_ok=True)
                    os.rename(work, final)
                    os.utime(final)
                    fsync_folder(final.parent)
        return Artifact(address, final)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Hold the store's lock, for a rename: nothing is put or removed meanwhile."""
        self.root.mkdir(parents=True, exist_ok=True)
        with FileLock(str(self.root / ".lock")):
            yield

    @contextmanager
    def scratch(self) -> Generator[Path]:
        """An empty folder below ``root/tmp``, removed in the end; after a kill by the next call."""
        _sweep(self.root / "tmp")
        work = self.root / "tmp" / f"{os.getpid()}-{uuid.uuid4().hex}"
        work.mkdir(parents=True)
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def get(self, address: str) -> Artifact:
        """The artifact of ``address``.

        Raises
        ------
        UserError
            Where it is not in the store.
        """
        path = self.path_of(address)
        if not path.is_dir():
            raise UserError(
                f"artifact {address} is not in {self.root}: materialize its asset again"
            )
        return Artifact(address, path)


def _sweep(folder: Path) -> None:
    """Remove the work of processes that are gone."""
    for path in folder.glob("*-*"):
        owner = path.name.partition("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(path, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
