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
from carprice_assets.releases.cars_file import CarsFile, Row, empty, open_cars
from carprice_assets.releases.priced import ADDED, added
from carprice_assets.releases.rating import FIELD as ASKING_PRICE
from carprice_assets.releases.rating import rated
from carprice_assets.releases.valuer import Valuer


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
    """Write ``source`` as CSV to ``target`` with the columns ``ADDED`` more.

    They follow the file's own columns, in its order, one row a car, and are those of the service:
    a CSV file gets the same from both. Columns that are no field of a car are handed through
    unread, ``asking_price`` is read for the rating alone. A row that cannot be read gets an error
    and spoils no other. Memory does not grow with the file.

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
    cars = open_cars(source, [feature.name for feature in valuer.features])
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
                    errors += not line[0]  # the price
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
    given = [{} if row.problem else cars.car(row) for row in piece]
    asked = [car.pop(ASKING_PRICE, None) for car in given]
    plain = [None if row.problem else car for row, car in zip(piece, given)]
    valued = valuer.value_cars(plain, as_of=as_of, regressor=regressor)
    for row, car, asking in zip(piece, valued, asked, strict=True):
        amounts = _money(car.price), _money(car.low), _money(car.high)
        _, rating, note = rated(asking, valuer.currency, *amounts)
        warnings = car.warnings if note is None else (*car.warnings, note)
        facts = rating, car.supported, warnings, car.errors
        yield row, added(amounts, valuer.currency, *facts, row.problem)


def _money(amount: float | None) -> float | None:
    return None if amount is None else round(float(amount), 2)
