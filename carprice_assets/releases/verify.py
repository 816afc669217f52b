"""What is wrong with a release folder, file by file."""

from __future__ import annotations

import ast
import math
import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from carprice_assets.errors import UserError
from carprice_assets.files import canonical_json, sha256_file
from carprice_assets.releases.manifest import FileEntry, Manifest, regular_files
from carprice_assets.releases.release import CONTENT, HEAD, MANIFEST, PAGES, PROVENANCE, Release
from carprice_assets.releases.strict import parse_object, read_bounded, read_object

SUFFIXES = {".json", ".npy", ".cbm"}
"""File types that a release may carry: none runs code when it is read."""

PAGE_SUFFIXES = {".md", ".png"}

MAX_CONTENT = 4 << 30
"""Bytes of content that a release may have: about as much memory is taken when it is loaded."""

MAX_PAGE = 32 << 20
MAX_NPY_HEADER = 10_000
MAX_DIMENSIONS = 8


def release_problems(release: Release) -> list[str]:
    """One line for each thing wrong with ``release``; empty where it is whole.

    Sizes are compared before a file is read, and hashes before anything is parsed but the
    manifest and the provenance.
    """
    try:
        found = set(regular_files(release.path))
        manifest = release.manifest()
    except (OSError, UserError) as error:
        return [_told(error)]
    if problems := _oversized(manifest):
        return problems
    if manifest.id != release.id:
        problems.append(f"{MANIFEST} belongs to release {manifest.id}")
    elif not _as_written(release.path / MANIFEST):
        problems.append(f"{MANIFEST} is changed: it was written otherwise")
    expected = {f"{CONTENT}/{path}": entry for path, entry in manifest.files.items()}
    pages: dict[str, str] = {}
    known = {*expected, MANIFEST, PROVENANCE}
    try:
        provenance = release.provenance()
        pages = {f"{PAGES}/{name}": digest for name, digest in provenance.pages.items()}
        if provenance.release != release.id:
            problems.append(f"{PROVENANCE} belongs to release {provenance.release}")
        elif not _as_written(release.path / PROVENANCE):
            problems.append(f"{PROVENANCE} is changed: it was written otherwise")
        known |= set(pages)
    except UserError as error:
        problems.append(str(error))
        known |= {name for name in found if name.startswith(f"{PAGES}/")}  # it would tell of them
    problems += [f"{name} is added" for name in sorted(found - known)]
    problems += [f"the folder {name} is added" for name in _added_folders(release.path, known)]
    problems += _page_problems(release, pages, found)
    for name, entry in sorted(expected.items()):
        problem = _file_problem(release.path / name, entry) if name in found else "is missing"
        if problem and name in found and _hash_fits(release.path / name, entry):
            problems.append(f"{MANIFEST} is changed: it says {entry.size} bytes of {name}")
        elif problem:
            problems.append(f"{name} {problem}")
    return problems or _content_problems(release, manifest)


def _as_written(path: Path) -> bool:
    """Whether the bytes are those that the store writes, to the last space."""
    data = read_bounded(path)
    return data == canonical_json(parse_object(data, str(path)))


def _page_problems(release: Release, pages: Mapping[str, str], found: set[str]) -> list[str]:
    problems: list[str] = []
    for name, digest in sorted(pages.items()):
        if Path(name).suffix not in PAGE_SUFFIXES:
            problems.append(f"{name} is of a type that a release may not carry")
        elif name not in found:
            problems.append(f"{name} is missing")
        elif (size := (release.path / name).stat().st_size) > MAX_PAGE:
            problems.append(f"{name} has {size} bytes, more than {MAX_PAGE}")
        elif sha256_file(release.path / name) != digest:
            problems.append(f"{name} is changed: another hash")
    return problems


def content_types(release: Release, manifest: Manifest) -> list[str]:
    """What must not be loaded, judged without parsing more than JSON and headers of arrays.

    Files of a type that is not allowed or of another size than listed, JSON that is too large,
    too deep or not an object, arrays whose stated shape does not fit their bytes.
    """
    problems = _oversized(manifest)
    for path, entry in sorted(manifest.files.items()):
        problem = _type_problem(release.content / path, entry)
        if problem:
            problems.append(f"{CONTENT}/{path} {problem}")
    return problems


