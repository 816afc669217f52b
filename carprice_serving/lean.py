"""What keeps a process of the service small, and its pauses short."""

from __future__ import annotations

import gc
import sys
from types import ModuleType

STAND_INS = ("DataFrame", "Series", "Categorical", "SparseDtype")
YOUNG = 10_000
"""Objects made before the collector looks at them; Python's own is 700, which a long request's
cars reach two hundred times."""


def import_catboost() -> None:
    """Import CatBoost without pandas, which costs 70 MB and a third of the start.

    CatBoost asks only whether its input is a data frame, and has classes of its own to ask for
    where pandas is missing, but not in all its parts. Here they are in all. Where something
    has imported either already, nothing is done.
    """
    if "pandas" in sys.modules or "catboost" in sys.modules:
        return
    stand_in = ModuleType("pandas", "Classes of which nothing is an instance.")
    for name in STAND_INS:
        setattr(stand_in, name, type(name, (), {}))
    sys.modules["pandas"] = stand_in
    try:
        import catboost  # noqa: F401  # pyright: ignore[reportUnusedImport]
    finally:
        del sys.modules["pandas"]


def settle() -> None:
    """Leave all that is there by now out of the collector's later rounds.

    A full round over the modules takes 70 ms, in which nobody is answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
