"""Packs: a release as one file, what is refused of one, and that nothing is written then."""

from __future__ import annotations

import json
import os
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from carprice_assets.errors import UserError
from carprice_assets.files import folder_hashes, sha256_bytes
from carprice_assets.home import Home
from carprice_assets.releases.card import model_card
from carprice_assets.releases.pack import pack
from carprice_assets.releases.release import Release
from carprice_assets.releases.signing import signing_key, trusted_keys
from carprice_assets.releases.store import Conflict, ReleaseStore
from carprice_assets.releases.unpack import serve, unpack
from carprice_assets.releases.valuer import Valuer

Entries = list[tuple[zipfile.ZipInfo, bytes]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, kit: ModuleType) -> tuple[Path, Release]:
    """A store with a release that serves there."""
    root = tmp_path_factory.mktemp("source")
    store = ReleaseStore(root / "releases", lambda: kit.MOMENT)
    pages = {"catboost/report.md": b"# report\n"}
    release = store.stage("us", kit.builder(root), {"run": "r1"}, pages)
    store.promote("us", release.id, None, kit.YES)
    return root, release


@pytest.fixture
def packed(source: tuple[Path, Release], tmp_path: Path) -> Path:
    file = tmp_path / "release.pack"
    pack(ReleaseStore(source[0] / "releases"), source[1], file)
    return file


@pytest.fixture
def target(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "elsewhere" / "releases")


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


def test_a_release_is_the_same_elsewhere(
    source: tuple[Path, Release], packed: Path, target: ReleaseStore, kit: ModuleType
) -> None:
    release = source[1]
    got = unpack(target, "us", packed)
    assert (got.release.id, got.signed_by) == (release.id, None)
    assert folder_hashes(got.release.path) == folder_hashes(release.path)
    assert target.champion("us") is None
    cars = kit.CARS
    one, other = (Valuer.load(each.path, parts=kit.PARTS) for each in (release, got.release))
    day = one.last_observed
    assert one.value_cars(cars, as_of=day) == other.value_cars(cars, as_of=day)
    assert unpack(target, "us", packed).release == got.release
    assert [line["event"] for line in target.ledger("us")] == ["unpacked", "unpacked"]


def test_what_was_decided_goes_along(
    source: tuple[Path, Release], packed: Path, target: ReleaseStore
) -> None:
    release = unpack(target, "us", packed).release
    line = target.ledger("us")[0]
    assert [each["event"] for each in line["history"]] == ["promoted"]
    assert "promoted (elsewhere)" in model_card(release, target.ledger("us"))
    again = packed.with_name("again.pack")
    pack(target, release, again)
    third = ReleaseStore(target.root.parent / "third")
    unpack(third, "us", again)
    card = model_card(third.list("us")[0], third.ledger("us"))
    assert card.count("promoted (elsewhere)") == 1
    assert card.count("unpacked (elsewhere)") == 1


