"""A loaded CatBoost model prints nothing, however it was trained."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carprice_assets.regressors.serving import load_catboost


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A model of 20 columns that was trained telling its progress."""
    import catboost

    rows = np.random.default_rng(1).random((200, 20))
    model: Any = catboost.CatBoost({"iterations": 20, "allow_writing_files": False})
    model.fit(rows, rows[:, 0], verbose=5, log_cout=lambda line: None)
    model.save_model(str(tmp_path / "model.cbm"))
    return tmp_path / "model.cbm"


def printed(model: Any, capfd: pytest.CaptureFixture[str]) -> str:
    """What threads print that answer at once."""
    draws = np.random.default_rng(0)
    many = [np.asfortranarray(draws.random((n, 20)).astype(np.float32)) for n in (100, 500, 2500)]

    def ask(rows: Any) -> None:
        for _ in range(150_000 // len(rows)):
            model.predict(rows, thread_count=1 + (len(rows) > 256))

    threads = [threading.Thread(target=ask, args=(rows,)) for rows in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return capfd.readouterr().out


def test_threads_that_answer_at_once_print_nothing(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = load_catboost(path)
    assert not model.get_param("verbose")
    assert printed(model, capfd) == ""
