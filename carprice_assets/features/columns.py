"""Reading columns that may be absent, and hashes that are the same in every process."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache, partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from carprice_assets.listings.contract import Columns, row_count

NOT_NAME = re.compile(r"[^0-9a-z]+")
REMEMBERED = 1 << 13
"""Texts whose form is remembered: a car's variants and the next car have the same ones."""
VARIED = frozenset({"year", "mileage", "stock_type"})
"""Fields in which a car's variants differ; all others they share."""
Read = TypeVar("Read")
Key = TypeVar("Key", bound=Hashable)


class Table(dict[str, NDArray[Any]]):
    """Columns that remember what was read off them, since many transformers read the same words.

    No column of a listing may be replaced in it; blocks may be added.

    Attributes
    ----------
    cars, car
        Where the rows are variants of cars: those, and which of them each row is of. What
        variants share is then read off the cars.
    """

    __slots__ = ("_known", "car", "cars")

    def __init__(
        self, columns: Columns, cars: Table | None = None, car: Sequence[int] = ()
    ) -> None:
        super().__init__(columns)
        self.cars, self.car = cars, car
        self._known: dict[str, list[Any]] = {}

    def known(self, key: str) -> list[Any] | None:
        """What was read before, if it was."""
        return self._known.get(key)

    def once(self, key: str, read: Callable[[Columns], list[Read]], varied: bool) -> list[Read]:
        """What ``read`` gives for each row, read once; nobody may change it."""
        found = self._known.get(key)
        if found is None:
            if varied or self.cars is None:
                found = read(self)
            else:
                of = self.cars.once(key, read, varied)
                found = [of[car] for car in self.car]
            self._known[key] = found
        return found


def numbers(columns: Columns, name: str) -> NDArray[np.float64]:
    """The column as contiguous float64, shape (rows,); all NaN where there is none."""
    values = columns.get(name)
    if values is None:
        return np.full(row_count(columns), np.nan)
    return np.ascontiguousarray(values, dtype=np.float64)


def texts(columns: Columns, name: str) -> list[str]:
    """The column as a list of ``str``; all empty where there is none. Not to be changed."""
    if not isinstance(columns, Table):
        return _texts(columns, name)
    return columns.known(name) or columns.once(name, partial(_texts, name=name), name in VARIED)


def _texts(columns: Columns, name: str) -> list[str]:
    values = columns.get(name)
    if values is None:
        return [""] * row_count(columns)
    return [value if isinstance(value, str) else "" for value in values.tolist()]


@lru_cache(maxsize=REMEMBERED)
def folded(text: str) -> str:
    """The form in which texts are compared: lower case, single spaces."""
    return " ".join(text.lower().split())


def named(columns: Columns) -> list[str]:
    """Folded make and model of each row, as one text. Not to be changed."""
    if isinstance(columns, Table):
        return columns.once(":named", _named, varied=False)
    return _named(columns)


def _named(columns: Columns) -> list[str]:
    pairs = zip(texts(columns, "make"), texts(columns, "model"), strict=True)
    return [folded(f"{make} {model}") for make, model in pairs]


def slug(text: str) -> str:
    """A text as part of a feature name: ``All-wheel Drive`` gives ``all_wheel_drive``."""
    return NOT_NAME.sub("_", text.lower()).strip("_")


@lru_cache(maxsize=REMEMBERED)
def hash64(text: str) -> int:
    """BLAKE2b of the UTF-8 text as an unsigned 64-bit number, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def gathered(
    keys: Sequence[Key], row_of: Callable[[Key], NDArray[Any]], width: int
) -> NDArray[Any]:
    """The row that ``row_of`` gives for each key, (keys, width), asked once a different key."""
    if len(keys) == 1:
        return row_of(keys[0])[None]
    if not keys:
        return np.empty((0, width), np.float32)
    places: dict[Key, int] = {}
    at = [places.setdefault(key, len(places)) for key in keys]
    return np.array([row_of(key) for key in places]).take(at, axis=0)


def numbers_block(columns: list[NDArray[Any]]) -> NDArray[np.float32]:
    """Equally long columns side by side as float32, shape (rows, columns)."""
    block = np.empty((len(columns[0]), len(columns)), dtype=np.float32)
    for place, values in enumerate(columns):
        block[:, place] = values
    return block
