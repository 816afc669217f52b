"""New, Used or Certified as columns of zeros and ones."""

from __future__ import annotations

from carprice_assets.features.closed_vocabulary import ClosedVocabularyEncoder


class StockTypeEncoder(ClosedVocabularyEncoder):
    """One-hot over the contract's ``stock_type`` values; all zeros where it is unknown."""

    name = "stock_type_encoder"
    inputs = ("stock_type",)
    field = "stock_type"
    still = False
