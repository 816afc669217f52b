"""Body as columns of zeros and ones."""

from __future__ import annotations

from carprice_assets.features.closed_vocabulary import ClosedVocabularyEncoder


class BodystyleEncoder(ClosedVocabularyEncoder):
    """One-hot over the contract's ``bodystyle`` values; all zeros where it is unknown."""

    name = "bodystyle_encoder"
    inputs = ("bodystyle",)
    field = "bodystyle"
