"""CatBoost without pandas: the same answers from a process that is 70 MB smaller."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

RUN = """
import sys
import numpy as np
if sys.argv[1] == "lean":
    from carprice_serving.lean import import_catboost
    import_catboost()
    assert "pandas" not in sys.modules
import catboost
assert ("pandas" in sys.modules) == (sys.argv[1] == "whole")
model = catboost.CatBoost()
model.load_model(sys.argv[2])
rows = np.random.default_rng(0).random((300, 3)).astype(np.float32)
found = [model.predict(rows.tolist()[:1]), model.predict(rows), model.predict(rows, thread_count=1)]
found += [model.predict(catboost.Pool(np.asfortranarray(rows)))]
sys.stdout.write("".join(each.tobytes().hex() for each in found))
"""
OTHER = """
import sys
import pandas
from carprice_serving.lean import import_catboost
import_catboost()
assert "catboost" not in sys.modules
assert sys.modules["pandas"] is pandas
"""
AFTER = """
from carprice_serving.lean import import_catboost
import_catboost()
import pandas
assert pandas.DataFrame({"a": [1]}).sum().item() == 1
"""


def run(code: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_same_bits(tmp_path: Path) -> None:
    import catboost

    rng = np.random.default_rng(1)
    rows = rng.random((200, 3))
    model = catboost.CatBoost({"iterations": 20, "allow_writing_files": False, "thread_count": 1})
    model.fit(rows, rows @ [1.0, 2.0, 3.0], verbose=False)
    path = str(tmp_path / "model.cbm")
    model.save_model(path)
    lean = run(RUN, "lean", path)
    assert lean == run(RUN, "whole", path)
    assert len(lean) == 16 * (1 + 300 + 300 + 300)


def test_nothing_is_done_where_pandas_is_there() -> None:
    run(OTHER)


def test_pandas_can_be_imported_afterwards() -> None:
    run(AFTER)
