"""A disk that forgets: what a power cut may leave of operations that were never synced.

The model is harsher than any journalling file system. A file's bytes last only after its own
fsync, a name only after the fsync of the folder that holds it; the two halves of a rename between
folders last separately; names that were not synced last or not, each by itself.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Keep = Callable[[], bool]


@dataclass(eq=False)
class Node:
    """A file (``data`` now, ``synced`` for good) or a folder (``names`` now, ``kept`` for good).

    ``pending`` holds a folder's changes since its last fsync, in order: the changes of one entry
    are one operation, of which no part lasts without the others.
    """

    folder: bool
    data: bytes = b""
    synced: bytes = b""
    names: dict[str, Node] = field(default_factory=dict)
    kept: dict[str, Node] = field(default_factory=dict)
    pending: list[dict[str, Node | None]] = field(default_factory=list)

    def change(self, changes: dict[str, Node | None]) -> None:
        apply(self.names, changes)
        self.pending.append(changes)

    def settle(self) -> None:
        """All names last."""
        self.kept = dict(self.names)
        self.pending.clear()


Entry = tuple[str, Node, bytes | None]
"""Path, node and bytes; None for a folder."""


def apply(names: dict[str, Node], changes: dict[str, Node | None]) -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class DiskModel:
    """The folder ``root`` and all below it; what is there at the start lasts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._inodes: dict[int, Node] = {}
        self._top = self._lasting(root)

    def _lasting(self, path: Path) -> Node:
        if path.is_dir():
            node = Node(True, names={each.name: self._lasting(each) for each in path.iterdir()})
            node.settle()
            return node
        data = path.read_bytes()
        return self._inodes.setdefault(path.stat().st_ino, Node(False, data=data, synced=data))

    def node(self, path: Path) -> Node:
        """The node of ``path``; what was made past the port is taken in, as not synced."""
        node = self._top
        for place, name in enumerate(parts := path.relative_to(self.root).parts):
            if name not in node.names:
                real = self.root.joinpath(*parts[: place + 1])
                data = b"" if real.is_dir() else real.read_bytes()
                node.change({name: Node(real.is_dir(), data=data)})
            node = node.names[name]
        return node

    def create(self, path: Path) -> Node:
        parent = self.node(path.parent)
        if path.name not in parent.names:
            parent.change({path.name: Node(False)})
        return parent.names[path.name]

    def sync_file(self, path: Path, node: Node) -> None:
        node.data = path.read_bytes()
        node.synced = node.data

    def sync_folder(self, path: Path) -> None:
        for name in os.listdir(path):
            self.node(path / name)
        self.node(path).settle()

    def mkdir(self, path: Path) -> None:
        self.node(path.parent).change({path.name: Node(True)})

    def rename(self, old: Path, new: Path) -> None:
        node = self.node(old)
        if old.parent == new.parent:
            self.node(old.parent).change({old.name: None, new.name: node})
        else:
            self.node(new.parent).change({new.name: node})
            self.node(old.parent).change({old.name: None})

    def link(self, old: Path, new: Path) -> None:
        self.node(new.parent).change({new.name: self.node(old)})

    def remove(self, path: Path) -> None:
        parent = self.node(path.parent)
        if path.name in parent.names:
            parent.change({path.name: None})

    def lasting(self, names: Keep, data: Callable[[Node], bytes]) -> list[Entry]:
        """What lies on the disk after the cut, a folder before what is in it.

        ``names`` says of each change that was not synced whether it lasted, ``data`` which bytes
        a file has.
        """
        found: list[Entry] = []
        bytes_of: dict[Node, bytes] = {}

        def look(node: Node, path: str) -> None:
            if not node.folder:
                found.append((path, node, bytes_of.setdefault(node, data(node))))
                return
            found.append((path, node, None))
            kept = dict(node.kept)
            for changes in node.pending:
                if names():
                    apply(kept, changes)
            for name, each in kept.items():
                look(each, f"{path}/{name}" if path else name)

        look(self._top, "")
        return found


def write_out(entries: list[Entry], target: Path) -> None:
    """Make the disk ``target`` hold what :meth:`DiskModel.lasting` found."""
    written: dict[Node, Path] = {}
    for name, node, data in entries:
        path = target / name
        if data is None:
            path.mkdir()
        elif node in written:
            os.link(written[node], path)
        else:
            path.write_bytes(data)
            written[node] = path


def lost(node: Node) -> bytes:
    return node.synced


def half(node: Node) -> bytes:
    """A part of what was not synced has come through."""
    if node.data == node.synced:
        return node.synced
    return node.data[: (len(node.synced) + len(node.data)) // 2]


def whole(node: Node) -> bytes:
    return node.data


Cut = tuple[Keep, Callable[[Node], bytes]]


def cuts(rounds: int, seed: int) -> dict[str, Cut]:
    """Kinds of power cut by name: nothing unsynced lasts, names without bytes, and by chance."""
    kinds: dict[str, Cut] = {
        "all lost": (lambda: False, lost),
        "names without bytes": (lambda: True, lost),
        "names with half the bytes": (lambda: True, half),
        "bytes without names": (lambda: False, whole),
    }
    for number in range(rounds):
        draw = random.Random(f"{seed}/{number}")

        def keep(draw: random.Random = draw) -> bool:
            return draw.random() < 0.5

        def data(node: Node, draw: random.Random = draw) -> bytes:
            return draw.choice((lost, half, whole))(node)

        kinds[f"by chance {number}"] = (keep, data)
    return kinds
