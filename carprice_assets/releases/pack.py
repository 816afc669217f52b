"""A release as one file, to be carried to another home: a ZIP archive, signed where a key is set.

``pack.json`` (market, id, and the ledger lines that name the release), ``manifest.json``,
``provenance.json`` and the files that these two list; ``signature.json`` signs the hashes of the
first three, and so all of it. docs/release-format.md has the details.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from carprice_assets.errors import UserError
from carprice_assets.files import CHUNK, canonical_json, fsync_folder, sha256_bytes
from carprice_assets.releases.ledger import Line
from carprice_assets.releases.manifest import RELEASE_ID
from carprice_assets.releases.market_folder import refuse
from carprice_assets.releases.release import CONTENT, MANIFEST, PAGES, PROVENANCE, Release
from carprice_assets.releases.signing import sign
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import check_format, parse_object

FORMAT = 1
PACK, SIGNATURE = "pack.json", "signature.json"
HEADS = (PACK, MANIFEST, PROVENANCE)
"""What is signed; the other files are in the hashes of the last two."""

_MOMENT = (1980, 1, 1, 0, 0, 0)  # of every entry, so that equal releases have equal packs


@dataclass(frozen=True)
class PackHead:
    """``pack.json``: whose release it is, and what its home's ledger said of it."""

    market: str
    release: str
    history: Sequence[Line] = field(default_factory=list[Line])

    def to_bytes(self) -> bytes:
        """The bytes of ``pack.json``."""
        return canonical_json(
            {
                "format": FORMAT,
                "market": self.market,
                "release": self.release,
                "history": list(self.history),
            }
        )

    @classmethod
    def parse(cls, data: bytes, where: str) -> PackHead:
        """Check ``pack.json``.

        Raises
        ------
        UserError
            For a newer format, or a part that is missing or malformed.
        """
        table = parse_object(data, where)
        check_format(table, FORMAT, where)
        market, release, history = (table.get(k) for k in ("market", "release", "history"))
        if not (
            isinstance(market, str)
            and isinstance(release, str)
            and RELEASE_ID.fullmatch(release)
            and isinstance(history, list)
            and all(isinstance(line, dict) for line in cast("list[Any]", history))
        ):
            raise UserError(f"{where} is broken: market, release or history")
        return cls(market, release, cast("list[Line]", history))


def signed_message(heads: dict[str, bytes]) -> bytes:
    """What a signature is of: the hashes of the three heads."""
    hashes = {name: sha256_bytes(heads[name]) for name in HEADS}
    return b"carprice release pack 1\n" + canonical_json(hashes)


def pack(store: ReleaseStore, release: Release, target: Path, key: Path | None = None) -> None:
    """Write ``release`` to the file ``target``, whole or not at all; signed with ``key``.

    Equal releases with equal ledger lines have equal packs.

    Raises
    ------
    UserError
        Where the release is damaged, ``target`` exists or has no folder, or the key is none.
    """
    refuse(release, "in the store")
    if target.exists():
        raise UserError(f"{target} exists already")
    if not target.absolute().parent.is_dir():
        raise UserError(f"cannot write {target}: {target.absolute().parent} is no folder")
    lines = [line for line in store.ledger(release.market) if line.get("release") == release.id]
    heads = {
        PACK: PackHead(release.market, release.id, lines).to_bytes(),
        MANIFEST: (release.path / MANIFEST).read_bytes(),
        PROVENANCE: (release.path / PROVENANCE).read_bytes(),
    }
    if key is not None:
        heads[SIGNATURE] = canonical_json(sign(signed_message(heads), key))
    names = [f"{CONTENT}/{path}" for path in sorted(release.manifest().files)]
    names += [f"{PAGES}/{page}" for page in sorted(release.provenance().pages)]
    beside = target.with_name(f".{target.name}.tmp")
    try:
        with beside.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, data in heads.items():
                    archive.writestr(_entry(name, len(data)), data)
                for name in names:
                    _copy(archive, name, release.path / name)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(target)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, PermissionError):
            raise UserError(f"cannot write {target}: {error.strerror}") from error
        raise
    fsync_folder(target.absolute().parent)


def _copy(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    with path.open("rb") as source, archive.open(_entry(name, path.stat().st_size), "w") as entry:
        while chunk := source.read(CHUNK):
            entry.write(chunk)


def _entry(name: str, size: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _MOMENT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o100644 << 16
    entry.file_size = size
    return entry
