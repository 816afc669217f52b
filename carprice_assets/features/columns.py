"""Reading columns that may be absent, and hashes that are the same in every process."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.listings.contract import Columns, row_count

NOT_NAME = re.compile(r"[^0-9a-z]+")
REMEMBERED = 1 << 13
"""Texts whose form is remembered: a car's variants and the next car have the same ones."""


def numbers(columns: Columns, name: str) -> NDArray[np.float64]:
    """The column as contiguous float64, shape (rows,); all NaN where there is none."""
    values = columns.get(name)
    if values is None:
        return np.full(row_count(columns), np.nan)
    return np.ascontiguousarray(values, dtype=np.float64)


def texts(columns: Columns, name: str) -> list[str]:
    """The column as a list of ``str``; all empty where there is none."""
    values = columns.get(name)
    if values is None:
        return [""] * row_count(columns)
    return [value if isinstance(value, str) else "" for value in values.tolist()]


@lru_cache(maxsize=REMEMBERED)
def folded(text: str) -> str:
    """The form in which texts are compared: lower case, single spaces."""
    return " ".join(text.lower().split())


def slug(text: str) -> str:
    """A text as part of a feature name: ``All-wheel Drive`` gives ``all_wheel_drive``."""
    return NOT_NAME.sub("_", text.lower()).strip("_")


@lru_cache(maxsize=REMEMBERED)
def hash64(text: str) -> int:
    """BLAKE2b of the UTF-8 text as an unsigned 64-bit number, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def numbers_block(columns: list[NDArray[Any]]) -> NDArray[np.float32]:
    """Equally long columns side by side as float32, shape (rows, columns)."""
    block = np.empty((len(columns[0]), len(columns)), dtype=np.float32)
    for place, values in enumerate(columns):
        block[:, place] = values
    return block
