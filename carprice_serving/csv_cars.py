"""Cars in a CSV file: read in pieces of bounded size, priced, and written as CSV again."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import IO

from carprice_assets.releases.csv_records import Record, records
from carprice_assets.releases.priced import ADDED, NEEDED, added, read_as, twice
from carprice_serving.problems import field_problem
from carprice_serving.schemas import Valuation

LONGEST_HEAD = 1 << 16
PIECE = 1 << 20
"""Bytes that are looked through at a time."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its values in the order of the columns, and why it cannot be read, if so."""

    values: Sequence[str]
    problem: str = ""


class CsvCars:
    """The cars of a CSV file (comma, semicolon, tab or bar), which is read once, in order.

    UTF-8 with or without a byte order mark. The first line names the columns; those of a car
    may be in any case.
    """

    def __init__(self, file: IO[bytes], own: Sequence[str] = ()) -> None:
        """Read the first line; ``own`` are features of the market's own.

        Raises
        ------
        RequestProblem
            400 where it is not UTF-8; 422 where it names no columns, one twice, not those
            needed, or one that is added.
        """
        _require_utf8(file)
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        head = text.readline(LONGEST_HEAD)
        delimiter = max(",;\t|", key=head.count)
        text.seek(0)
        self._records = records(text, delimiter)
        first = next(self._records, Record(1, []))
        if first.problem:
            raise field_problem("invalid-csv", "body", first.problem)
        self.names = tuple(name.strip() for name in first.values)
        self._read_as = read_as(self.names, own)
        if again := twice(self.names, self._read_as):
            raise field_problem("invalid-csv", "body", f"the column {again[:40]!r} stands twice")
        if missing := [name for name in NEEDED if name not in self._read_as]:
            has = ", ".join(name[:40] for name in self.names[:8]) or "none"
            told = f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)} (it has {has})"
            raise field_problem("invalid-csv", "body", told)
        if both := [name for name in ADDED if name in self.names]:
            raise field_problem("invalid-csv", "body", f"its column {both[0]!r} would be added")

    def pieces(self, size: int) -> Iterator[list[Row]]:
        """All rows in order, up to ``size`` at a time; blank lines are passed over."""
        rows = self._rows()
        while piece := list(islice(rows, size)):
            yield piece

    def _rows(self) -> Iterator[Row]:
        for record in self._records:
            yield Row(*record.fitted(len(self.names)))

    def car(self, row: Row) -> dict[str, str] | None:
        """The fields of a car that are not empty; None for a row that cannot be read."""
        if row.problem:
            return None
        pairs = zip(self._read_as, row.values, strict=True)
        return {name: value for name, value in pairs if value and name}


def _require_utf8(file: IO[bytes]) -> None:
    """Refuse (400) a file in another encoding: a name would be read wrongly, and nobody told."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, piece = 1, b" "
    while piece:
        piece = file.read(PIECE)
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            told = f"line {line} is not UTF-8 ({error.reason}); save the file as UTF-8"
            raise field_problem("invalid-csv", "body", told, HTTPStatus.BAD_REQUEST) from error
        line += piece.count(b"\n")
    file.seek(0)


def priced_lines(rows: Sequence[Row], valuations: Sequence[Valuation]) -> bytes:
    """CSV of the rows with the values of :data:`ADDED` behind them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row, valuation in zip(rows, valuations, strict=True):
        writer.writerow([*row.values, *_added(row, valuation)])
    return text.getvalue().encode()


def head_line(names: Sequence[str]) -> bytes:
    """The first line of the answer."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow([*names, *ADDED])
    return text.getvalue().encode()


def _added(row: Row, valuation: Valuation) -> tuple[str, ...]:
    return added(
        (valuation.price, valuation.low, valuation.high),
        valuation.currency,
        valuation.deal_rating,
        valuation.supported,
        valuation.warnings,
        valuation.errors,
        row.problem,
    )
