"""Make, model and trim as keys from coarse to fine, and the crosses with year and stock type."""

from __future__ import annotations

import math
from functools import lru_cache

from carprice_assets.features.columns import REMEMBERED, Table, numbers, texts
from carprice_assets.listings.contract import CERTIFIED, NEW, Columns

BASES = ("make", "model_1", "model_2", "model_3", "title")
"""Make alone; with the first one, two, three words of model and trim; with all of them."""

YEAR_BITS, STOCK_BITS = 10, 2
FIRST_YEAR = 1900
Titles = list[tuple[str, ...]]
"""One tuple a row: its key at each of BASES."""


def title_words(model: str, trim: str) -> list[str]:
    """Lower-case words of model and trim, in order; ``w/`` is read as ``with``."""
    return f"{model} {trim}".lower().replace("w/", "with ").split()


def title_keys(make: str, words: list[str]) -> tuple[str, ...]:
    """The keys of one car at each of :data:`BASES`."""
    head = make.lower().strip()
    keys = [" ".join(words[:count]) for count in (1, 2, 3)]
    return (head, *(f"{head}|{key}" for key in keys), f"{head}|{' '.join(words)}")


def all_titles(columns: Columns) -> Titles:
    """The keys of every row."""
    if isinstance(columns, Table):
        return columns.once(":titles", _all_titles, varied=False)
    return _all_titles(columns)


def _all_titles(columns: Columns) -> Titles:
    rows = zip(*(texts(columns, name) for name in ("make", "model", "trim")), strict=True)
    return [_keys_of(*row) for row in rows]


@lru_cache(maxsize=REMEMBERED)
def _keys_of(make: str, model: str, trim: str) -> tuple[str, ...]:
    return title_keys(make, title_words(model, trim))


def crosses(columns: Columns) -> list[tuple[int, int, int, int]]:
    """What each row adds to a key at each kind of cross, see :data:`CROSSES`."""
    if isinstance(columns, Table):
        return columns.once(":crosses", _crosses, varied=True)
    return _crosses(columns)


def _crosses(columns: Columns) -> list[tuple[int, int, int, int]]:
    years = numbers(columns, "year").tolist()
    kinds = texts(columns, "stock_type")
    return [cross_codes(year, kind) for year, kind in zip(years, kinds, strict=True)]


CROSSES = ("", "year", "year_new", "stock_type")
"""No cross; the year; the year and whether the car is New; the stock type."""


@lru_cache(maxsize=REMEMBERED)
def cross_codes(year: float, stock_type: str) -> tuple[int, int, int, int]:
    """Codes below 2**12 of one car for each of :data:`CROSSES`; unknown types count as Used."""
    code = 0
    if math.isfinite(year) and 0 < year - FIRST_YEAR < (1 << YEAR_BITS):
        code = int(year - FIRST_YEAR) << STOCK_BITS
    new = 1 if stock_type == NEW else 2
    return (0, code, code | new, 3 if stock_type == CERTIFIED else new)
