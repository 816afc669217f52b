"""A backup of a data home that is in use: whole, and of one piece.

What changes is copied before what it names: crawl journals, then references, champion pointers
and ledgers, then Dagster's databases, then the warehouse (under its lock, a file copy), then the
immutable folders that all of them name. Whatever finishes meanwhile is in the copy or not, and
nothing in the copy names what is missing from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carprice_assets.disk import full_disk
from carprice_assets.errors import UserError
from carprice_assets.files import CHUNK, fsync_folder, write_atomic
from carprice_assets.home import Home
from carprice_assets.housekeeping.alone import alone
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.provenance import here
from carprice_assets.releases.manifest import RELEASE_ID

HEAD = "backup.json"
FORMAT = 1
LEFT_OUT = ("logs", "README.md", "backups")
"""Entries of a home that are no data of it."""
SQLITE = (".db", ".sqlite", ".sqlite3")
LOCK_SECONDS = 120.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class BackedUp:
    """What a backup holds: files, bytes, and the schema version of its warehouse (0: none)."""

    folder: Path
    files: int
    bytes: int
    schema: int


def back_up(home: Home, folder: Path, tell: Tell = lambda line: None) -> BackedUp:
    """Copy the home to ``folder``, which is new or empty, while everything may go on.

    Written beside and renamed: a kill leaves a folder with the ending ``.partial``, never half a
    backup under the name that was asked for.

    Raises
    ------
    UserError
        Where there is no home, ``folder`` holds something or lies in the home, or the disk
        refuses.
    """
    folder = folder.absolute()
    if not home.root.is_dir():
        raise UserError(f"{home.root}: there is no data home to back up")
    if folder.resolve().is_relative_to(home.root.resolve()):
        raise UserError(f"{folder}: lies in the home that is to be backed up")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is there already: name a new folder")
    work = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        work.mkdir(parents=True)
        with alone(home):
            copy = _Copy(home.root, work)
            schema = _all(home, copy, tell)
        head = {
            "format": FORMAT,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "carprice": here(run_id="", data_version="")["versions"]["carprice"],
            "schema": schema,
            "files": copy.files,
        }
        write_atomic(work / HEAD, json.dumps(head, indent=0, sort_keys=True).encode())
        if folder.exists():
            folder.rmdir()
        os.rename(work, folder)
        fsync_folder(folder.parent)
    except (OSError, sqlite3.Error) as error:
        told = full_disk(error) or (error.strerror if isinstance(error, OSError) else str(error))
        raise UserError(f"{folder}: the backup cannot be written: {told}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    size = sum(entry["size"] for entry in copy.files.values())
    return BackedUp(folder, len(copy.files), size, schema)


def _all(home: Home, copy: _Copy, tell: Tell) -> int:
    tell("crawls under way, references, pointers and ledgers ...")
    copy.tree(home.spool)
    copy.tree(home.artifacts / "refs")
    for market in _folders(home.releases):
        _pointers(copy, market)
    tell("Dagster's runs ...")
    copy.tree(home.dagster)
    tell("the warehouse ...")
    schema = _warehouse(home, copy, tell)
    tell("artifacts and releases ...")
    for path in sorted(home.artifacts.glob("*")):
        if path.name != "tmp":
            copy.tree(path)
    for market in _folders(home.releases):
        _releases(copy, market)
    for path in sorted(home.root.iterdir()):
        if path.name not in LEFT_OUT and not path.name.startswith(
            (".", home.warehouse.name, home.artifacts.name, home.releases.name)
        ):
            copy.tree(path)
    return schema


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*") if p.is_dir() and not p.name.startswith("."))


def _pointers(copy: _Copy, market: Path) -> None:
    """Pointer and ledger under the market's lock, so that they tell of the same move."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(str(market / ".lock"), timeout=LOCK_SECONDS, fallback_to_soft=False):
            for path in sorted(market.iterdir()):
                if path.is_file():
                    copy.file(path)
    except Timeout as error:
        raise UserError(f"{market / '.lock'} is held by another process") from error


def _releases(copy: _Copy, market: Path) -> None:
    for path in sorted(market.iterdir()):
        if not path.is_dir() or path.name.startswith("."):
            continue
        copy.tree(path)
        if RELEASE_ID.fullmatch(path.name) and not path.is_dir():
            copy.forget(path)  # pruned meanwhile: what was copied of it is no release


def _warehouse(home: Home, copy: _Copy, tell: Tell) -> int:
    warehouse = Warehouse.of(home)
    if not warehouse.path.exists():
        return 0
    with warehouse.locked("a backup", tell):
        warehouse.settle()
        copy.file(warehouse.path)
        return warehouse.version()


@dataclass
class _Copy:
    """Copies files below ``source`` to the same place below ``target``, each once."""

    source: Path
    target: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    linked: dict[tuple[int, int], Path] = field(default_factory=dict[tuple[int, int], Path])

    def tree(self, folder: Path) -> None:
        """All files below ``folder``, or the file of that name; what vanishes is left out."""
        if folder.is_file():
            self.file(folder)
        for path in _files(folder):
            self.file(path)

    def file(self, path: Path) -> None:
        """One file; a database of SQLite by its own backup, which is of one moment."""
        name = path.relative_to(self.source).as_posix()
        if name in self.files or path.name.endswith((".lock", ".tmp", "-wal", "-shm", "-journal")):
            return
        into = self.target / name
        into.parent.mkdir(parents=True, exist_ok=True)
        try:
            if path.suffix in SQLITE:
                _copy_sqlite(path, into)
                self.files[name] = _entry(into)
            else:
                self.files[name] = self._plain(path, into)
        except FileNotFoundError:
            into.unlink(missing_ok=True)

    def forget(self, folder: Path) -> None:
        """Take back what was copied of ``folder``."""
        name = folder.relative_to(self.source).as_posix()
        self.files = {n: e for n, e in self.files.items() if not n.startswith(f"{name}/")}
        shutil.rmtree(self.target / name, ignore_errors=True)

    def _plain(self, path: Path, into: Path) -> dict[str, Any]:
        status = path.stat()
        inode = status.st_dev, status.st_ino
        if status.st_nlink > 1 and (same := self.linked.get(inode)):
            os.link(same, into)
            return self.files[same.relative_to(self.target).as_posix()]
        entry = copy_hashed(path, into)
        if status.st_nlink > 1:
            self.linked[inode] = into
        return entry


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".taking-"))
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file():
                yield path


def copy_hashed(source: Path, target: Path) -> dict[str, Any]:
    """Copy a file, read once and made durable; gives its ``sha256`` and ``size``.

    The copy may be read by whom the file may: a home holds keys.
    """
    digest, size = hashlib.sha256(), 0
    mode = stat.S_IMODE(source.stat().st_mode)
    with source.open("rb") as read, open(target, "xb", opener=_private) as written:
        while chunk := read.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            written.write(chunk)
        written.flush()
        os.fchmod(written.fileno(), mode | stat.S_IRUSR | stat.S_IWUSR)
        os.fsync(written.fileno())
    return {"sha256": digest.hexdigest(), "size": size}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _entry(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return {"sha256": digest, "size": path.stat().st_size}


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.exists():
        raise FileNotFoundError(source)
    old = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_SECONDS)
    try:
        new = sqlite3.connect(target)
        try:
            old.backup(new)
            # Not in the mode of a journal beside it: the copy is one file.
            new.execute("PRAGMA journal_mode = DELETE")
        finally:
            new.close()
    finally:
        old.close()
