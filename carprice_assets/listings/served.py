"""Answers that the service kept, taken from its spool into the warehouse, each exactly once."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

FOLDER = "served.valuations"
"""Below the spool; a point is in no market's name."""
READY, PART, UNREADABLE = ".jsonl", ".part", ".unreadable"
"""A whole file; what is added to its name while it is written, and where it cannot be read."""

COLUMNS = {
    "market": "VARCHAR", "id": "VARCHAR", "answered_at": "TIMESTAMPTZ", "release": "VARCHAR",
    "regressor": "VARCHAR", "as_of": "DATE", "car": "JSON", "price": "DOUBLE", "low": "DOUBLE",
    "high": "DOUBLE", "coverage": "DOUBLE", "supported": "BOOLEAN", "warnings": "VARCHAR[]",
    "errors": "VARCHAR[]",
}  # fmt: skip
TYPES = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
TAKE_IN = f"""
INSERT INTO served_valuations
SELECT market, id, answered_at AT TIME ZONE 'UTC', release, regressor, as_of,
    car ->> 'make', car ->> 'model', car, price, low, high, coverage, supported,
    coalesce(warnings, []), coalesce(errors, [])
FROM read_json($file, format = 'newline_delimited', columns = {{{TYPES}}})
WHERE market = $market
"""


@dataclass(frozen=True)
class Taken:
    """Files and cars that a step took in."""

    files: int
    cars: int


def served_folder(spool: Path, market: str) -> Path:
    """Where a market's answers wait; with no market the folder of all."""
    return spool / FOLDER / market if market else spool / FOLDER


def take_in(
    con: duckdb.DuckDBPyConnection,
    spool: Path,
    market: str,
    tell: Callable[[str], None] = lambda line: None,
) -> Taken:
    """Take in every whole file of a market; each file's rows and name in one transaction.

    A kill before the end of the transaction leaves the file to the next step, one after it
    leaves a file whose name is known, which is deleted unread. What a process that is gone was
    still writing is taken in as far as its lines are whole.
    """
    import duckdb

    folder = served_folder(spool, market)
    files = cars = 0
    for path in _files(folder):
        known = "SELECT 1 FROM served_files WHERE market = $market AND name = $name"
        if con.execute(known, {"market": market, "name": path.name}).fetchone() is None:
            try:
                cars += _take_in(con, path, market)
            except duckdb.Error as error:
                path.rename(path.with_name(path.name + UNREADABLE))
                tell(f"{path.name} is set aside: {str(error).splitlines()[0]}")
                continue
            files += 1
        path.unlink(missing_ok=True)
    if files:
        tell(f"{cars:,} answers of {files:,} files")
    return Taken(files, cars)


def waiting(spool: Path, market: str) -> int:
    """Files of a market that can be taken in, those that a dead process left not counted."""
    return sum(1 for _ in served_folder(spool, market).glob(f"*{READY}"))


def figures(con: duckdb.DuckDBPyConnection, market: str) -> dict[str, Any]:
    """What was asked of a market so far."""
    query = """
        SELECT count(*), count(price), count(*) FILTER (supported = false),
            count(*) FILTER (list_bool_or([starts_with(w, 'imputed') FOR w IN warnings])),
            min(answered_at), max(answered_at), count(DISTINCT release)
        FROM served_valuations WHERE market = $market
    """
    found = con.execute(query, {"market": market}).fetchone() or (0, 0, 0, 0, None, None, 0)
    names = ("cars", "priced", "unsupported", "imputed", "first", "last", "releases")
    return dict(zip(names, found, strict=True))


def _take_in(con: duckdb.DuckDBPyConnection, path: Path, market: str) -> int:
    con.execute("BEGIN")
    try:
        con.execute(TAKE_IN, {"file": str(path), "market": market})
        with path.open("rb") as file:
            rows = sum(1 for _ in file)
        con.execute(
            "INSERT INTO served_files VALUES ($market, $name, $rows)",
            {"market": market, "name": path.name, "rows": rows},
        )
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    return rows


def _files(folder: Path) -> Iterator[Path]:
    """Whole files, oldest first; first those that a dead process left are made whole."""
    for part in sorted(folder.glob(f"*{READY}{PART}")):
        _adopt(part)
    yield from sorted(folder.glob(f"*{READY}"))


def _adopt(part: Path) -> None:
    """Give a file its name where nobody writes it any more, without its torn last line."""
    with part.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # it is being written
        whole = 0
        for line in file:
            if not line.endswith(b"\n") or not _readable(line):
                break
            whole += len(line)
        file.truncate(whole)
    part.rename(part.with_name(part.name.removesuffix(PART)))


def _readable(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
