"""Where trees are walked in compiled code: ``compiled`` is the extension, or None.

Built at installation where there is a C compiler. Without it numpy does the same, with the same
bits: valuing one car then takes up to 1.4 times as long.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

VERSION = 1
"""Of the extension's functions: raised in both places where their arguments change."""
logger = logging.getLogger(__name__)


def _built() -> Any:
    try:
        found = import_module("carprice_assets.features._walk")
    except ModuleNotFoundError:
        return None
    except ImportError as error:  # built for another system
        logger.warning("trees are walked by numpy: %s", error)
        return None
    if getattr(found, "VERSION", 0) != VERSION:
        logger.warning("trees are walked by numpy: the extension is of another version: install")
        return None
    return found


compiled: Any = _built()
