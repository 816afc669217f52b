"""What the workers of one service know of each other: a small file each, written every second."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

FRESH_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Board:
    """A folder that the workers share; None where there is one worker."""

    folder: Path | None = None

    def write(self, told: Mapping[str, Any]) -> None:
        """Say how this worker is; a failure is logged, and leaves the others uninformed."""
        if self.folder is None:
            return
        own = self.folder / f"{os.getpid()}.json"
        try:
            beside = own.with_suffix(".tmp")
            beside.write_bytes(msgspec.json.encode({"pid": os.getpid(), **told}))
            beside.rename(own)
        except OSError as error:
            logger.warning("the other workers are not told: %s", error)

    def others(self) -> Iterator[dict[str, Any]]:
        """What each other worker that lives wrote last."""
        if self.folder is None:
            return
        for path in sorted(self.folder.glob("*.json")):
            if path.stem == str(os.getpid()):
                continue
            try:
                if time.time() - path.stat().st_mtime <= FRESH_SECONDS:
                    yield cast("dict[str, Any]", json.loads(path.read_bytes()))
            except (OSError, ValueError):
                continue  # it has just gone
