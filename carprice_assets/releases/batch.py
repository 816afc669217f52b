"""Pricing a whole file: read in pieces, written in pieces, whole at its place or not there."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.files import fsync_folder
from carprice_assets.listings.contract import FEATURE_FIELDS
from carprice_assets.releases.valuer import Valuer

PIECE = 1_000
READERS: Mapping[str, str] = {
    ".csv": "read_csv(?, header = true, all_varchar = true)",
    ".csv.gz": "read_csv(?, header = true, all_varchar = true)",
    ".parquet": "read_parquet(?)",
    ".jsonl": "read_json(?, format = 'newline_delimited')",
    ".ndjson": "read_json(?, format = 'newline_delimited')",
}
CAR_FIELDS = frozenset({f.name for f in FEATURE_FIELDS} - {"observed_at"} | {"vin"})


@dataclass(frozen=True)
class Priced:
    """Rows that a batch read, and how many of them got no price."""

    rows: int
    errors: int


def price_file(
    valuer: Valuer,
    source: Path,
    target: Path,
    *,
    as_of: date,
    regressor: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Priced:
    """Write ``source`` as CSV to ``target`` with four columns more.

    ``predicted_price``, ``currency``, ``warnings`` and ``error`` follow the file's own
    columns, in its order, one row a car. Columns that are no field of a car are handed
    through unread. Memory does not grow with the file.

    Parameters
    ----------
    source
        CSV (also ``.csv.gz``), Parquet or JSON Lines with the fields of a car as columns.
    progress
        Gets rows done and rows in all.

    Raises
    ------
    UserError
        Where the file cannot be read, has no row, or lacks make, model or year.
    """
    work = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    errors = done = 0
    try:
        with work.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            for names, rows, total in _pieces(source):
                if not done:
                    head = ["predicted_price", "currency", "warnings", "error"]
                    writer.writerow([*names, *head])
                cars = [
                    {n: v for n, v in zip(names, row) if n in CAR_FIELDS and not _empty(v)}
                    for row in rows
                ]
                valued = valuer.value_cars(cars, as_of=as_of, regressor=regressor)
                for row, car in zip(rows, valued):
                    price = "" if car.price is None else f"{car.price:.2f}"
                    warnings = "; ".join(f"{n.field}: {n.message}" for n in car.warnings)
                    error = "; ".join(f"{n.field}: {n.message}" for n in car.errors)
                    errors += car.price is None
                    plain = ["" if _empty(v) else v for v in row]
                    writer.writerow([*plain, price, valuer.currency, warnings, error])
                done += len(rows)
                progress(done, total)
            file.flush()
            os.fsync(file.fileno())
        os.replace(work, target)
        fsync_folder(target.parent)
    except OSError as error:
        raise UserError(f"{error.filename or target}: {error.strerror}") from error
    finally:
        work.unlink(missing_ok=True)
    return Priced(done, errors)


def _pieces(source: Path) -> Iterator[tuple[list[str], list[tuple[Any, ...]], int]]:
    """Column names, up to 1,000 rows and the number of rows in all, piece by piece."""
    import duckdb

    reader = next((READERS[s] for s in READERS if source.name.lower().endswith(s)), None)
    if reader is None:
        raise UserError(f"{source}: the name must end in one of {', '.join(READERS)}")
    if not source.is_file():
        raise UserError(f"{source} is {'a directory' if source.is_dir() else 'not there'}")
    with duckdb.connect() as connection:
        try:
            counted = connection.execute(f"SELECT count(*) FROM {reader}", [str(source)])
            total = int((counted.fetchone() or (0,))[0])
            result = connection.execute(f"SELECT * FROM {reader}", [str(source)])
            names = [column[0] for column in result.description or []]
            missing = {"make", "model", "year"} - set(names)
            if missing:
                raise UserError(f"{source}: no column {min(missing)!r}")
            if not total:
                raise UserError(f"{source}: no row")
            while rows := result.fetchmany(PIECE):
                yield names, rows, total
        except duckdb.Error as error:
            raise UserError(f"{source} cannot be read: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
