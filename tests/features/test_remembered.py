"""What is remembered is forgotten in time, and is the same as what is computed."""

from __future__ import annotations

from carprice_assets.features.remembered import Remembered


def test_each_answer_is_computed_once_until_it_is_forgotten() -> None:
    asked: list[int] = []

    def double(key: int) -> int:
        asked.append(key)
        return 2 * key

    known: Remembered[int, int] = Remembered(4)
    assert [known.of(key, double) for key in (1, 1, 2, 3)] == [2, 2, 4, 6]
    assert asked == [1, 2, 3]
    # 1 is asked for again, so that 2 is the first to be forgotten.
    assert [known.of(key, double) for key in (1, 4, 1, 3)] == [2, 8, 2, 6]
    assert asked == [1, 2, 3, 4]
    assert known.of(2, double) == 4
    assert asked == [1, 2, 3, 4, 2]
    known.clear()
    assert known.of(4, double) == 8
    assert asked[-1] == 4
