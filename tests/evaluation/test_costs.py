import numpy as np
import pytest

from carprice_assets.evaluation.costs import answer_seconds


@pytest.mark.parametrize("rows", [3, 2500])
def test_a_thousand_cars_and_one_are_timed_after_the_first_answer(cars, rows):
    now, asked = 0.0, []

    def answer(columns):
        nonlocal now
        asked.append(len(columns["make"]))
        now += 100.0 if len(asked) == 1 else 0.001 * asked[-1]

    found = answer_seconds(answer, cars(rows, 1), clock=lambda: now)
    assert found["thousand_seconds"] == pytest.approx(1.0)
    assert found["one_seconds"] == pytest.approx(0.001)
    assert set(asked) == {1000, 1}


def test_a_pause_of_the_machine_is_no_time_of_the_answer(cars):
    now, calls = 0.0, 0

    def answer(columns):
        nonlocal now, calls
        calls += 1
        now += 50.0 if calls in (3, 9, 20) else 0.001

    found = answer_seconds(answer, cars(10, 1), clock=lambda: now)
    assert max(found.values()) == pytest.approx(0.001)
    assert np.isfinite(list(found.values())).all()
