"""The groupings that price and list price are averaged over."""

from __future__ import annotations

from carprice_assets.features.hierarchy import Level
from carprice_assets.features.title_keys import BASES

WEIGHT = 3.0
COARSE_WEIGHT = 20.0


def title_levels() -> tuple[Level, ...]:
    """Titles from make to the whole, each below the one before."""
    levels: list[Level] = []
    for i, base in enumerate(BASES):
        parents = ((1.0, BASES[i - 1]),) if i else ()
        levels.append(Level(base, base, "", parents, WEIGHT if i else COARSE_WEIGHT))
    return tuple(levels)


def year_levels() -> tuple[Level, ...]:
    """The year, then titles crossed with it.

    A cross's parent is additive: the coarser title's estimate for that year, plus what the
    finer title differs from the coarser over all years.
    """
    levels = [Level("year", "", "year", (), COARSE_WEIGHT)]
    coarser = ""
    for base in BASES:
        parents = [(1.0, f"{coarser}_year" if coarser else "year")]
        if coarser:
            parents += [(1.0, base), (-1.0, coarser)]
        else:
            parents = [(1.0, base)]
        levels.append(Level(f"{base}_year", base, "year", tuple(parents), WEIGHT))
        coarser = base
    return tuple(levels)


def stock_levels() -> tuple[Level, ...]:
    """The stock type, then some titles crossed with the year and whether the car is New."""
    levels = [Level("stock", "", "stock_type", (), COARSE_WEIGHT)]
    coarser = ""
    for base in ("model_1", "model_2", "title"):
        parents = [(1.0, f"{base}_year")]
        if coarser:
            parents += [(1.0, f"{coarser}_year_new"), (-1.0, f"{coarser}_year")]
        levels.append(Level(f"{base}_year_new", base, "year_new", tuple(parents), WEIGHT))
        coarser = base
    return tuple(levels)


PRICE_LEVELS = (*title_levels(), *year_levels(), *stock_levels())
MSRP_LEVELS = (*title_levels(), *year_levels())
