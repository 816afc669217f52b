"""Pricing a whole file: read in pieces, written in pieces, whole at its place or not there."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from carprice_assets.errors import UserError
from carprice_assets.files import fsync_folder
from carprice_assets.listings.notes import Note
from carprice_assets.releases.cars_file import CarsFile, Row, empty, open_cars
from carprice_assets.releases.valuer import Valuer

ADDED = ("predicted_price", "low", "high", "currency", "warnings", "error")


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
    """Write ``source`` as CSV to ``target`` with six columns more.

    ``predicted_price``, ``low`` and ``high`` (the ends of its range), ``currency``, ``warnings``
    and ``error`` follow the file's own columns, in its order, one row a car. Columns that are no
    field of a car are handed through unread. A row that cannot be read gets an error and spoils
    no other. Memory does not grow with the file.

    Parameters
    ----------
    source
        CSV, JSON Lines (either may be gzip) or Parquet with the fields of a car as columns.
    progress
        Gets rows done and rows in all.

    Raises
    ------
    UserError
        Where the file cannot be read, has no row, or lacks make, model or year; where
        ``target`` cannot be written or would take the place of ``source``.
    """
    _check_target(source, target)
    cars = open_cars(source)
    if both := [name for name in ADDED if name in cars.names]:
        raise UserError(f"{source}: its column {both[0]!r} is one that would be added")
    work = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    errors = done = 0
    try:
        with work.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*cars.names, *ADDED])
            for piece in cars.pieces():
                for row, line in _priced(valuer, cars, piece, as_of, regressor):
                    errors += not line[0]
                    own = ["" if empty(value) else value for value in row.values]
                    writer.writerow([*own, *line])
                done += len(piece)
                progress(done, cars.total)
            file.flush()
            os.fsync(file.fileno())
        os.replace(work, target)
        fsync_folder(target.parent)
    except OSError as error:
        raise UserError(f"{target}: {error.strerror or error}") from error
    finally:
        work.unlink(missing_ok=True)
    return Priced(done, errors)


def _check_target(source: Path, target: Path) -> None:
    if target.suffix.lower() != ".csv":
        raise UserError(f"{target}: the output is CSV: name it with the ending .csv")
    if not target.parent.is_dir():
        raise UserError(f"{target}: there is no folder {target.parent}")
    if target.is_dir():
        raise UserError(f"{target}: is a folder")
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"{target}: is the file that is read")


def _priced(
    valuer: Valuer, cars: CarsFile, piece: list[Row], as_of: date, regressor: str | None
) -> Iterable[tuple[Row, tuple[str, ...]]]:
    """Each row with the values of :data:`ADDED`."""
    own = frozenset(feature.name for feature in valuer.features)
    given = [None if row.problem else cars.car(row, own) for row in piece]
    valued = valuer.value_cars(given, as_of=as_of, regressor=regressor)
    for row, car in zip(piece, valued, strict=True):
        amounts = (_amount(each) for each in (car.price, car.low, car.high))
        error = row.problem or _told(car.errors)
        yield row, (*amounts, valuer.currency, _told(car.warnings), error)


def _amount(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _told(notes: Iterable[Note]) -> str:
    return "; ".join(f"{note.field}: {note.message}" for note in notes)
