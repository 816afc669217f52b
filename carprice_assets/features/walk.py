"""Where trees are walked in compiled code: ``compiled`` is the extension, or None.

Built at installation where there is a C compiler. Without it numpy does the same, with the same
bits: a car then costs a quarter more.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def _built() -> Any:
    try:
        return import_module("carprice_assets.features._walk")
    except ModuleNotFoundError:
        return None


compiled: Any = _built()
