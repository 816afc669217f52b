"""What the workers of one service know of each other: a small file each, written every second.

A file says how its worker is and carries its figures. When a worker has ended, whoever looks
after them adds its counters to those of all that ended before, so that a sum over the service
never falls.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec

from carprice_serving.metrics import counters

FRESH_SECONDS = 10.0
ENDED = "ended.json"
REMEMBERED = 1_000
"""Workers that ended whose names are kept: a reader may still hold what one of them wrote."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Board:
    """A folder that the workers share; None where there is one worker."""

    folder: Path | None = None
    _names: dict[int, str] = field(default_factory=dict[int, str], repr=False, compare=False)

    def write(self, told: Mapping[str, Any]) -> None:
        """Say how this worker is; a failure is logged, and leaves the others uninformed."""
        if self.folder is None:
            return
        pid = os.getpid()
        # A process's number may be given again; after a fork the parent's name is not one's own.
        name = self._names.setdefault(pid, secrets.token_hex(8))
        # A monotonic clock is one for all processes of a machine, and nobody sets it.
        entry = {"pid": pid, "name": name, "at": time.monotonic(), **told}
        try:
            _replace(self.folder / f"{pid}.json", entry)
        except OSError as error:
            logger.warning("the other workers are not told: %s", error)

    def others(self) -> Iterator[dict[str, Any]]:
        """What each other worker wrote last, where that was lately."""
        now = time.monotonic()
        for each in self._entries():
            if each["pid"] != os.getpid() and now - each["at"] <= FRESH_SECONDS:
                yield each

    def figures(self) -> Iterator[Mapping[str, Any]]:
        """The figures of all other workers, and the counters of those that ended."""
        if self.folder is None:
            return
        entries = list(self._entries())  # before the sum: what is in it by then counts once
        ended = _read(self.folder / ENDED)
        among = frozenset(ended.get("names", ()))
        for each in entries:
            if each["pid"] != os.getpid() and each["name"] not in among:
                yield each.get("metrics", {})
        yield ended.get("metrics", {})

    def retire(self, pid: int) -> None:
        """Add the counters of a worker that has ended to those of all before it.

        For the one process that looks after the workers; a failure is logged.
        """
        if self.folder is None:
            return
        own = self.folder / f"{pid}.json"
        try:
            if entry := _read(own):
                ended = _read(self.folder / ENDED)
                both = ended.get("metrics", {}), entry.get("metrics", {})
                names = [*ended.get("names", ()), entry["name"]][-REMEMBERED:]
                _replace(self.folder / ENDED, {"names": names, "metrics": counters(both)})
            own.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("the figures of worker %d are lost: %s", pid, error)

    def _entries(self) -> Iterator[dict[str, Any]]:
        if self.folder is None:
            return
        for path in sorted(self.folder.glob("*.json")):
            if path.name != ENDED and (entry := _read(path)):
                yield entry


def _read(path: Path) -> dict[str, Any]:
    """A file of the board; empty where there is none."""
    try:
        return cast("dict[str, Any]", json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}  # it has just gone


def _replace(path: Path, told: Mapping[str, Any]) -> None:
    beside = path.with_suffix(".tmp")
    beside.write_bytes(msgspec.json.encode(told))
    beside.rename(path)
