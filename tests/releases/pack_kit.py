"""Keys, and archives as an enemy would write them."""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from carprice_assets.files import sha256_bytes
from carprice_assets.releases.store import ReleaseStore

Entries = list[tuple[zipfile.ZipInfo, bytes]]
GOLDEN = "content/golden.json"


def keys(folder: Path, name: str) -> tuple[Path, Path]:
    """A private and a public key file."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def nothing_written(store: ReleaseStore) -> None:
    assert store.list("us") == []
    assert store.ledger("us") == []
    there = [path for path in store.root.rglob("*") if path.is_file()]
    assert [path.name for path in there if path.name != ".lock"] == []


def read(file: Path) -> Entries:
    with zipfile.ZipFile(file) as archive:
        return [(info, archive.read(info)) for info in archive.infolist()]


def rewrite(file: Path, change: Callable[[Entries], Entries]) -> None:
    """The archive with other entries, as an enemy would write it."""
    entries = change(read(file))
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate name")
        for info, data in entries:
            made = zipfile.ZipInfo(info.filename)
            made.external_attr, made.compress_type = info.external_attr, info.compress_type
            archive.writestr(made, data)


def named(name: str, attributes: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = attributes << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def changed(name: str, data: bytes) -> Callable[[Entries], Entries]:
    return lambda entries: [(i, data if i.filename == name else old) for i, old in entries]


def edited(name: str, edit: Callable[[dict[str, Any]], Any]) -> Callable[[Entries], Entries]:
    """A head with other JSON in it."""

    def change(entries: Entries) -> Entries:
        table = json.loads({i.filename: data for i, data in entries}[name])
        edit(table)
        return changed(name, json.dumps(table).encode())(entries)

    return change


def added(name: str, attributes: int = 0o100644, data: bytes = b"{}") -> Any:
    return lambda entries: [*entries, (named(name, attributes), data)]


def listed(path: str) -> Callable[[Entries], Entries]:
    """``path`` in the manifest as well, with its right hash."""

    def edit(table: dict[str, Any]) -> None:
        table["files"][path] = {"sha256": sha256_bytes(b"{}"), "size": 2}

    return lambda entries: edited("manifest.json", edit)(added(f"content/{path}")(entries))


def read_golden(file: Path) -> bytes:
    manifest = json.loads({i.filename: data for i, data in read(file)}["manifest.json"])
    return b"\0" * manifest["files"]["golden.json"]["size"]


def patch_size(file: Path, name: str, *, size: int) -> None:
    """Let the table of contents state another size than the entry unpacks to."""
    data = bytearray(file.read_bytes())
    place = 0
    while (place := data.find(b"PK\x01\x02", place)) >= 0:
        length = struct.unpack_from("<H", data, place + 28)[0]
        if data[place + 46 : place + 46 + length].decode().endswith(name):
            struct.pack_into("<I", data, place + 24, size)
        place += 46
    file.write_bytes(data)
