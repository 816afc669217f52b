"""The reference direction: how a bargain departs from what the rest of it implies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carprice_assets.bargains.evidence import by_field
from carprice_assets.bargains.inputs import LEFT_OUT, PRICE
from carprice_assets.errors import UserError
from carprice_assets.features.switches import check_features

FARTHEST = 5.0
"""Spreads at which an error of the rest is cut off: one odd word is not a hundred."""
SHOWN = 3

Floats = NDArray[np.float32]


def check_direction(texts: Sequence[str], where: str) -> None:
    """Refuse a direction with a feature that no autoencoder can read, whatever the listings are.

    Raises
    ------
    UserError
        Naming it; ``where`` begins the line.
    """

    names = [text[:-1] for text in texts if text[:-1] != PRICE]
    if unread := [name for name in names if name.startswith(LEFT_OUT)]:
        raise UserError(f"{where}: autoencoders do not read {unread[0]!r}")
    check_features(names, where)


@dataclass(frozen=True)
class Direction:
    """Features with their sign, -1 or 1; every other feature is to be as expected.

    The reference's is ``{"price": -1}``: a price lower than the rest implies, all else as
    expected. Nearness is measured in error space: signed errors, each in units of its usual
    spread.
    """

    signs: Mapping[str, int]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Direction:
        """From ``["price-", …]``."""
        return cls({text[:-1]: -1 if text.endswith("-") else 1 for text in texts})

    @property
    def texts(self) -> tuple[str, ...]:
        """As :meth:`parse` takes them."""
        return tuple(f"{name}{'-' if sign < 0 else '+'}" for name, sign in self.signs.items())

    def vector(self, names: Sequence[str]) -> Floats:
        """The direction among the inputs ``names``, float32 (inputs,): 0 but for its features.

        Raises
        ------
        UserError
            For a feature that is not among them.
        """
        if unknown := [name for name in self.signs if name not in names]:
            raise UserError(f"bargains.direction: the detector has no feature {unknown[0]!r}")
        return np.array([self.signs.get(name, 0) for name in names], np.float32)

    def along(self, errors: Floats, names: Sequence[str]) -> Floats:
        """Mean error of the direction's features, their signs apart, in spreads, (rows,)."""
        vector = self.vector(names)
        return (errors @ vector) / np.float32(np.abs(vector).sum())

    def rest(self, errors: Floats, names: Sequence[str]) -> Floats:
        """Root of the mean squared error of all other features, (rows,)."""
        others = self.vector(names) == 0
        if not others.any():
            return np.zeros(len(errors), np.float32)
        capped = np.minimum(np.abs(errors[:, others]), FARTHEST)
        return np.sqrt(np.mean(capped * capped, axis=1))

    def distance(
        self, errors: Floats, names: Sequence[str], *, reach: float, rest_weight: float
    ) -> Floats:
        """Distance of each error from the point ``reach`` spreads along the direction, (rows,).

        ``rest_weight`` is what the mean square of all other features counts beside it.
        """
        vector = self.vector(names)
        off = errors[:, vector != 0] - reach * vector[vector != 0]
        rest = self.rest(errors, names)
        return np.sqrt(np.mean(off * off, axis=1) + rest_weight * rest * rest)

    def evidence(self, errors: Floats, names: Sequence[str]) -> dict[str, float]:
        """Errors of one row worth telling: the direction's, then the largest of other fields."""
        ranked = sorted(range(len(names)), key=lambda at: -abs(float(errors[at])))
        told = {names[at]: round(float(errors[at]), 2) for at in ranked if names[at] in self.signs}
        others = {names[at]: round(float(errors[at]), 2) for at in ranked}
        rest = [each for each in by_field(others).items() if each[0] not in told]
        return told | dict(rest[:SHOWN])