def _type_problem(path: Path, entry: FileEntry) -> str:
    if path.suffix not in SUFFIXES:
        return "is of a type that a release may not carry"
    try:
        if (size := path.lstat().st_size) != entry.size:
            return f"is changed: {size} bytes instead of {entry.size}"
        if path.suffix == ".npy":
            return npy_problem(path, entry.size)
        if path.suffix == ".json":
            read_object(path, "it")
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except UserError as error:
        return f"cannot be loaded: {error}"
    return ""


def _oversized(manifest: Manifest) -> list[str]:
    if manifest.size <= MAX_CONTENT:
        return []
    return [f"{MANIFEST} lists {manifest.size} bytes of content, more than {MAX_CONTENT}"]


def _added_folders(root: Path, files: Collection[str]) -> list[str]:
    """Folders in which no file that belongs to the release lies."""
    known = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    below = (Path(folder) / name for folder, names, _ in os.walk(root) for name in names)
    added = {path.relative_to(root).as_posix() for path in below} - known
    return sorted(name for name in added if str(PurePosixPath(name).parent) not in added)


def npy_problem(path: Path, size: int) -> str:
    """Why an ``.npy`` file must not be loaded, or ``""``; reads its header alone."""
    with path.open("rb") as file:
        try:
            shape, dtype = _npy_header(file)
        except (ValueError, SyntaxError, TypeError, KeyError, RecursionError) as error:
            return f"is no array: {error}"
        if dtype.kind not in "biufU":
            return f"holds {dtype}, which is not allowed"
        cells = math.prod(shape)
        if file.tell() + cells * dtype.itemsize != size:
            return f"states the shape {shape}, which does not fit its {size} bytes"
    return ""


def _npy_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    magic = file.read(8)
    lengths = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4, b"\x93NUMPY\x03\x00": 4}
    if magic not in lengths:
        raise ValueError("unknown magic")
    length = int.from_bytes(file.read(lengths[magic]), "little")
    if length > MAX_NPY_HEADER:
        raise ValueError(f"header of {length} bytes")
    header: Any = ast.literal_eval(file.read(length).decode("utf-8").strip())
    shape: Any = header["shape"]
    if set(header) != {"descr", "fortran_order", "shape"} or not isinstance(header["descr"], str):
        raise ValueError("malformed header")
    if not isinstance(header["fortran_order"], bool):
        raise ValueError("malformed order")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):  # pyright: ignore[reportUnknownVariableType]
        raise ValueError("malformed shape")
    if len(shape) > MAX_DIMENSIONS:  # pyright: ignore[reportUnknownArgumentType]
        raise ValueError(f"more than {MAX_DIMENSIONS} dimensions")
    return shape, np.dtype(header["descr"])  # pyright: ignore[reportUnknownVariableType]


def _file_problem(path: Path, entry: FileEntry) -> str:
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return "is a link or special file"
        if status.st_size != entry.size:
            return f"is changed: {status.st_size} bytes instead of {entry.size}"
        return "" if sha256_file(path) == entry.sha256 else "is changed: another hash"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _hash_fits(path: Path, entry: FileEntry) -> bool:
    """Whether a file of another size than listed has the listed hash: then the listing is wrong."""
    try:
        return path.lstat().st_size <= MAX_CONTENT and sha256_file(path) == entry.sha256
    except OSError:
        return False


def _content_problems(release: Release, manifest: Manifest) -> list[str]:
    problems = content_types(release, manifest)
    if HEAD not in manifest.files:
        return [*problems, f"{CONTENT}/{HEAD} is missing"]
    try:
        market = release.head().market
    except UserError as error:
        return [*problems, str(error)]
    if market != release.market:
        problems.append(f"{CONTENT}/{HEAD} is of market {market!r}, not {release.market!r}")
    return problems


def _told(error: OSError | UserError) -> str:
    if isinstance(error, OSError):
        return f"cannot read {error.filename}: {error.strerror}"
    return str(error)
