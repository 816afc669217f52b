"""Markets: one TOML file each, the platform's own and the user's in ``$CARPRICE_HOME/markets``."""

from carprice_assets.markets.features import DeclaredFeature
from carprice_assets.markets.mappings import ColumnMapping
from carprice_assets.markets.market import (
    Market,
    PromotionRules,
    load_market,
    load_markets,
    market_files,
)
from carprice_assets.markets.sites import Site

__all__ = [
    "ColumnMapping",
    "DeclaredFeature",
    "Market",
    "PromotionRules",
    "Site",
    "load_market",
    "load_markets",
    "market_files",
]
