"""The ledger: one JSON line for every decision, promotion and rollback, only ever appended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from carprice_assets.files import canonical_json, fsync_folder

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


def append_line(path: Path, line: Mapping[str, Any], at: str) -> None:
    """Add one line and make it durable; the caller holds the market's lock.

    A torn last line is taken out first, and a ``mended`` line keeps its text.
    """
    data = canonical_json(dict(line)) + b"\n"
    created = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        content = b"" if created else file.read()
        cut = content.rfind(b"\n") + 1
        if content[cut:]:
            note = {"at": at, "event": MENDED, "torn": _text(content[cut:])}
            file.truncate(cut)
            data = canonical_json(note) + b"\n" + data
        _write(file.fileno(), data)
        os.fsync(file.fileno())
    if created:
        fsync_folder(path.parent)


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


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
