"""Adapters of sites: how the pages of a kind of marketplace are read, by name."""

from collections.abc import Mapping

from carprice_assets.errors import UserError
from carprice_assets.sources.sites.base import SiteAdapter
from carprice_assets.sources.sites.carscom import CarsCom
from carprice_assets.sources.sites.schema_org import SchemaOrg

_ALL: tuple[SiteAdapter, ...] = (CarsCom(), SchemaOrg())
ADAPTERS: Mapping[str, SiteAdapter] = {adapter.name: adapter for adapter in _ALL}
"""Site adapters by name, those that a market's ``adapter`` may name."""


def find_adapter(name: str) -> SiteAdapter:
    """The adapter called ``name``; a UserError that lists all names where there is none."""
    if name not in ADAPTERS:
        raise UserError(f"unknown adapter {name!r}: there are {', '.join(ADAPTERS)}")
    return ADAPTERS[name]


__all__ = ["ADAPTERS", "find_adapter"]
