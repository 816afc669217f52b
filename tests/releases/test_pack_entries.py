"""What the entries of a pack may not be: each is refused, and nothing is written."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pack_kit import GOLDEN, Entries, added, changed, edited, listed, nothing_written, read, rewrite

from carprice_assets.errors import UserError
from carprice_assets.releases.release import Release
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.unpack import unpack

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
