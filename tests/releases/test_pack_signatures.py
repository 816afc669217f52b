"""Packs that are signed: what a key vouches for, and what is refused without one."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pack_kit import Entries, keys, nothing_written, rewrite

from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.releases.pack import pack
from carprice_assets.releases.release import Release
from carprice_assets.releases.signing import signing_key, trusted_keys
from carprice_assets.releases.store import Conflict, ReleaseStore
from carprice_assets.releases.unpack import serve, unpack


def test_signatures(source: tuple[Path, Release], target: ReleaseStore, tmp_path: Path) -> None:
    private, public = keys(tmp_path, "ours")
    _, strange = keys(tmp_path, "strange")
    store, release = ReleaseStore(source[0] / "releases"), source[1]
    signed, unsigned = tmp_path / "signed.pack", tmp_path / "unsigned.pack"
    pack(store, release, signed, private)
    pack(store, release, unsigned)
    with pytest.raises(UserError, match="is not signed, and this home asks"):
        unpack(target, "us", unsigned, [public])
    with pytest.raises(UserError, match=r"signed\.pack is no public key in PEM"):
        unpack(target, "us", unsigned, [signed])  # the key at fault, not the pack
    with pytest.raises(UserError, match="by no key that this home trusts"):
        unpack(target, "us", signed, [strange])
    nothing_written(target)
    signer = unpack(target, "us", signed, [strange, public]).signed_by
    assert signer
    assert target.ledger("us")[0]["signed_by"] == signer
    assert unpack(target, "us", signed).signed_by is None


def test_a_promotion_elsewhere_counts_where_a_trusted_key_vouches_for_it(
    source: tuple[Path, Release], target: ReleaseStore, tmp_path: Path, kit: ModuleType
) -> None:
    private, public = keys(tmp_path, "ours")
    store, release = ReleaseStore(source[0] / "releases"), source[1]
    signed, fresh = tmp_path / "signed.pack", tmp_path / "fresh.pack"
    pack(store, release, signed, private)
    pack(store, store.stage("us", kit.builder(tmp_path, 9.0), {}), fresh, private)
    with pytest.raises(UserError, match="no trusted key vouches"):
        serve(target, unpack(target, "us", signed))
    with pytest.raises(UserError, match="nor was it where it comes from"):
        serve(target, unpack(target, "us", fresh, [public]))
    assert target.champion("us") is None
    other = ReleaseStore(tmp_path / "third" / "releases")
    with pytest.raises(UserError, match="no trusted key vouches"):
        unpack(other, "us", signed, to_serve=True)
    with pytest.raises(UserError, match="nor was it where it comes from"):
        unpack(other, "us", fresh, [public], to_serve=True)
    nothing_written(other)
    got = unpack(target, "us", signed, [public], to_serve=True)
    serve(target, got)
    assert target.champion("us") == release.id
    told = target.ledger("us")[-1]["decision"]["reasons"][0]["message"]
    assert told == f"promoted elsewhere at {got.promoted_at}, in a pack signed by {got.signed_by}"
    with pytest.raises(Conflict, match="serves already"):
        serve(target, got)


@pytest.mark.parametrize("head", ["pack.json", "manifest.json", "provenance.json"])
def test_a_head_that_was_changed_after_signing_is_refused(
    source: tuple[Path, Release], target: ReleaseStore, tmp_path: Path, head: str
) -> None:
    private, public = keys(tmp_path, "ours")
    file = tmp_path / "signed.pack"
    pack(ReleaseStore(source[0] / "releases"), source[1], file, private)

    def edited(entries: Entries) -> Entries:
        return [(i, data + b" " if i.filename == head else data) for i, data in entries]

    rewrite(file, edited)
    with pytest.raises(UserError, match="is changed: its signature does not fit"):
        unpack(target, "us", file, [public])
    nothing_written(target)


@pytest.mark.parametrize("what", ["none", "text", "another kind", "missing"])
def test_a_key_that_is_none_is_told(
    source: tuple[Path, Release], tmp_path: Path, target: ReleaseStore, what: str, packed: Path
) -> None:
    path = tmp_path / "key.pem"
    other = X25519PrivateKey.generate()
    data = {
        "none": b"",
        "text": b"secret",
        "another kind": other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    if what in data:
        path.write_bytes(data[what])
    with pytest.raises(UserError, match=r"key\.pem"):
        pack(ReleaseStore(source[0] / "releases"), source[1], tmp_path / "x.pack", path)
    assert not list(tmp_path.glob("*x.pack*"))
    signed = tmp_path / "signed.pack"
    pack(ReleaseStore(source[0] / "releases"), source[1], signed, keys(tmp_path, "ours")[0])
    with pytest.raises(UserError, match=r"key\.pem"):
        unpack(target, "us", signed, [path])
    nothing_written(target)


def test_keys_of_a_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert signing_key(home) is None
    assert trusted_keys(home) == []
    (tmp_path / "keys" / "trusted").mkdir(parents=True)
    keys(tmp_path / "keys", "signing")
    shutil.move(tmp_path / "keys" / "signing.pub.pem", tmp_path / "keys" / "trusted" / "a.pem")
    assert signing_key(home) == tmp_path / "keys" / "signing.pem"
    assert trusted_keys(home) == [tmp_path / "keys" / "trusted" / "a.pem"]
