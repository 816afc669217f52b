"""Reading tables of any container: what the file is, its columns, and SQL that streams it."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import os
import re
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.errors import UserError
from carprice_assets.sources.base import literal

if TYPE_CHECKING:
    import duckdb

HEAD = 1 << 16
PARQUET = b"PAR1"
GZIP = b"\x1f\x8b"
JSON_SUFFIXES = {".json", ".jsonl", ".ndjson"}
EARLIEST, LATEST = date(1980, 1, 1), date(2200, 1, 1)


@dataclass(frozen=True)
class Table:
    """A readable file: SQL that gives ``payload`` (JSON text) a row, and its columns."""

    sql: str
    columns: tuple[str, ...]


@contextmanager
def telling(path: Path) -> Generator[None, None, None]:
    """Turn DuckDB's complaint about a file into one line that names the file."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise UserError(f"{path}: {_complaint(str(error))}") from error


def path_literal(path: Path) -> str:
    """SQL string of a file's name, taken as it is: DuckDB would expand ``*``, ``?`` and ``[``."""
    return literal(re.sub(r"([*?\[])", r"[\1]", str(path)))


def _complaint(text: str) -> str:
    if "not utf-8" in text.lower() or "invalid unicode" in text.lower():
        return "is not UTF-8 text: convert it first"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if found := re.search(r"CSV Error on Line: (\d+)", text):
        why = next((line for line in lines if line.startswith(("Expected", "Value"))), "broken row")
        return f"is broken at line {found[1]}: {why}"
    return f"cannot be read: {lines[0] if lines else 'unknown error'}"[:300]


def check_file(path: Path) -> None:
    """Raise a UserError unless ``path`` is a readable file that is not empty."""
    if path.is_dir():
        raise UserError(f"{path}: is a folder, not a file")
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if not path.is_file():
        raise UserError(f"{path}: is not a regular file")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path}: may not be read")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: is empty")


def read_head(path: Path) -> bytes:
    """The first bytes of a file, decompressed where it is gzip."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.startswith(GZIP):
        return head
    try:
        with gzip.open(path, "rb") as file:
            return file.read(HEAD)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: is no whole gzip file: {error}") from error


def is_parquet(path: Path) -> bool:
    """True for a Parquet file; a UserError where one is cut off or only named so."""
    with path.open("rb") as file:
        starts = file.read(4) == PARQUET
        file.seek(max(0, path.stat().st_size - 4))
        ends = file.read(4) == PARQUET
    if starts and ends:
        return True
    if starts:
        raise UserError(f"{path}: is a Parquet file that is cut off or damaged")
    if path.suffix == ".parquet":
        raise UserError(f"{path}: is not a Parquet file")
    return False


def open_table(con: duckdb.DuckDBPyConnection, path: Path) -> Table:
    """See what a CSV, Parquet or JSON Lines file is, plain or gzip.

    Raises
    ------
    UserError
        Where it is none of them, empty, cut off or not UTF-8.
    """
    check_file(path)
    if is_parquet(path):
        return _parquet(con, path)
    text = read_text_head(path)
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if text.lstrip()[:1] in ("{", "[") or suffixes & JSON_SUFFIXES:
        return _json_lines(con, path)
    return _csv(path, text)


def read_text_head(path: Path) -> str:
    """The first characters of a text file; a UserError where it is binary or not UTF-8."""
    head = read_head(path)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(f"{path}: is UTF-16, not UTF-8 text: convert it first")
    if b"\0" in head:
        raise UserError(f"{path}: is a binary file, neither CSV, Parquet nor JSON Lines")
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4 or len(head) < HEAD:
            raise UserError(f"{path}: is not UTF-8 text: convert it first") from error
        text = head[: error.start].decode("utf-8-sig")  # a character cut by the end of the piece
    if not text.strip():
        raise UserError(f"{path}: is empty")
    return text


def _parquet(con: duckdb.DuckDBPyConnection, path: Path) -> Table:
    source = f"read_parquet({path_literal(path)})"
    with telling(path):
        described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    names = tuple(row[0] for row in described)
    return Table(f"SELECT to_json(r)::VARCHAR AS payload FROM {source} AS r", names)


def json_lines(path: Path) -> str:
    """SQL that gives every line of a JSON Lines file as text ``payload``."""
    source = f"read_json_objects({path_literal(path)}, format = 'newline_delimited')"
    return f"SELECT json::VARCHAR AS payload FROM {source}"


def _json_lines(con: duckdb.DuckDBPyConnection, path: Path) -> Table:
    sql = json_lines(path)
    keys = (
        "SELECT DISTINCT unnest(json_keys(payload)) FROM"
        f" ({sql}) WHERE json_type(payload) = 'OBJECT'"
    )
    with telling(path):
        names = tuple(sorted(row[0] for row in con.execute(keys).fetchall()))
    if not names:
        raise UserError(f"{path}: holds no JSON objects, one a line")
    return Table(sql, names)


def _csv(path: Path, text: str) -> Table:
    delimiter = max(",;\t|", key=text.splitlines()[0].count)
    names = tuple(next(csv.reader(text.splitlines(keepends=True), delimiter=delimiter)))
    names = tuple(name.strip() or f"column_{i}" for i, name in enumerate(names))
    if len({name.lower() for name in names}) < len(names):
        twice = next(n for n in names if [m.lower() for m in names].count(n.lower()) > 1)
        raise UserError(f"{path}: its first line must name the columns, and {twice!r} is twice")
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    with path.open("rb") as file:
        gz = file.read(2) == GZIP
    source = (
        f"read_csv({path_literal(path)}, auto_detect = false, header = true, strict_mode = true,"
        f" columns = {{{types}}}, delim = {literal(delimiter)}, quote = '\"', escape = '\"',"
        f" max_line_size = 16777216, compression = '{'gzip' if gz else 'none'}')"
    )
    return Table(f"SELECT to_json(r)::VARCHAR AS payload FROM {source} AS r", names)


def require(path: Path, table: Table, wanted: list[str]) -> None:
    """Raise a UserError that names the columns that ``table`` lacks."""
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        has = ", ".join(table.columns[:8]) + (", ..." if len(table.columns) > 8 else "")
        raise UserError(
            f"{path}: lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}"
            f" (its own are {json.dumps(has, ensure_ascii=False)})"
        )


def check_incoming(con: duckdb.DuckDBPyConnection, path: Path, latest: date = LATEST) -> None:
    """Raise a UserError where ``incoming`` is empty or a row has no usable date."""
    counts = con.execute(
        "SELECT count(*), count(*) FILTER (scraped_at IS NULL), min(scraped_at), max(scraped_at),"
        " count(*) FILTER (scraped_at > $1) FROM incoming",
        [latest],
    ).fetchall()[0]
    if counts[0] == 0:
        raise UserError(f"{path}: holds no rows")
    if counts[1]:
        raise UserError(
            f"{path}: {counts[1]:,} of {counts[0]:,} rows have no readable date of their scrape:"
            " state it with --scraped-at YYYY-MM-DD"
        )
    for day in counts[2:4]:
        if not EARLIEST <= day <= LATEST:
            raise UserError(f"{path}: a row was scraped at {day}, which cannot be")
    if counts[4]:
        raise UserError(
            f"{path}: the scrape of {counts[4]:,} of {counts[0]:,} rows lies in the future, the"
            f" last on {counts[3]}"
        )
