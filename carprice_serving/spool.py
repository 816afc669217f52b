"""What was asked and answered, kept in rotating files until ``served_valuations`` takes it in.

An answer never waits for it: a listener puts references into a queue, a thread of its own
writes. A full queue, a full spool or a full disk drops what is new and counts it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from carprice_assets.listings.contract import FEATURE_FIELDS
from carprice_assets.listings.served import PART, READY, served_folder
from carprice_serving.answered import Answered
from carprice_serving.metrics import Metrics

QUEUED_CARS = 50_000
ROTATE_BYTES = 8_000_000
ROTATE_SECONDS = 60.0
WRITE_SECONDS = 0.5
TOGETHER = 100
"""Cars from which on what is queued is written: a write hands the event loop's turn about."""
SHOWN = 120
"""Characters of a text that are kept."""
PRIVATE = frozenset({"vin", "dealer"})
"""Fields that say whose car it is."""
KEPT = frozenset(field.name for field in FEATURE_FIELDS) - PRIVATE - {"observed_at"}

logger = logging.getLogger(__name__)


class Spool:
    """Keeps answers in ``spool/served.valuations/<market>/``, JSON Lines, one a car.

    Parameters
    ----------
    folder
        The data home's spool.
    most_bytes
        What all files together may hold.
    """

    def __init__(
        self,
        folder: Path,
        most_bytes: int,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._most, self._metrics, self._clock = folder, most_bytes, metrics, clock
        self._queue: deque[tuple[float, Answered]] = deque()
        self._taken = self._left = 0  # cars put in, by the loop, and taken out, by the thread
        self._files: dict[str, _File] = {}
        self._names = count(1)
        self._boot = secrets.token_hex(4)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._told = float("-inf")

    def __call__(self, answered: Answered) -> None:
        """Keep an answer, from the event loop; drops it where the queue is full."""
        cars = len(answered.cars)
        if self._taken - self._left + cars > QUEUED_CARS:
            self._metrics.spooled.add(("dropped",), cars)
            return
        self._taken += cars
        self._queue.append((time.time(), answered))

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Write what is queued and close the files; called off the event loop."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while not self._ended.wait(WRITE_SECONDS):
            self.write()
        self.write()
        self.rotate(every=True)

    def write(self) -> None:
        """Write all that is queued, some answers of a market at a time."""
        while self._queue:
            moment, first = self._queue.popleft()
            market, cars = first.valuer.market, len(first.cars)
            lines = self._lines(moment, first)
            while cars < TOGETHER and self._queue and self._queue[0][1].valuer.market == market:
                moment, answered = self._queue.popleft()
                cars += len(answered.cars)
                lines += self._lines(moment, answered)
            self._left += cars
            try:
                self._keep(market, b"".join(lines))
                outcome = "kept"
            except OSError as error:
                outcome = "dropped"
                self._tell(f"an answer is not kept: {error}")
                self._abandon(market)
            self._metrics.spooled.add((outcome,), cars)
        self.rotate()

    def _keep(self, market: str, lines: bytes) -> None:
        file = self._files.get(market)
        if file is None:
            if (held := self._held()) >= self._most:
                raise OSError(f"the spool holds {held:,} bytes, its limit is {self._most:,}")
            file = self._open(market)
        if file.size + len(lines) > self._most:
            raise OSError(f"{len(lines):,} bytes are more than the spool may hold")
        file.write(lines)

    def _lines(self, moment: float, answered: Answered) -> list[bytes]:
        valuer, at = answered.valuer, datetime.fromtimestamp(moment, UTC).isoformat()
        known = KEPT.union(feature.name for feature in valuer.features)
        found: list[bytes] = []
        for car, valuation in zip(answered.cars, answered.valuations):
            line = {
                "id": f"{self._boot}-{next(self._names)}",
                "answered_at": at,
                "market": valuer.market,
                "release": valuer.release_id,
                "regressor": answered.regressor or valuer.champion,
                "as_of": answered.as_of,
                "car": without_client(car, known),
                "price": valuation.price,
                "low": valuation.low,
                "high": valuation.high,
                "coverage": valuation.coverage,
                "supported": valuation.supported,
                "warnings": [f"{note.code}:{note.field}"[:SHOWN] for note in valuation.warnings],
                "errors": [f"{note.code}:{note.field}"[:SHOWN] for note in valuation.errors],
            }
            found.append(msgspec.json.encode(line) + b"\n")
        return found

    def rotate(self, every: bool = False) -> None:
        """Hand over files that are long or old, or all of them."""
        for market, file in list(self._files.items()):
            old = self._clock() - file.since >= ROTATE_SECONDS
            if every or old or file.size >= ROTATE_BYTES:
                del self._files[market]
                try:
                    file.hand_over()
                except OSError as error:
                    self._tell(f"a spooled file could not be handed over: {error}")

    def _open(self, market: str) -> _File:
        folder = served_folder(self._folder, market)
        folder.mkdir(parents=True, exist_ok=True)
        day = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        path = folder / f"{day}-{self._boot}-{next(self._names)}{READY}"
        found = self._files[market] = _File(path, self._clock())
        return found

    def _abandon(self, market: str) -> None:
        if file := self._files.pop(market, None):
            try:
                file.hand_over()
            except OSError:
                self._tell(f"{file.path.name} stays as it is")

    def _held(self) -> int:
        """Bytes of all spooled answers."""
        files = served_folder(self._folder, "").glob("*/*")
        return sum(_size(path) for path in files)

    def _tell(self, line: str) -> None:
        if time.monotonic() - self._told >= ROTATE_SECONDS:
            self._told = time.monotonic()
            logger.warning("spool: %s", line)


class _File:
    """One file while it is written: locked, so that nobody takes it for a dead process's."""

    def __init__(self, path: Path, since: float) -> None:
        self.path, self.since, self.size = path, since, 0
        self._part = path.with_name(path.name + PART)
        self._file: IO[bytes] = self._part.open("xb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, lines: bytes) -> None:
        """Append whole lines; a torn one is cut off again."""
        left = memoryview(lines)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(self.size)
            raise
        self.size += len(lines)

    def hand_over(self) -> None:
        """Give the file its name, under which it is taken in."""
        with self._file:
            if self.size:
                os.fsync(self._file.fileno())
                self._part.rename(self.path)
            else:
                self._part.unlink(missing_ok=True)


def without_client(car: Any, known: frozenset[str] | set[str]) -> dict[str, Any]:
    """The fields of a car that say what it is; nothing of whose it is, or who asks."""
    if not isinstance(car, Mapping):
        return {}
    fields = cast("Mapping[str, Any]", car)
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in known:
            continue
        if isinstance(value, str):
            found[name] = value[:SHOWN]
        elif isinstance(value, int | float):
            found[name] = value
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # taken in meanwhile
        return 0
