"""Records of a CSV file, one by one: a line that cannot be read costs itself and no other.

A quote that is opened and never closed would take all cars behind it for one cell. Python's reader
says so only at the end of the file, and by default not at all.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MOST_LINES = 100
"""Lines of one record, in quotes: more are a quote that was never closed."""


class Record(NamedTuple):
    """One record: the line that it begins on, its values, and why it cannot be read, if so."""

    line: int
    values: list[str]
    problem: str = ""

    def fitted(self, width: int) -> tuple[list[str], str]:
        """Values for ``width`` columns, and why the record cannot be read, if so."""
        if len(self.values) == width and not self.problem:
            return self.values, ""
        told = f"line {self.line} has {len(self.values)} values for {width} columns"
        return [*self.values, *[""] * width][:width], self.problem or told


class _Runaway(Exception):  # noqa: N818
    """A record that does not end."""


class _Lines(Iterator[str]):
    """Lines that can be taken back, down to the second of the record that is read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self.number = 0

    def __next__(self) -> str:
        if len(self._taken) >= MOST_LINES:
            raise _Runaway
        line = self._again.popleft() if self._again else next(self._lines)
        self.number += 1
        self._taken.append(line)
        return line

    def begin(self) -> None:
        """A record begins."""
        self._taken.clear()

    def give_up_first(self) -> None:
        """Take back all lines of the record but its first."""
        rest = self._taken[1:]
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)


def records(file: Iterable[str], delimiter: str) -> Iterator[Record]:
    """The records of ``file``, lines with their ends; blank lines are passed over.

    Of a record that cannot be read the first line is given up, with the problem in words, and
    what follows is read anew.
    """
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        line = lines.number + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Runaway) as error:
            open_quote = isinstance(error, _Runaway) or "unexpected end" in str(error)
            told = "a quote is opened and not closed" if open_quote else str(error)
            lines.give_up_first()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            yield Record(line, [], f"line {line} cannot be read: {told}")
            continue
        if values:
            yield Record(line, values)
