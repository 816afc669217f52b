"""The list in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from carprice_assets.bargains.published import BargainList
from carprice_assets.bargains.telling import chosen, lines


def entry(**changes: Any) -> dict[str, Any]:
    """An entry with what a line tells."""
    given: dict[str, Any] = {
        "make": "Volkswagen", "model": "Golf", "trim": "S", "year": 2019, "mileage": 30_000,
        "price": 12_000, "expected": 16_000, "low": 14_000, "high": 18_000, "saving_share": 0.25,
        "days_on_sale": 3, "last_seen": "2026-01-09", "drops": 1,
        "url": "https://cars.example/1", "doubts": [],
    }  # fmt: skip
    return given | changes


def content(*entries: dict[str, Any], apart: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {"market": "us", "day": "2026-01-13", "currency": "USD", "offers": 9,
            "release": "0123456789abcdef", "bargains": list(entries),
            "apart": list(apart)}  # fmt: skip


def told(*entries: dict[str, Any], **wishes: Any) -> list[str]:
    return lines(BargainList("1" * 32, content(*entries)), **wishes)


@pytest.mark.parametrize("make", ["VW", "volkswagen", " Volkswagen "])
def test_a_make_in_any_spelling(make: str) -> None:
    assert any("Golf" in line for line in told(entry(), entry(make="Honda"), make=make))
    assert not any("Honda" in line for line in told(entry(), entry(make="Honda"), make=make))


def test_those_apart_are_counted_also_where_not_all_are_shown() -> None:
    found = BargainList("1" * 32, content(apart=[entry(), entry(), entry(make="Honda")]))
    assert "set apart: 3 more likely no bargains, the first 1 shown" in lines(
        found, apart=True, limit=1
    )
    assert "set apart: 1 more likely no bargains" in lines(found, apart=True, make="Honda")


def test_json_is_chosen_as_text_is() -> None:
    found = BargainList("1" * 32, content(entry(), entry(make="Honda"), entry(make="Honda")))
    assert chosen(found) == {"list": found.id, **found.content}
    assert [each["make"] for each in chosen(found, make="honda", limit=1)["bargains"]] == ["Honda"]
    assert chosen(found, make="honda")["offers"] == 9


def test_it_says_when_each_was_last_seen() -> None:
    head, line = (row for row in told(entry()) if "last seen" in row or "Golf" in row)
    assert line[: head.index("car")].split()[-1] == "2026-01-09"


def test_a_title_does_not_command_the_terminal() -> None:
    shown = told(entry(trim="\x1b[31mRED\x1b[2J\n"), entry(url=None))
    assert all(line.isprintable() for line in shown)
    assert any("RED" in line for line in shown)
    assert not any("None" in line for line in shown)
