"""A feature set and a serving form together: from listing columns to prices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.listings.contract import Columns, row_count, take
from carprice_assets.regressors.base import ServingForm
from carprice_assets.regressors.serving import form_features, load_serving_form

SLICE = 1_000
"""Rows computed at a time: memory stays flat, and a row's bits do not depend on it."""


@dataclass(frozen=True)
class Predictor:
    """Prices for columns of the feature fields, by the transformations of the training."""

    features: FeatureSet
    form: ServingForm

    @classmethod
    def load(cls, features: Path, serving: Path) -> Predictor:
        """From a saved feature set and the folder of a serving form.

        Raises
        ------
        UserError
            Where the form was fitted on other features.
        """
        feature_set = FeatureSet.load(features)
        expected = form_features(serving)
        if expected != tuple(feature_set.feature_names):
            raise UserError(f"{serving}: fitted on other features than {features} gives")
        return cls(feature_set, load_serving_form(serving))

    def __call__(self, columns: Columns) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        rows = row_count(columns)
        prices = np.empty(rows, np.float64)
        for start in range(0, rows, SLICE):
            part = np.arange(start, min(start + SLICE, rows))
            prices[part] = self.form.predict(self.features.transform(take(columns, part)))
        return prices
