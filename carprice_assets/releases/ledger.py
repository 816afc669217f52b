"""The ledger: one JSON line for every decision, promotion and rollback, only ever appended."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from carprice_assets.files import canonical_json
from carprice_assets.releases.port import DISK, Port

Line: TypeAlias = dict[str, Any]

UNREADABLE, TORN, MENDED = "unreadable_line", "torn_line", "mended"
MOVES = ("promoted", "rolled_back")
"""Events that moved the champion pointer; each carries its ``sequence``."""


def read_lines(path: Path) -> list[Line]:
    """All lines in order.

    A line that is no JSON object stands as ``{"event": "unreadable_line", "line", "text"}``,
    a last line that was cut short (by a kill or a full disk) as ``torn_line``.
    """
    if not path.exists():
        return []
    *whole, tail = path.read_bytes().split(b"\n")
    lines = [_parse(text, number) for number, text in enumerate(whole, start=1)]
    if tail:
        lines.append({"event": TORN, "line": len(whole) + 1, "text": _text(tail)})
    return lines


def append_line(path: Path, line: Mapping[str, Any], at: str, port: Port = DISK) -> None:
    """Add one line and make it durable; the caller holds the market's lock.

    A torn last line is taken out first, and a ``mended`` line keeps its text. Where the line
    cannot be written whole, what there is of it is taken out again.
    """
    data = canonical_json(dict(line)) + b"\n"
    content = path.read_bytes() if path.exists() else b""
    size = content.rfind(b"\n") + 1
    descriptor = port.open(path, "append")
    try:
        if torn := content[size:]:
            note = {"at": at, "event": MENDED, "torn": _text(torn)}
            data = canonical_json(note) + b"\n" + data
            port.truncate(descriptor, size)
        try:
            port.write(descriptor, data)
        except OSError:
            with contextlib.suppress(OSError):  # the next call takes the torn line out
                port.truncate(descriptor, size)
            raise
        port.fsync(descriptor)
    finally:
        port.close(descriptor)
    port.fsync_folder(path.parent)


def last_sequence(lines: list[Line]) -> int:
    """The greatest ``sequence`` of the lines that moved the pointer; 0 without any."""
    numbers = [line.get("sequence") for line in lines if line.get("event") in MOVES]
    return max((number for number in numbers if type(number) is int), default=0)


def _parse(text: bytes, number: int) -> Line:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return cast("Line", value)
    return {"event": UNREADABLE, "line": number, "text": _text(text)}


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
