"""The detector of one market: its autoencoders and the combination, in the serving form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.bargains.combination import (
    Combination,
    Floats,
    cuts,
    fit,
    in_range,
    residual,
    signal_names,
    signals,
)
from carprice_assets.bargains.direction import Direction
from carprice_assets.bargains.form import AutoencoderForm
from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.files import canonical_json, read_json

HEAD = "detector.json"
FORMAT = 1


@dataclass(frozen=True)
class Offers:
    """What a detector judges: n offers.

    Attributes
    ----------
    features
        The matrix, float32 (n, features).
    price
        Asking prices, (n,).
    expected, low
        Valuations and the low ends of their ranges, (n,); NaN where there is none.
    """

    features: Block
    price: Floats
    expected: Floats
    low: Floats


@dataclass(frozen=True)
class Scores:
    """How an offer departs from what was expected, (n,) each.

    Attributes
    ----------
    score
        From 0 to 1, of the combination; NaN without a valuation.
    rank_by
        The same before it is pressed between 0 and 1.
    residual
        Log of the asking price over the expected one.
    in_range
        The residual in units of the lower half of its range: -1 at the low end.
    along
        Autoencoder to its error along the direction, in spreads.
    distance
        Autoencoder to the distance from the direction in its error space.
    """

    score: Floats
    rank_by: Floats
    residual: Floats
    in_range: Floats
    along: Mapping[str, NDArray[Any]]
    distance: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Detector:
    """Autoencoders of one feature set, a direction, and the weights of all signals.

    ``regressor`` is the one whose residual it was calibrated with.
    """

    feature_names: tuple[str, ...]
    members: Mapping[str, AutoencoderForm]
    direction: Direction
    regressor: str
    combination: Combination

    @classmethod
    def calibrate(
        cls,
        feature_names: Sequence[str],
        members: Mapping[str, AutoencoderForm],
        direction: Direction,
        regressor: str,
        validation: Offers,
        *,
        seed: int,
    ) -> Detector:
        """Weigh the signals on validation offers, as they are and with lowered prices.

        Raises
        ------
        UserError
            Where no validation offer has a valuation, or the direction names no feature.
        """
        members = dict(sorted(members.items()))  # as they are loaded again
        if not np.isfinite(validation.expected).any():
            raise UserError("bargain_detector: no validation car has a valuation to learn from")
        names, plain = _signals(feature_names, members, direction, validation)
        lowered = [
            _signals(feature_names, members, direction, _at(validation, validation.price * cut))[1]
            for cut in cuts(len(validation.price), seed)
        ]
        combination = fit(names, plain, lowered)
        return cls(tuple(feature_names), dict(members), direction, regressor, combination)

    def scores(self, offers: Offers) -> Scores:
        """Judge offers whose matrix has the columns :attr:`feature_names`."""
        errors = {
            name: form.errors(self.feature_names, offers.features, offers.price)
            for name, form in self.members.items()
        }
        along, rest, distance = {}, {}, {}
        for name, form in self.members.items():
            inputs = form.inputs.names
            along[name] = self.direction.along(errors[name], inputs)
            rest[name] = self.direction.rest(errors[name], inputs)
            distance[name] = self.direction.distance(
                errors[name], inputs, reach=form.reach, rest_weight=form.rest_weight
            )
        _, values = signals(offers.price, offers.expected, offers.low, along, rest)
        return Scores(
            self.combination.score(values),
            self.combination.logit(values),
            residual(offers.price, offers.expected),
            in_range(offers.price, offers.expected, offers.low),
            along,
            distance,
        )

    def evidence(self, offers: Offers) -> list[dict[str, dict[str, float]]]:
        """Of each offer, autoencoder to the errors worth telling, in spreads."""
        told: list[dict[str, dict[str, float]]] = [{} for _ in offers.price]
        for name, form in self.members.items():
            errors = form.errors(self.feature_names, offers.features, offers.price)
            for row, each in enumerate(errors):
                told[row][name] = self.direction.evidence(each, form.inputs.names)
        return told

    def save(self, folder: Path) -> None:
        """Write ``detector.json`` and a folder an autoencoder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, form in self.members.items():
            form.save(folder / name)
        head = {
            "format": FORMAT,
            "feature_names": list(self.feature_names),
            "members": sorted(self.members),
            "direction": list(self.direction.texts),
            "regressor": self.regressor,
            "combination": self.combination.state(),
        }
        (folder / HEAD).write_bytes(canonical_json(head))

    @classmethod
    def load(cls, folder: Path) -> Detector | None:
        """Read what :meth:`save` wrote; None where the folder is not there.

        Raises
        ------
        UserError
            For another format and where parts do not fit each other; names the file.
        """
        if not folder.is_dir():
            return None
        path = folder / HEAD
        head: dict[str, Any] = read_json(path)
        if head.get("format") != FORMAT:
            raise UserError(f"{path}: not of format {FORMAT}, which this program reads")
        try:
            members = {n: AutoencoderForm.load(folder / n) for n in sorted(head["members"])}
            found = cls(
                tuple(head["feature_names"]),
                members,
                Direction.parse(head["direction"]),
                str(head["regressor"]),
                Combination.restore(head["combination"]),
            )
            if found.combination.names != signal_names(members):
                raise ValueError("the combination weighs other signals")
            return found
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise UserError(f"{path}: malformed: {error}") from error


def _signals(
    feature_names: Sequence[str],
    members: Mapping[str, AutoencoderForm],
    direction: Direction,
    offers: Offers,
) -> tuple[tuple[str, ...], Floats]:
    along, rest = {}, {}
    for name, form in members.items():
        errors = form.errors(feature_names, offers.features, offers.price)
        along[name] = direction.along(errors, form.inputs.names)
        rest[name] = direction.rest(errors, form.inputs.names)
    return signals(offers.price, offers.expected, offers.low, along, rest)


def _at(offers: Offers, price: Floats) -> Offers:
    return Offers(offers.features, price, offers.expected, offers.low)
