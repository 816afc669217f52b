"""What an autoencoder sees: the encoded listing and its price, as standardised numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.features.category_codes import CODE, WORD
from carprice_assets.features.scaler import SKEWED

PRICE = "price"
"""Name of the last input: the logarithm of the asking price."""
REACH = 6.0
"""Standard deviations at which an input is cut off."""
LEAST_SPREAD = 0.15
"""Least divisor of a feature: a rare make's column must not outweigh a car's mileage."""

LEFT_OUT = (CODE, WORD, "rest_", "discount_", "rows_", "dealer_", "vin_", "words_")
"""Beginnings of the names of features that are codes, or corrections to an expected price: of
those an autoencoder learns noise, of which the price is no part."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Inputs:
    """How the matrix and the price enter an autoencoder; learned from the training side.

    Attributes
    ----------
    names
        The features read, then :data:`PRICE`.
    logged
        Of each, whether log(1 + x) is taken first.
    center, scale
        Of each, float32 (inputs,): it enters as (x - center) / scale.
    """

    names: tuple[str, ...]
    logged: NDArray[np.bool_]
    center: Floats
    scale: Floats

    @classmethod
    def of(
        cls, feature_names: Sequence[str], features: Block, price: NDArray[np.float64]
    ) -> Inputs:
        """Learn from the training rows; see also :data:`LEFT_OUT`.

        Features that never change are left out.
        """
        rough = [name for name in feature_names if not name.startswith(LEFT_OUT)]
        names = (*rough, PRICE)
        logged = np.array([name in SKEWED for name in names], np.bool_)
        raw = _raw(features, price, _places(names, feature_names), logged)
        kept = np.ptp(raw, axis=0) > 0
        kept[-1] = True
        raw = raw[:, kept].astype(np.float64)
        return cls(
            tuple(name for name, keep in zip(names, kept) if keep),
            logged[kept],
            raw.mean(axis=0).astype(np.float32),
            np.maximum(raw.std(axis=0), LEAST_SPREAD).astype(np.float32),
        )

    def encode(
        self, feature_names: Sequence[str], features: Block, price: NDArray[np.float64]
    ) -> Floats:
        """Inputs of rows of a matrix whose columns are ``feature_names``: float32 (rows, inputs).

        Raises
        ------
        UserError
            For a feature that the matrix lacks.
        """
        raw = _raw(features, price, _places(self.names, feature_names), self.logged)
        return np.clip((raw - self.center) / self.scale, -REACH, REACH).astype(np.float32)

    def encode_price(self, price: NDArray[np.float64]) -> Floats:
        """The last input alone, float32 (rows,)."""
        found = (np.log(price) - float(self.center[-1])) / float(self.scale[-1])
        return np.clip(found, -REACH, REACH).astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings for JSON and arrays for ``.npy``."""
        return (
            {"names": list(self.names), "logged": self.logged.tolist()},
            {"center": self.center, "scale": self.scale},
        )

    @classmethod
    def restore(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Inputs:
        """What :meth:`state` gave.

        Raises
        ------
        ValueError
            Where the parts do not fit each other.
        """
        names = tuple(settings["names"])
        logged = np.array(settings["logged"], np.bool_)
        found = cls(names, logged, arrays["center"], arrays["scale"])
        if not names or names[-1] != PRICE or logged.shape != (len(names),):
            raise ValueError("inputs: names and logged do not fit")
        if any(array.shape != (len(names),) for array in (found.center, found.scale)):
            raise ValueError("inputs: center or scale is of another length")
        return found


def _places(names: Sequence[str], feature_names: Sequence[str]) -> NDArray[np.intp]:
    at = {name: place for place, name in enumerate(feature_names)}
    if missing := [name for name in names[:-1] if name not in at]:
        raise UserError(f"autoencoder: fitted on the feature {missing[0]!r}, which is not there")
    return np.array([at[name] for name in names[:-1]], np.intp)


def _raw(
    features: Block,
    price: NDArray[np.float64],
    places: NDArray[np.intp],
    logged: NDArray[np.bool_],
) -> Floats:
    raw = np.empty((len(price), len(places) + 1), np.float32)
    raw[:, :-1] = features[:, places]
    raw[:, -1] = np.log(price)
    bent = np.flatnonzero(logged)
    raw[:, bent] = np.log1p(np.maximum(raw[:, bent], 0.0))
    return raw
