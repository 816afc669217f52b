"""Taking a pack in: everything that can be checked is checked before a byte is written."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from carprice_assets.errors import UserError
from carprice_assets.files import CHUNK
from carprice_assets.releases.manifest import MAX_FILES, Manifest, check_path
from carprice_assets.releases.pack import HEADS, PACK, SIGNATURE, PackHead, signed_message
from carprice_assets.releases.port import Port, make_folders, write_new
from carprice_assets.releases.release import (
    CONTENT,
    MANIFEST,
    PAGES,
    PROVENANCE,
    Provenance,
    Release,
)
from carprice_assets.releases.rules import Decision, Reason
from carprice_assets.releases.signing import check_signature
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import MAX_JSON, parse_object
from carprice_assets.releases.verify import MAX_CONTENT, MAX_PAGE

MAX_DIRECTORY = 8 << 20
"""Bytes of an archive's table of contents."""

_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, struct.error),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError),
)
"""What the library raises for archives that are none."""


@dataclass(frozen=True)
class Unpacked:
    """The release as it is in the store.

    Attributes
    ----------
    signed_by
        Fingerprint of the trusted key that signed the pack; None where no key is trusted.
    promoted_at
        When it was last promoted where it comes from; None where it never was.
    """

    release: Release
    signed_by: str | None
    promoted_at: str | None


class _Bounded(io.FileIO):
    """A file of which no call reads more at once than an archive's table of contents may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = MAX_DIRECTORY + 1 if size is None or size < 0 else size
        data = b"" if wanted > MAX_DIRECTORY + 1 else super().read(wanted) or b""
        if wanted > MAX_DIRECTORY + 1 or len(data) > MAX_DIRECTORY:
            raise zipfile.BadZipFile(f"a table of contents of more than {MAX_DIRECTORY} bytes")
        return data


def unpack(
    store: ReleaseStore,
    market: str,
    file: Path,
    trusted: Sequence[Path] = (),
    to_serve: bool = False,
) -> Unpacked:
    """Take the release in ``file`` into the store of ``market``; nothing serves from it yet.

    The archive's names, types and sizes must be those that the manifest and the provenance list,
    and fit the limits and the free disk, before anything is written; hashes are compared while
    writing, beside, and the release is verified before it gets its name.

    Parameters
    ----------
    trusted
        Public keys in PEM. With any, the pack must be signed by one of them.
    to_serve
        Whether :func:`serve` is to follow: what it would refuse is refused at once.

    Raises
    ------
    UserError
        Naming what is wrong; the store is as it was.
    """
    with _opened(file) as archive:
        entries = _entries(archive, file)
        heads = {name: _head(archive, entries, name, file) for name in HEADS}
        signed_by = None
        if trusted:
            signature = None
            if SIGNATURE in entries:
                signature = parse_object(_head(archive, entries, SIGNATURE, file), str(file))
            signed_by = check_signature(signature, signed_message(heads), trusted, str(file))
        said = PackHead.parse(heads[PACK], f"{file}: {PACK}")
        manifest = Manifest.parse(heads[MANIFEST], f"{file}: {MANIFEST}")
        provenance = Provenance.parse(heads[PROVENANCE], f"{file}: {PROVENANCE}")
        if said.market != market:
            raise UserError(f"{file} holds a release of market {said.market}, not of {market}")
        if not said.release == manifest.id == provenance.release:
            raise UserError(f"{file}: {PACK}, {MANIFEST} and {PROVENANCE} name other releases")
        promotions = [
            str(line.get("at"))
            for line in said.history
            if line.get("event") == "promoted" and line.get("release") == manifest.id
        ]
        promoted_at = promotions[-1] if promotions else None
        if to_serve:
            require_vouched(manifest.id, signed_by, promoted_at)
        hashes = _expected(entries, manifest, provenance, file)
        _check_space(store.root, sum(entries[name].file_size for name in hashes), file)
        folder = store.folder(market)
        with folder.work() as work:
            for name in (MANIFEST, PROVENANCE):
                write_new(store.port, work / name, heads[name])
            for name, sha256 in hashes.items():
                _extract(store.port, archive, entries[name], work / name, sha256, file)
            release = folder.settle(work, manifest.id)
    store.record(
        market,
        {
            "event": "unpacked",
            "release": release.id,
            "signed_by": signed_by,
            "history": list(said.history),
        },
    )
    return Unpacked(release, signed_by, promoted_at)


def require_vouched(release: str, signed_by: str | None, promoted_at: str | None) -> None:
    """Raise a UserError where no trusted key says that ``release`` was promoted elsewhere."""
    if signed_by is None:
        raise UserError(
            f"release {release} is not promoted: no trusted key vouches for what was decided;"
            " name one by --trust or in keys/trusted/"
        )
    if promoted_at is None:
        raise UserError(f"release {release} is not promoted: nor was it where it comes from")


def serve(store: ReleaseStore, unpacked: Unpacked) -> None:
    """Promote what was promoted where it comes from: a trusted key vouches for that decision.

    Raises
    ------
    Conflict
        Where it serves already, or another promotion came first.
    UserError
        Where no trusted key signed the pack, or it was never promoted.
    """
    release, signer = unpacked.release, unpacked.signed_by
    require_vouched(release.id, signer, unpacked.promoted_at)
    told = f"promoted elsewhere at {unpacked.promoted_at}, in a pack signed by {signer}"
    decision = Decision("promoted", (Reason("decided_elsewhere", True, True, None, None, told),))
    store.promote(release.market, release.id, store.champion(release.market), decision)


@contextmanager
def _opened(file: Path) -> Generator[zipfile.ZipFile]:
    try:
        raw = _Bounded(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from error
    with raw:
        if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
            raise UserError(f"{file} is no regular file")
        with _told(file):
            archive = zipfile.ZipFile(raw)
        with archive:
            yield archive


@contextmanager
def _told(file: Path) -> Generator[None]:
    """Tell what the library says of a broken archive in one line."""
    try:
        yield
    except (*_BROKEN, OSError) as error:
        raise UserError(f"{file} is no pack of a release: {error}") from error


def _entries(archive: zipfile.ZipFile, file: Path) -> dict[str, zipfile.ZipInfo]:
    """The archive's entries by name, each a plain file with an allowed name."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name = entry.filename
        top, _, rest = name.partition("/")
        if entry.orig_filename != name or name in entries:
            raise UserError(f"{file}: {name[:240]!r} stands twice or is read in two ways")
        if name not in (*HEADS, SIGNATURE):
            check_path(rest if top in (CONTENT, PAGES) else name, str(file))
            if top not in (CONTENT, PAGES):
                raise UserError(f"{file}: {name} is added")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or entry.is_dir():
            raise UserError(f"{file}: {name} is a link or special file")
        if entry.flag_bits & 1 or entry.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise UserError(f"{file}: {name} is encrypted or compressed in an unknown way")
        entries[name] = entry
    if len(entries) > 2 * MAX_FILES:
        raise UserError(f"{file}: {len(entries)} files are too many")
    if sum(entry.compress_size for entry in entries.values()) > file.stat().st_size:
        raise UserError(f"{file}: its entries lie over each other")
    return entries


