"""The journal of a crawl: JSON Lines, appended once, whole after a kill at any moment.

Lines are told apart by ``kind``:

``crawl``
    The first: crawl_id, scrape_id, market, site, adapter, format, day, started_at, full.
``page``
    A page's final state (``done``, ``failed``, ``gone``), one line a page.
``plan``
    ``pages``: details that became known as to be fetched.
``search_end``
    ``complete`` and ``why``.
``requests``
    Requests that belong to no page's line: robots.txt, and pages that were broken off.
``end``
    ``state`` and ``reason``; after ``paused`` further lines may follow, and ``until`` says from
    when on, where the host asked to be left alone.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from carprice_assets.errors import UserError
from carprice_assets.sources.crawl.plan import Planned

NAME = "journal.jsonl"
HELD_FOLDER = "held"
"""Beside the journal, for the offers of crawls whose layout has drifted."""
Record = Mapping[str, Any]


@dataclass
class Records:
    """A journal, folded.

    Attributes
    ----------
    path
        The file.
    head
        The ``crawl`` line; empty where there is none yet.
    pages
        Address to ``page`` line, of every page with a final state, in order.
    planned
        Address to what was planned, in order.
    search_end
        The ``search_end`` line, None while the search goes on.
    end
        The last ``end`` line, None where the crawl runs, was killed, or went on after a pause.
    spent
        Moment and number of requests, one entry a line that tells of requests.
    """

    path: Path
    head: dict[str, Any] = field(default_factory=dict[str, Any])
    pages: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    planned: dict[str, Planned] = field(default_factory=dict[str, Planned])
    search_end: dict[str, Any] | None = None
    end: dict[str, Any] | None = None
    spent: list[tuple[datetime, int]] = field(default_factory=list[tuple[datetime, int]])

    @property
    def state(self) -> str:
        """State of the crawl: that of its end, else ``running``."""
        return "running" if self.end is None else str(self.end["state"])

    @property
    def ended(self) -> bool:
        """Whether the crawl will not go on, so that the ledger takes it in."""
        return self.state not in ("running", "paused")

    @property
    def search_complete(self) -> bool:
        """Whether every offer that the site shows had its card."""
        return self.search_end is not None and bool(self.search_end["complete"])

    @property
    def pending(self) -> tuple[str, ...]:
        """Planned pages without a final state."""
        return tuple(url for url in self.planned if url not in self.pages)

    def searches(self) -> dict[int, dict[str, Any]]:
        """Number to line of the search pages with a final state, in order."""
        found = [line for line in self.pages.values() if line["page"] == "search"]
        return {int(line["number"]): line for line in sorted(found, key=lambda x: x["number"])}

    def requests(self, since: datetime | None = None) -> int:
        """Requests told of in the journal, from a moment on."""
        return sum(count for at, count in self.spent if since is None or at >= since)

    def fold(self, record: Record) -> None:
        """Add one line.

        Raises
        ------
        KeyError, ValueError, TypeError
            Where a line lacks what its kind needs.
        """
        if not self.head and record["kind"] != "crawl":
            raise ValueError("the first line is not the head of a crawl")
        match record["kind"]:
            case "crawl":
                self.head = dict(record)
            case "page":
                self.pages[record["url"]] = dict(record)
                self._spend(record)
            case "plan":
                for page in record["pages"]:
                    self.planned.setdefault(page["url"], Planned(**page))
            case "search_end":
                self.search_end = dict(record)
            case "requests":
                self._spend(record)
            case "end":
                self.end = dict(record)
                return
            case _:
                raise ValueError(f"unknown kind {record['kind']!r}")
        self.end = None

    def _spend(self, record: Record) -> None:
        at = datetime.fromisoformat(record["at"])
        if at.tzinfo is None:
            raise ValueError(f"the time {record['at']} has no zone")
        self.spent.append((at, int(record["requests"])))


def encode(record: Record) -> bytes:
    """One line. Lone surrogates, which UTF-8 cannot hold, become question marks.

    Raises
    ------
    ValueError
        Where a number is NaN or infinite.
    RecursionError
        Where a payload is nested too deep.
    """
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


class Journal:
    """The writer; one at a time, under the site's lock."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._synced = True

    @classmethod
    def open(cls, folder: Path) -> Journal:
        """Open a site's journal for appending, cutting off a line that a kill tore."""
        path = folder / NAME
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        with path.open("rb") as file:
            whole = _whole(file)
        os.ftruncate(descriptor, whole)
        return cls(path, descriptor)

    def append(self, *records: Record) -> None:
        """Write lines with one ``write()``.

        Raises
        ------
        ValueError, RecursionError
            As :func:`encode`; nothing is written then.
        UserError
            Where the disk does not take them; what it took in part is cut off again.
        """
        data = memoryview(b"".join(encode(record) for record in records))
        self._synced = False
        before = os.fstat(self._descriptor).st_size
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            os.ftruncate(self._descriptor, before)
            raise self._refused(error) from error

    def sync(self) -> None:
        """Make what was appended durable.

        Raises
        ------
        UserError
            Where the disk does not take it.
        """
        if not self._synced:
            self._synced = True
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                raise self._refused(error) from error

    def _refused(self, error: OSError) -> UserError:
        return UserError(
            f"{self.path}: {error.strerror}; what it holds is kept, and the next crawl goes on"
            " from there"
        )

    def close(self) -> None:
        """Make durable and close."""
        try:
            self.sync()
        finally:
            os.close(self._descriptor)


def _whole(file: BinaryIO) -> int:
    """Bytes up to the end of the last line that can be read."""
    if os.fstat(file.fileno()).st_size == 0:
        return 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        end = data.rfind(b"\n") + 1
        start = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
        try:
            json.loads(data[start:end])
        except (ValueError, RecursionError):
            return start
        return end


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every line of a journal; a torn last one is left out, a missing file has none.

    Raises
    ------
    UserError
        Naming the first line that cannot be read.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        left = _whole(file)
        for number, line in enumerate(file, 1):
            left -= len(line)
            if left < 0:
                return
            try:
                record: Any = json.loads(line.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                raise _unusable(path, number, "is no JSON in UTF-8") from error
            if not isinstance(record, dict):
                raise _unusable(path, number, "is no JSON object")
            yield record  # pyright: ignore[reportUnknownVariableType]


def read(path: Path, payloads: bool = True) -> Records:
    """Fold a journal; ``payloads=False`` leaves the payloads out.

    Raises
    ------
    UserError
        Naming the first line that cannot be read.
    """
    records = Records(path)
    for number, line in enumerate(lines(path), 1):
        if not payloads:
            line.pop("payload", None)
        try:
            records.fold(line)
        except KeyError as error:
            raise _unusable(path, number, f"lacks {error}") from error
        except (ValueError, TypeError) as error:
            raise _unusable(path, number, f"cannot be used: {error}") from error
    return records


def _unusable(path: Path, number: int, what: str) -> UserError:
    return UserError(
        f"{path}: line {number} {what}; to begin anew, move the file away (the pages in it are"
        " fetched again)"
    )


def pending_journal(folder: Path) -> Records | None:
    """A crawl that ended and was not taken in yet; None where the folder has none."""
    records = read(folder / NAME)
    return records if records.head and records.ended else None
