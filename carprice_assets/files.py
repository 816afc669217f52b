"""Files that are whole or absent: hashing, atomic writes, canonical JSON."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHUNK = 1 << 20
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
"""A name that stays in its folder."""


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of ``data`` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content as 64 hex digits, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys and no spare spaces, so that equal values have equal bytes.

    Raises
    ------
    ValueError
        Where a number is NaN or infinite: those have no JSON form.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def read_json(path: Path) -> Any:
    """The value of a JSON file."""
    return json.loads(path.read_bytes())


def fsync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``path`` so that a reader sees the old content or the new, never a part.

    Written beside, fsynced, renamed; a kill leaves at most a stray ``.tmp`` file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def folder_files(folder: Path) -> list[str]:
    """Relative POSIX paths of all files below ``folder``, sorted."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def folder_hashes(folder: Path) -> dict[str, str]:
    """Relative path to SHA-256, for every file below ``folder``."""
    return {name: sha256_file(folder / name) for name in folder_files(folder)}


def content_id(hashes: Mapping[str, str]) -> str:
    """One address for a set of files: the hash of their names and hashes, 32 hex digits."""
    return sha256_bytes(canonical_json(dict(hashes)))[:32]


def fsync_tree(folder: Path) -> None:
    """Make every file and folder below ``folder`` durable."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            fsync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
