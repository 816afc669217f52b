"""What the service may import of bargains brings none of the libraries that train."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "sklearn", "duckdb", "pandas", "catboost", "pyarrow", "dagster", "tensorflow")


def test_the_list_and_the_detector_are_light() -> None:
    names = ("published", "telling", "announcing", "detector", "form", "combination", "direction")
    code = f"import sys, {', '.join(f'carprice_assets.bargains.{name}' for name in names)}\n"
    code += f"print([each for each in {HEAVY!r} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
