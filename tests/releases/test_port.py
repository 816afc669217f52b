"""The port is the only way to the disk, and its helpers leave nothing half done."""

from __future__ import annotations

import ast
import errno
from pathlib import Path

import pytest
from faulty_port import FaultyPort

from carprice_assets.home import PROJECT
from carprice_assets.releases.port import DISK, remove_tree, replace_file, write_new

STORE = (
    "store",
    "market_folder",
    "ledger",
    "pointer",
    "sharing",
    "prune",
    "unpack",
    "hold",
    "shadow",
    "repair",
)
CHANGES = {
    *("write_bytes", "write_text", "writelines", "touch", "mkdir", "makedirs", "rmdir", "rmtree"),
    *("unlink", "remove", "rename", "renames", "symlink", "symlink_to", "link", "hardlink_to"),
    *("truncate", "ftruncate", "copy", "copy2", "copyfile", "copytree", "fsync"),
    *("mkstemp", "mkdtemp", "write_atomic", "fsync_folder"),
}


@pytest.mark.parametrize("module", STORE)
def test_nothing_in_the_store_writes_past_the_port(module: str) -> None:
    path = PROJECT / "carprice_assets" / "releases" / f"{module}.py"
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        receiver, _, name = called.rpartition(".")
        if receiver in ("port", "self.port", "store.port"):
            continue
        if name in CHANGES or called == "shutil.move":
            found.append(f"line {node.lineno}: {called}")
        words = [ast.unparse(each) for each in node.args[1:]] if name == "open" else []
        if called == "open" or any(w in word for word in words for w in ("'w", "'a", "O_WRONLY")):
            found.append(f"line {node.lineno}: {called}")
    assert found == []


def test_a_replaced_file_is_the_old_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    replace_file(DISK, path, b"old")
    for number in range(4):
        port = FaultyPort(fault="I/O error", at=number)
        with pytest.raises(OSError, match="Input/output error"):
            replace_file(port, path, b"new")
        assert path.read_bytes() in (b"old", b"new")
        assert list(tmp_path.iterdir()) == [path]
        replace_file(DISK, path, b"old")


def test_a_new_file_is_never_an_old_one_or_a_link(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a"
    write_new(DISK, path, b"x")
    with pytest.raises(FileExistsError):
        write_new(DISK, path, b"y")
    (tmp_path / "link").symlink_to(path)
    for mode in ("append", "sync"):
        with pytest.raises(OSError, match="symbolic") as refused:
            DISK.open(tmp_path / "link", mode)  # type: ignore[arg-type]
        assert refused.value.errno == errno.ELOOP
    assert path.read_bytes() == b"x"


def test_links_are_removed_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_bytes(b"x")
    gone = tmp_path / "gone"
    (gone / "below").mkdir(parents=True)
    (gone / "below" / "a").write_bytes(b"y")
    (gone / "to a folder").symlink_to(kept)
    (gone / "to a file").symlink_to(kept / "file")
    remove_tree(DISK, gone)
    assert not gone.exists()
    assert (kept / "file").read_bytes() == b"x"
