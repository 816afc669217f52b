"""Records of a CSV file: whole, or given up line by line with the reason."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carprice_assets.releases.csv_records import MOST_LINES, Record, records


def read(text: str, delimiter: str = ",") -> list[Record]:
    return list(records(io.StringIO(text, newline=""), delimiter))


def test_records_know_the_line_that_they_begin_on() -> None:
    text = 'a,b\n\n1,"two\nlines"\r\n2,x\n'
    assert read(text) == [(1, ["a", "b"], ""), (3, ["1", "two\nlines"], ""), (5, ["2", "x"], "")]


@pytest.mark.parametrize("behind", [1, 3, MOST_LINES, 3 * MOST_LINES])
def test_an_open_quote_costs_its_own_line(behind: int) -> None:
    others = [f"{n},y" for n in range(behind)]
    found = read("\n".join(["a,b", '1,"open', *others]))
    assert found[1] == (2, [], "line 2 cannot be read: a quote is opened and not closed")
    assert [each.values for each in found[2:]] == [other.split(",") for other in others]
    assert [each.line for each in found[2:]] == list(range(3, 3 + behind))


def test_two_open_quotes_are_not_one_cell() -> None:
    found = read('1,"open\n2,x\n3,"shut"\n4,y\n')
    assert [(each.line, bool(each.problem)) for each in found] == [
        *((1, True), (2, False), (3, False), (4, False)),
    ]


def test_text_behind_a_quote_is_told() -> None:
    first, second = read('1,"Sport" pkg\n2,x\n')
    assert first.problem.startswith("line 1 cannot be read: ")
    assert second == (2, ["2", "x"], "")


def test_a_long_cell_in_quotes_is_one() -> None:
    text = "\n".join(str(n) for n in range(MOST_LINES - 1))
    assert read(f'1,"{text}"\n2,x\n') == [(1, ["1", text], ""), (MOST_LINES, ["2", "x"], "")]


@given(st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=3), max_size=8))
def test_what_a_writer_wrote_is_read_as_it_was(rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    assert [each.values for each in read(text.getvalue())] == rows
    assert not any(each.problem for each in read(text.getvalue()))


@given(st.text(alphabet='ab,"\n\r', max_size=60))
def test_no_line_is_lost(text: str) -> None:
    """Each line that is not blank is in a record or given up, and none is in two."""
    found = read(text)
    lines = [each.line for each in found]
    assert lines == sorted(set(lines))
    for record in found:
        assert record.values or record.problem
