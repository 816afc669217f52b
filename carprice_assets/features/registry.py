"""All transformers, in an order in which each finds its upstream fitted."""

from __future__ import annotations

from typing import cast

from carprice_assets.errors import UserError
from carprice_assets.features.base import Transformer
from carprice_assets.features.bodystyle_encoder import BodystyleEncoder
from carprice_assets.features.category_codes import CategoryCodes
from carprice_assets.features.category_vectors import CategoryVectors
from carprice_assets.features.dealer_encoder import DealerEncoder
from carprice_assets.features.drivetrain_encoder import DrivetrainEncoder
from carprice_assets.features.exterior_color_vectors import ExteriorColorVectors
from carprice_assets.features.fuel_type_encoder import FuelTypeEncoder
from carprice_assets.features.imputer import Imputer
from carprice_assets.features.interior_color_vectors import InteriorColorVectors
from carprice_assets.features.make_encoder import MakeEncoder
from carprice_assets.features.market_features import MarketFeatures
from carprice_assets.features.model_hasher import ModelHasher
from carprice_assets.features.outlier_detector import OutlierDetector
from carprice_assets.features.price_encoder import PriceEncoder
from carprice_assets.features.scaler import MATRIX, Scaler
from carprice_assets.features.stock_type_encoder import StockTypeEncoder
from carprice_assets.features.vin_encoder import VinEncoder
from carprice_assets.features.word_encoder import WordEncoder

TRANSFORMERS: tuple[type[Transformer], ...] = cast(
    "tuple[type[Transformer], ...]",
    (
        MakeEncoder,
        ModelHasher,
        DrivetrainEncoder,
        BodystyleEncoder,
        FuelTypeEncoder,
        StockTypeEncoder,
        ExteriorColorVectors,
        InteriorColorVectors,
        CategoryVectors,
        Imputer,
        PriceEncoder,
        MarketFeatures,
        DealerEncoder,
        VinEncoder,
        WordEncoder,
        CategoryCodes,
        OutlierDetector,
        Scaler,
    ),
)

BY_NAME: dict[str, type[Transformer]] = {kind.name: kind for kind in TRANSFORMERS}
NAMES: tuple[str, ...] = tuple(BY_NAME)

__all__ = ["BY_NAME", "MATRIX", "NAMES", "TRANSFORMERS", "create", "upstream_of"]


def create(name: str) -> Transformer:
    """A transformer of that name, not fitted.

    Raises
    ------
    UserError
        Where there is none of that name.
    """
    if name not in BY_NAME:
        raise UserError(f"unknown transformer {name!r}: there are {', '.join(NAMES)}")
    return BY_NAME[name]()


def upstream_of(name: str) -> tuple[str, ...]:
    """The transformers whose blocks ``name`` reads, in the order of :data:`NAMES`."""
    inputs = create(name).inputs
    return tuple(other for other in NAMES if other in inputs)
