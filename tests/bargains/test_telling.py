"""The list in a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from carprice_assets.bargains.published import BargainList
from carprice_assets.bargains.telling import lines


def entry(**changes: Any) -> dict[str, Any]:
    """An entry with what a line tells."""
    given: dict[str, Any] = {
        "make": "Volkswagen", "model": "Golf", "trim": "S", "year": 2019, "mileage": 30_000,
        "price": 12_000, "expected": 16_000, "low": 14_000, "high": 18_000, "saving_share": 0.25,
        "days_on_sale": 3, "last_seen": "2026-01-09", "drops": 1, "url": "https://cars.example/1", "doubts": [],
    }  # fmt: skip
    return given | changes


def told(*entries: dict[str, Any], **wishes: Any) -> list[str]:
    content = {"market": "us", "day": "2026-01-13", "currency": "USD", "offers": 9, "apart": [],
               "release": "0123456789abcdef", "bargains": list(entries)}  # fmt: skip
    return lines(BargainList("1" * 32, content), **wishes)


@pytest.mark.parametrize("make", ["VW", "volkswagen", " Volkswagen "])
def test_a_make_in_any_spelling(make: str) -> None:
    assert any("Golf" in line for line in told(entry(), entry(make="Honda"), make=make))
    assert not any("Honda" in line for line in told(entry(), entry(make="Honda"), make=make))


def test_it_says_when_each_was_last_seen() -> None:
    head, line = (row for row in told(entry()) if "last seen" in row or "Golf" in row)
    assert line[: head.index("car")].split()[-1] == "2026-01-09"


def test_a_title_does_not_command_the_terminal() -> None:
    shown = told(entry(trim="\x1b[31mRED\x1b[2J\n"), entry(url=None))
    assert all(line.isprintable() for line in shown)
    assert any("RED" in line for line in shown)
    assert not any("None" in line for line in shown)
