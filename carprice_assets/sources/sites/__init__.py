"""Adapters of sites: how the pages of a kind of marketplace are read, by name."""

from collections.abc import Callable, Mapping

from carprice_assets.errors import UserError
from carprice_assets.markets import Market
from carprice_assets.sources.sites.base import SiteAdapter
from carprice_assets.sources.sites.carscom import CarsCom
from carprice_assets.sources.sites.schema_org import SchemaOrg

_MAKE: tuple[Callable[[tuple[str, ...]], SiteAdapter], ...] = (CarsCom, SchemaOrg)
ADAPTERS: Mapping[str, SiteAdapter] = {made.name: made for made in (make(()) for make in _MAKE)}
"""Site adapters by name, those that a market's ``adapter`` may name."""


def find_adapter(name: str, market: Market | None = None) -> SiteAdapter:
    """The adapter called ``name``, keeping what the features of ``market``'s own are read from.

    Raises
    ------
    UserError
        Listing all names, where there is none of that name.
    """
    if name not in ADAPTERS:
        raise UserError(f"unknown adapter {name!r}: there are {', '.join(ADAPTERS)}")
    adapter = ADAPTERS[name]
    mappings = market.feature_sources().get(adapter.format, {}) if market else {}
    # The key as it is, and the first step of a path into what it holds.
    keys = {k for m in mappings.values() for k in (m.column, m.column.split(".")[0].split("[")[0])}
    make = _MAKE[list(ADAPTERS).index(name)]
    return make(tuple(sorted(keys))) if keys else adapter


__all__ = ["ADAPTERS", "find_adapter"]
