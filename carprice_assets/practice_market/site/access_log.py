"""The access log: one JSON line a request."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import msgspec


class Visit(msgspec.Struct):
    """A request and what it was answered.

    Attributes
    ----------
    at
        When it arrived, in seconds since 1970.
    seconds
        Until the last byte was given away.
    path
        With the query.
    status
        0 where the client left before an answer.
    bytes
        Of the body, as far as sent.
    fault
        Its name in `faults.SHARES`, or empty.
    """

    at: float
    path: str
    user_agent: str
    seconds: float = 0.0
    status: int = 0
    bytes: int = 0
    fault: str = ""


class AccessLog:
    """Appends to a file, across restarts; a line is in the file once the request is over.

    Lines stand in the order in which requests end; `at` gives that of arrival.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def write(self, visit: Visit) -> None:
        """Append one line by one write to the file."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
        self._file.write(msgspec.json.encode(visit) + b"\n")

    def read(self) -> bytes:
        """All lines written so far."""
        return self.path.read_bytes() if self.path.exists() else b""

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None
