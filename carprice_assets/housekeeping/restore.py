"""A backup into an empty home: checked whole before anything is in its place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, cast

from carprice_assets.disk import full_disk
from carprice_assets.errors import UserError
from carprice_assets.files import fsync_folder, fsync_tree, write_atomic
from carprice_assets.home import Home
from carprice_assets.housekeeping.alone import LOCK, alone
from carprice_assets.housekeeping.backup import FORMAT, HEAD, copy_hashed
from carprice_assets.listings.migrations import MIGRATIONS
from carprice_assets.releases.manifest import SHA256, regular_files
from carprice_assets.releases.store import ReleaseStore

WORK, READY = ".restoring", "READY"
EMPTY = (LOCK, "README.md", WORK)
"""Entries that an empty home may have."""
LAST = "releases"
"""The entry that is put in place last: what serves must find all that it names."""

Tell = Callable[[str], None]


def restore(home: Home, folder: Path, tell: Tell = lambda line: None) -> int:
    """Fill the empty ``home`` from a backup; gives the files that were restored.

    Every file's size and hash is checked while it is copied beside; only then all is moved into
    place. A restore that was killed is begun anew, or ended where the moves had begun.

    Raises
    ------
    UserError
        Where the home holds something, the backup is of a later version, or a file of it is
        missing, changed or added; then nothing is in its place.
    """
    work = home.root / WORK
    try:
        with alone(home):
            if not (work / READY).exists():
                taken = sorted(path.name for path in home.root.iterdir() if path.name not in EMPTY)
                if taken:
                    raise UserError(
                        f"{home.root}: is not empty (it has {taken[0]}): a backup is restored into"
                        " an empty home; name one by CARPRICE_HOME"
                    )
                shutil.rmtree(work, ignore_errors=True)
                files = _listed(folder)
                tell(f"copying and checking {len(files):,} files ...")
                try:
                    count = _copy(folder, files, work)
                except BaseException:
                    shutil.rmtree(work, ignore_errors=True)
                    raise
                fsync_tree(work)
                write_atomic(work / READY, str(count).encode())
            else:
                tell("going on with the restore that was interrupted ...")
            return _put_in_place(home, work)
    except OSError as error:
        told = full_disk(error) or error.strerror or str(error)
        raise UserError(f"{home.root}: cannot be restored: {told}") from error


def restored_problems(home: Home) -> list[str]:
    """One line for each champion that is not whole; none after a restore that went well."""
    store = ReleaseStore(home.releases)
    found: list[str] = []
    for path in sorted(home.releases.glob("*")):
        if path.is_dir() and (champion := store.champion(path.name)):
            problems = store.verify(store.open(path.name, champion))
            found += [f"market {path.name}: release {champion}: {line}" for line in problems]
    return found


def _copy(folder: Path, files: Mapping[str, Mapping[str, Any]], work: Path) -> int:
    found = set(regular_files(folder)) - {HEAD}
    if odd := sorted(found ^ set(files)):
        what = "added" if odd[0] in found else "missing"
        raise UserError(f"{folder}: {odd[0]} is {what}: this is not the backup that was made")
    work.mkdir(parents=True)
    linked: dict[tuple[int, int], Path] = {}
    for name, entry in files.items():
        source, target = folder / name, work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        status = source.stat()
        if status.st_size != entry["size"]:
            raise UserError(
                f"{source}: is changed: {status.st_size} bytes instead of {entry['size']}"
            )
        inode = status.st_dev, status.st_ino
        if status.st_nlink > 1 and inode in linked:
            os.link(linked[inode], target)  # its hash must be that of the file it is linked to
            copied = files[linked[inode].relative_to(work).as_posix()]
        else:
            copied = copy_hashed(source, target)
            linked[inode] = target
        if copied["sha256"] != entry["sha256"]:
            raise UserError(f"{source}: is changed: another hash")
    return len(files)


def _listed(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    path = folder / HEAD
    try:
        head: Any = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder}: is no backup: it has no {HEAD}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is broken: {error}") from error
    table = cast("dict[str, Any]", head) if isinstance(head, dict) else {}
    number, schema = table.get("format"), table.get("schema")
    files: Any = table.get("files")
    if type(number) is not int or type(schema) is not int or not isinstance(files, dict):
        raise UserError(f"{path}: is broken: format, schema or files is missing")
    if number > FORMAT or schema > len(MIGRATIONS):
        raise UserError(f"{folder}: was made by a later carprice ({table.get('carprice')})")
    listed = cast("dict[str, Any]", files)
    for name, entry in listed.items():
        if not _allowed(name):
            raise UserError(f"{path}: path {name[:200]!r} is not allowed in a backup")
        if not _is_entry(entry):
            raise UserError(f"{path}: {name}: expected sha256 and size")
    return listed


def _allowed(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        path.as_posix() == name
        and not path.is_absolute()
        and ".." not in path.parts
        and "\0" not in name
        and path.parts[:1] not in ((), (WORK,), (HEAD,), (READY,))
    )


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    known = cast("dict[str, Any]", entry)
    sha256, size = known.get("sha256"), known.get("size")
    return (
        isinstance(sha256, str)
        and SHA256.fullmatch(sha256) is not None
        and type(size) is int
        and size >= 0
    )


def _put_in_place(home: Home, work: Path) -> int:
    """Move every entry into the home by one rename each; again after a kill."""
    entries = [path for path in work.iterdir() if path.name != READY]
    for path in sorted(entries, key=lambda path: (path.name == LAST, path.name)):
        os.rename(path, home.root / path.name)
    fsync_folder(home.root)
    count = int((work / READY).read_text())
    (work / READY).unlink()
    work.rmdir()
    return count