def test_equal_releases_have_equal_packs(
    source: tuple[Path, Release], packed: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.pack"
    pack(ReleaseStore(source[0] / "releases"), source[1], again)
    assert again.read_bytes() == packed.read_bytes()
    with pytest.raises(UserError, match=r"again\.pack exists already"):
        pack(ReleaseStore(source[0] / "releases"), source[1], again)


def test_a_damaged_release_is_not_packed(
    packed: Path, target: ReleaseStore, tmp_path: Path
) -> None:
    release = unpack(target, "us", packed).release
    (release.content / "golden.json").write_bytes(b"{}")
    with pytest.raises(UserError, match=r"golden\.json is changed"):
        pack(target, release, tmp_path / "out.pack")
    assert not list(tmp_path.glob("*out*"))


def test_signatures(source: tuple[Path, Release], target: ReleaseStore, tmp_path: Path) -> None:
    private, public = keys(tmp_path, "ours")
    _, strange = keys(tmp_path, "strange")
    store, release = ReleaseStore(source[0] / "releases"), source[1]
    signed, unsigned = tmp_path / "signed.pack", tmp_path / "unsigned.pack"
    pack(store, release, signed, private)
    pack(store, release, unsigned)
    with pytest.raises(UserError, match="is not signed, and this home asks"):
        unpack(target, "us", unsigned, [public])
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
    got = unpack(target, "us", signed, [public])
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


def renamed(old: str, new: str) -> Callable[[Entries], Entries]:
    return lambda entries: [(named(new) if i.filename == old else i, data) for i, data in entries]


GOLDEN = "content/golden.json"
ENEMIES: dict[str, tuple[Callable[[Entries], Entries], str]] = {
    "a file above": (added("../above.json"), "'../above.json' is not allowed"),
    "a file above content": (added("content/../../x.json"), "is not allowed"),
    "an absolute path": (added("/etc/x.json"), "'/etc/x.json' is not allowed"),
    "a Windows path": (added("content/..\\x.json"), "is not allowed"),
    "a hidden file": (added("content/.x"), "is not allowed"),
    "a listed file above": (listed("../x.json"), "is not allowed"),
    "a listed absolute path": (listed("/x.json"), "is not allowed"),
    "a link": (added("content/x.json", 0o120777, b"/etc/passwd"), "x.json is a link"),
    "a device": (added("content/x.json", 0o020644), "x.json is a link or special file"),
    "a folder": (added("content/x/", 0o040755, b""), "is not allowed"),
    "an added file": (added("content/x.json"), "content/x.json is added"),
    "an added page": (added("reports/x.md"), "reports/x.md is added"),
    "an added head": (added("x.json"), "x.json is added"),
    "a file twice": (added(GOLDEN), "stands twice"),
    "a file missing": (
        lambda entries: [each for each in entries if each[0].filename != GOLDEN],
        f"{GOLDEN} is missing",
    ),
    "no manifest": (
        lambda entries: [each for each in entries if each[0].filename != "manifest.json"],
        "manifest.json is missing",
    ),
    "a file cut short": (changed(GOLDEN, b"{"), f"{GOLDEN} has 1 bytes instead of"),
    "a page changed": (changed("reports/catboost/report.md", b"x"), "report.md is changed"),
    "another market": (
        edited("pack.json", lambda table: table.update(market="uk")),
        "of market uk, not of us",
    ),
    "another release": (
        edited("pack.json", lambda table: table.update(release="0" * 32)),
        "name other releases",
    ),
    "a newer pack": (
        edited("pack.json", lambda table: table.update(format=2)),
        "format 2, newer than the 1 that this version reads",
    ),
    "a newer manifest": (
        edited("manifest.json", lambda table: table.update(format=2)),
        "newer than the 1",
    ),
    "a history that is none": (
        edited("pack.json", lambda table: table.update(history=[1])),
        "pack.json is broken",
    ),
    "a size that lies": (
        edited("manifest.json", lambda t: t["files"]["golden.json"].update(size=1 << 41)),
        "size must be a whole number",
    ),
}


@pytest.mark.parametrize("enemy", ENEMIES)
def test_what_an_enemy_packs_is_refused(packed: Path, target: ReleaseStore, enemy: str) -> None:
    change, told = ENEMIES[enemy]
    rewrite(packed, change)
    with pytest.raises(UserError) as refused:
        unpack(target, "us", packed)
    assert told in str(refused.value)
    nothing_written(target)
    assert not (target.root.parent.parent / "above.json").exists()


def test_every_file_flipped_in_a_pack_is_named(
    packed: Path, target: ReleaseStore, source: tuple[Path, Release]
) -> None:
    whole = packed.read_bytes()
    for info, data in read(packed):
        packed.write_bytes(whole)
        flipped = bytearray(data)
        flipped[len(data) // 2] ^= 1
        rewrite(packed, changed(info.filename, bytes(flipped)))
        if info.filename == "pack.json":
            continue  # says nothing that is in the release, and is signed where it matters
        with pytest.raises(UserError) as refused:
            unpack(target, "us", packed)
        assert info.filename in str(refused.value)
        nothing_written(target)


def test_bytes_flipped_in_the_file_itself(packed: Path, target: ReleaseStore) -> None:
    """Wherever an archive is damaged, it is refused or unpacks to the very release."""
    whole = packed.read_bytes()
    for place in range(0, len(whole), 41):
        packed.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            release = unpack(target, "us", packed).release
        except UserError:
            continue
        assert target.verify(release) == []
    for size in range(0, len(whole), 397):
        packed.write_bytes(whole[:size])
        with pytest.raises(UserError, match="is no pack of a release"):
            unpack(target, "us", packed)


def test_a_bomb_is_refused_before_a_byte_is_written(packed: Path, target: ReleaseStore) -> None:
    """Gigabytes in a few kilobytes, under a size that the manifest lists."""
    size = 5 << 30

    def swollen(entries: Entries) -> Entries:
        def edit(table: dict[str, Any]) -> None:
            table["files"]["golden.json"]["size"] = size

        return edited("manifest.json", edit)(entries)

    rewrite(packed, swollen)
    patch_size(packed, "golden.json", size=0xFFFFFFF0)
    with pytest.raises(UserError, match=r"golden\.json has 4294967280 bytes instead of"):
        unpack(target, "us", packed)
    nothing_written(target)


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


def test_more_than_the_limit_or_the_disk_is_refused(
    packed: Path, target: ReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carprice_assets.releases.unpack.MAX_CONTENT", 1000)
    with pytest.raises(UserError, match="more than 1000"):
        unpack(target, "us", packed)
    monkeypatch.undo()
    free = shutil.disk_usage(packed.parent)._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with pytest.raises(UserError, match="of which the disk has 1000"):
        unpack(target, "us", packed)
    nothing_written(target)


def test_an_entry_longer_than_it_says_is_cut_off(packed: Path, target: ReleaseStore) -> None:
    """64 megabytes of zeros behind an honest looking size is never unpacked."""
    rewrite(packed, changed(GOLDEN, b"\0" * (64 << 20)))
    original = len(read_golden(packed))
    patch_size(packed, "golden.json", size=original)
    with pytest.raises(UserError, match=r"golden\.json|no pack of a release"):
        unpack(target, "us", packed)
    nothing_written(target)


def read_golden(file: Path) -> bytes:
    manifest = json.loads({i.filename: data for i, data in read(file)}["manifest.json"])
    return b"\0" * manifest["files"]["golden.json"]["size"]


def test_entries_over_each_other_are_refused(packed: Path, target: ReleaseStore) -> None:
    data = bytearray(packed.read_bytes())
    place = data.find(b"PK\x01\x02")
    struct.pack_into("<I", data, place + 20, len(data))
    packed.write_bytes(data)
    with pytest.raises(UserError, match=r"lie over each other|no pack"):
        unpack(target, "us", packed)
    nothing_written(target)


def test_a_table_of_contents_too_large_takes_no_memory(packed: Path, target: ReleaseStore) -> None:
    """It states four gigabytes in a sparse file that has them."""
    data = packed.read_bytes()
    end = data.rfind(b"PK\x05\x06")
    tail = bytearray(data[end:])
    struct.pack_into("<I", tail, 12, 3 << 30)
    struct.pack_into("<I", tail, 16, 0)
    with packed.open("wb") as file:
        file.truncate(3 << 30)
        file.seek(0, os.SEEK_END)
        file.write(tail)
    with pytest.raises(UserError, match="a table of contents of more than"):
        unpack(target, "us", packed)
    nothing_written(target)


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + b"\0" * 18, b"x" * 1000])
def test_no_archive_at_all(tmp_path: Path, target: ReleaseStore, data: bytes) -> None:
    file = tmp_path / "x.pack"
    file.write_bytes(data)
    with pytest.raises(UserError, match=r"x\.pack is no pack of a release"):
        unpack(target, "us", file)


def test_no_file_at_all(tmp_path: Path, target: ReleaseStore) -> None:
    with pytest.raises(UserError, match="cannot read"):
        unpack(target, "us", tmp_path / "missing.pack")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="no regular file"):
        unpack(target, "us", tmp_path / "pipe")
    with pytest.raises(UserError, match="Is a directory"):
        unpack(target, "us", tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unknown_compression_is_refused(packed: Path, target: ReleaseStore, method: int) -> None:
    def other(entries: Entries) -> Entries:
        for info, _ in entries:
            info.compress_type = method
        return entries

    rewrite(packed, other)
    with pytest.raises(UserError, match="compressed in an unknown way"):
        unpack(target, "us", packed)
    nothing_written(target)
