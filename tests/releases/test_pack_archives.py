"""Damaged archives and bombs: refused before memory or disk is taken."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from pack_kit import (
    GOLDEN,
    Entries,
    changed,
    edited,
    nothing_written,
    patch_size,
    read_golden,
    rewrite,
)

from carprice_assets.errors import UserError
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.unpack import unpack


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
