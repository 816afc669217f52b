"""Cars in a file (CSV, Parquet, JSON Lines), read in pieces; a bad row is a problem of its own."""

from __future__ import annotations

import gzip
import io
import json
import math
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, cast

from carprice_assets.errors import UserError
from carprice_assets.releases.csv_records import Record, records
from carprice_assets.releases.priced import NEEDED, read_as, twice
from carprice_assets.sources.reading import (
    GZIP,
    JSON_SUFFIXES,
    check_file,
    is_parquet,
    path_literal,
    read_text_head,
    telling,
)

PIECE = 1_000


@dataclass(frozen=True)
class Row:
    """One row: its values in the order of the columns, or why they cannot be read."""

    values: Sequence[Any]
    problem: str = ""


@dataclass(frozen=True)
class CarsFile:
    """A file that was looked through once.

    Attributes
    ----------
    names
        Its columns in order; of JSON Lines all keys, first seen first.
    total
        Its rows.
    rows
        Reads it again from the start.
    fields
        The field of a car that each column holds, empty where it is none.
    """

    names: tuple[str, ...]
    total: int
    rows: Callable[[], Iterator[Row]]
    fields: tuple[str, ...] = ()

    def pieces(self) -> Iterator[list[Row]]:
        """All rows in order, up to 1,000 at a time."""
        rows = self.rows()
        while piece := list(islice(rows, PIECE)):
            yield piece

    def car(self, row: Row) -> dict[str, Any]:
        """The fields of a car that are columns of the file and not empty."""
        return {
            name: _plain(value)
            for name, value in zip(self.fields, row.values)
            if name and not empty(value)
        }


def empty(value: Any) -> bool:
    """Whether a value stands for nothing."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def open_cars(path: Path, own: Iterable[str] = ()) -> CarsFile:
    """See what a file is, its columns and its number of rows.

    ``own`` are features of the market's own.

    Raises
    ------
    UserError
        Where it cannot be read, is not UTF-8, has no row or one field in two columns, or lacks
        make, model or year.
    """
    check_file(path)
    if is_parquet(path):
        found = _parquet(path)
    else:
        text = read_text_head(path)
        if text.lstrip().startswith("["):
            raise UserError(f"{path}: is a JSON array: write one object a line")
        json_lines = text.lstrip().startswith("{") or JSON_SUFFIXES & set(path.suffixes)
        found = _json_lines(path) if json_lines else _csv(path, text)
    if not found.total:
        raise UserError(f"{path}: holds no rows")
    fields = read_as(found.names, own)
    if again := twice(found.names, fields):
        raise UserError(f"{path}: its column {again!r} stands twice")
    if missing := [name for name in NEEDED if name not in fields]:
        has = ", ".join(found.names[:8]) + (", ..." if len(found.names) > 8 else "")
        lacks = f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}"
        raise UserError(f"{path}: {lacks} (its own are {has or 'none'})")
    return replace(found, fields=fields)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _parquet(path: Path) -> CarsFile:
    import duckdb

    source = f"FROM read_parquet({path_literal(path)})"
    with telling(path), duckdb.connect() as con:
        names = tuple(row[0] for row in con.execute(f"DESCRIBE SELECT * {source}").fetchall())
        total = con.execute(f"SELECT count(*) {source}").fetchall()[0][0]

    def rows() -> Iterator[Row]:
        with telling(path), duckdb.connect() as con:
            result = con.execute(f"SELECT * {source}")
            while piece := result.fetchmany(PIECE):
                yield from map(Row, piece)

    return CarsFile(names, total, rows)


@contextmanager
def _lines(path: Path) -> Generator[io.TextIOWrapper]:
    """A text file in UTF-8, plain or gzip."""
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP
    opener = gzip.open if zipped else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as text:
            yield text
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: is no whole gzip file: {error}") from error
    except UnicodeDecodeError as error:  # a name would be read wrongly, and nobody told
        raise UserError(f"{path}: is not UTF-8 text: convert it first") from error


def _csv(path: Path, head: str) -> CarsFile:
    delimiter = max(",;\t|", key=head.splitlines()[0].count)

    def all_records() -> Iterator[Record]:
        with _lines(path) as file:
            yield from records(file, delimiter)

    first = next(all_records())
    if first.problem:
        raise UserError(f"{path}: {first.problem}")
    names = tuple(name.strip() for name in first.values)
    if again := twice(names, names):
        raise UserError(f"{path}: its first line must name the columns, and {again!r} is twice")

    def rows() -> Iterator[Row]:
        for record in islice(all_records(), 1, None):
            yield Row(*record.fitted(len(names)))

    return CarsFile(names, sum(1 for _ in all_records()) - 1, rows)


def _json_lines(path: Path) -> CarsFile:
    def objects() -> Iterator[tuple[int, Mapping[str, Any] | None]]:
        with _lines(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _object(line)

    names: dict[str, None] = {}
    total = 0
    for _, found in objects():
        total += 1
        names |= dict.fromkeys(found or ())

    def rows() -> Iterator[Row]:
        for number, found in objects():
            values = [(found or {}).get(name) for name in names]
            yield Row(values, "" if found is not None else f"line {number} is no JSON object")

    return CarsFile(tuple(names), total, rows)


def _object(line: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else None