def _head(
    archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], name: str, file: Path
) -> bytes:
    if name not in entries:
        raise UserError(f"{file} is no pack of a release: {name} is missing")
    if entries[name].file_size > MAX_JSON:
        raise UserError(f"{file}: {name} has more than {MAX_JSON} bytes")
    with _told(file), archive.open(entries[name]) as entry:
        return entry.read(MAX_JSON + 1)


def _expected(
    entries: Mapping[str, zipfile.ZipInfo], manifest: Manifest, provenance: Provenance, file: Path
) -> dict[str, str]:
    """SHA-256 of each file to be written, by name; all are there, and no other."""
    hashes = {f"{CONTENT}/{path}": entry.sha256 for path, entry in manifest.files.items()}
    hashes |= {f"{PAGES}/{page}": digest for page, digest in provenance.pages.items()}
    there = set(entries) - {*HEADS, SIGNATURE}
    if odd := sorted(there ^ set(hashes)):
        raise UserError(f"{file}: {odd[0]} is {'added' if odd[0] in there else 'missing'}")
    for path, listed in manifest.files.items():
        size = entries[f"{CONTENT}/{path}"].file_size
        if size != listed.size:
            raise UserError(f"{file}: {CONTENT}/{path} has {size} bytes instead of {listed.size}")
    for page in provenance.pages:
        if entries[f"{PAGES}/{page}"].file_size > MAX_PAGE:
            raise UserError(f"{file}: {PAGES}/{page} has more than {MAX_PAGE} bytes")
    return hashes


def _check_space(root: Path, size: int, file: Path) -> None:
    if size > MAX_CONTENT:
        raise UserError(f"{file} would take {size} bytes, more than {MAX_CONTENT}")
    there = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if size > free:
        raise UserError(f"{file} takes {size} bytes, of which the disk has {free}")


def _read(source: IO[bytes], file: Path) -> bytes:
    with _told(file):
        return source.read(CHUNK)


def _extract(
    port: Port,
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    path: Path,
    sha256: str,
    file: Path,
) -> None:
    make_folders(port, path.parent)
    digest, written = hashlib.sha256(), 0
    descriptor = port.open(path, "new")
    try:
        with _told(file):
            source = archive.open(entry)
        with source:
            while chunk := _read(source, file):
                written += len(chunk)
                if written > entry.file_size:
                    raise UserError(f"{file}: {entry.filename} is longer than it says")
                digest.update(chunk)
                port.write(descriptor, chunk)
    finally:
        port.close(descriptor)
    if digest.hexdigest() != sha256:
        raise UserError(f"{file}: {entry.filename} is changed: another hash")
