"""What is remembered is forgotten in time, and is the same as what is computed."""

from __future__ import annotations

import pytest

from carprice_assets.features import remembered
from carprice_assets.features.remembered import Remembered


def test_each_answer_is_computed_once_until_all_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remembered, "MOST", 3)
    asked: list[int] = []

    def double(key: int) -> int:
        asked.append(key)
        return 2 * key

    known: Remembered[int, int] = Remembered()
    assert [known.of(key, double) for key in (1, 1, 2, 3, 4, 1)] == [2, 2, 4, 6, 8, 2]
    assert asked == [1, 2, 3, 4, 1]
    known.clear()
    assert known.of(4, double) == 8
    assert asked[-1] == 4
