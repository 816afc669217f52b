"""Driven wheels as columns of zeros and ones."""

from __future__ import annotations

from carprice_assets.features.closed_vocabulary import ClosedVocabularyEncoder


class DrivetrainEncoder(ClosedVocabularyEncoder):
    """One-hot over the contract's ``drivetrain`` values; all zeros where it is unknown."""

    name = "drivetrain_encoder"
    inputs = ("drivetrain",)
    field = "drivetrain"
