"""Fuel group as columns of zeros and ones."""

from __future__ import annotations

from carprice_assets.features.closed_vocabulary import ClosedVocabularyEncoder


class FuelTypeEncoder(ClosedVocabularyEncoder):
    """One-hot over the contract's ``fuel_type`` values; all zeros where it is unknown."""

    name = "fuel_type_encoder"
    inputs = ("fuel_type",)
    field = "fuel_type"
