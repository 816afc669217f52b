"""The manifest of a release: every file of its content with hash and size, and the id."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, content_id, sha256_file
from carprice_assets.releases.strict import check_format, parse_object

FORMAT = 1
"""Raised by one with every change that an older program would misread."""

MAX_FILES = 10_000
MAX_SIZE = 1 << 40
RELEASE_ID = re.compile(r"[0-9a-f]{32}")
SHA256 = re.compile(r"[0-9a-f]{64}")
SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file: SHA-256 as 64 hex digits, and bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """All files below ``content/`` by relative POSIX path; ``id`` is the hash of the listing."""

    id: str
    files: Mapping[str, FileEntry]

    @classmethod
    def of(cls, content: Path) -> Manifest:
        """The manifest of a folder as it is now.

        Raises
        ------
        UserError
            For a link, a special file, or a name that a manifest may not hold.
        """
        files: dict[str, FileEntry] = {}
        for path in sorted(regular_files(content)):
            check_path(path, "content")
            file = content / path
            files[path] = FileEntry(sha256_file(file), file.stat().st_size)
        return cls(_id(files), files)

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return sum(entry.size for entry in self.files.values())

    def to_bytes(self) -> bytes:
        """The bytes of ``manifest.json``; equal content has equal bytes."""
        files = {
            path: {"sha256": entry.sha256, "size": entry.size} for path, entry in self.files.items()
        }
        return canonical_json({"format": FORMAT, "id": self.id, "files": files})

    @classmethod
    def parse(cls, data: bytes, where: str) -> Manifest:
        """Read ``manifest.json``; ``where`` names it in errors.

        Raises
        ------
        UserError
            For a newer format, a path that leads out of the folder, a malformed hash or size,
            an unknown key, or an id that is not the hash of the listing.
        """
        table = parse_object(data, where)
        check_format(table, FORMAT, where)
        if unknown := set(table) - {"format", "id", "files"}:
            raise UserError(f"{where}: unknown key {min(unknown)!r}")
        listed = table.get("files")
        if not isinstance(listed, dict) or not 0 < len(cast("dict[str, Any]", listed)) <= MAX_FILES:
            raise UserError(f"{where}: 'files' must list 1 to {MAX_FILES} files")
        files: dict[str, FileEntry] = {}
        for path, entry in cast("dict[str, Any]", listed).items():
            check_path(path, where)
            files[path] = _entry(entry, f"{where}: {path}")
        for path in files:
            if any(str(parent) in files for parent in PurePosixPath(path).parents):
                raise UserError(f"{where}: {path!r} lies inside another file")
        if len({path.lower() for path in files}) < len(files):
            raise UserError(f"{where}: two paths differ in case alone")
        if table.get("id") != _id(files):
            raise UserError(f"{where}: the id is not the hash of the files listed")
        return cls(_id(files), files)


def check_path(path: str, where: str) -> None:
    """Refuse a path that could lead out of the folder or be read in two ways.

    Allowed are relative POSIX paths of letters, digits, ``.``, ``_`` and ``-``, no segment of
    which begins with a dot.

    Raises
    ------
    UserError
        Naming the path.
    """
    segments = path.split("/")
    if len(path) > 240 or len(segments) > 12 or not all(map(SEGMENT.fullmatch, segments)):
        raise UserError(f"{where}: path {path[:240]!r} is not allowed in a release")


def regular_files(folder: Path) -> Iterator[str]:
    """Relative POSIX paths of all files below ``folder``, no link followed.

    Raises
    ------
    UserError
        Naming a link or special file.
    """
    stack = [folder]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    stack.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield path.relative_to(folder).as_posix()
                else:
                    name = path.relative_to(folder).as_posix()
                    raise UserError(f"{folder.name}/{name} is a link or special file")


def _id(files: Mapping[str, FileEntry]) -> str:
    return content_id({path: entry.sha256 for path, entry in files.items()})


def _entry(value: Any, where: str) -> FileEntry:
    if not isinstance(value, dict) or set(cast("dict[str, Any]", value)) != {"sha256", "size"}:
        raise UserError(f"{where}: expected sha256 and size")
    table = cast("dict[str, Any]", value)
    sha256, size = table["sha256"], table["size"]
    if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
        raise UserError(f"{where}: sha256 must be 64 hex digits")
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        raise UserError(f"{where}: size must be a whole number from 0 to {MAX_SIZE}")
    return FileEntry(sha256, size)
