"""How a release was made: all that a rebuild needs besides the dataset.

It stands in the provenance, not in the content: it says how the answers came about and changes
none of them, so equal answers keep one id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.features.training import HEAD, KEPT
from carprice_assets.files import read_json
from carprice_assets.listings.dataset import read_features, read_head
from carprice_assets.markets.market import (
    ListingRules,
    Market,
    PromotionRules,
    SplitRules,
    TrainingRules,
)
from carprice_assets.releases.strict import check_format

RECIPE = "recipe"
"""Its key in the provenance."""
FORMAT = 1
Table = Mapping[str, Any]
Rules = TypeVar("Rules", TrainingRules, PromotionRules, "Fit")


@dataclass(frozen=True)
class Fit:
    """One fit of one regressor, as its ``origin.json`` states it.

    ``members`` are those of an ensemble, regressor to address of its artifact.
    """

    regressor: str
    seed: int
    threads: int
    trials: int
    minutes: float
    parameters: Table
    coverage: float | None
    members: Mapping[str, str]

    @property
    def told(self) -> str:
        """The settings in a few words."""
        search = f", {self.trials} trials" if self.trials else ""
        search += f", {self.minutes:g} minutes" if self.minutes else ""
        return f"{self.regressor}: seed {self.seed}, {self.threads} threads{search}"


@dataclass(frozen=True)
class Recipe:
    """Settings of the training behind a release.

    Attributes
    ----------
    training, promotion
        The market's rules when the release was staged; ``features_off`` and ``drop_outliers``
        as the feature set had them.
    judged
        Regressor to address of its artifact, for all that were judged, carried or not.
    fits
        Address to fit, for those and the members of an ensemble among them.
    """

    training: TrainingRules
    promotion: PromotionRules
    judged: Mapping[str, str]
    fits: Mapping[str, Fit]

    @classmethod
    def of(
        cls,
        market: Market,
        feature_set: Artifact,
        judged: Mapping[str, Artifact],
        store: ArtifactStore,
    ) -> Recipe:
        """What the artifacts of a training say of how they were made.

        Raises
        ------
        UserError
            Where a regressor is not in the store, or an older version fitted it.
        """
        kept = np.load(feature_set.path / KEPT, allow_pickle=False)
        training = replace(
            market.training,
            # Where nothing was flagged, dropping and keeping are one.
            drop_outliers=not bool(kept.all()),
            features_off=tuple(read_json(feature_set.path / HEAD)["features_off"]),
        )
        fits: dict[str, Fit] = {}
        waiting = [artifact.address for artifact in judged.values()]
        while waiting:
            address = waiting.pop()
            if address not in fits:
                fits[address] = _fit(store.get(address).path)
                waiting.extend(fits[address].members.values())
        addresses = {name: artifact.address for name, artifact in judged.items()}
        return cls(training, market.promotion, addresses, fits)

    def to_json(self) -> dict[str, Any]:
        """JSON types."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def parse(cls, facts: Table, where: str) -> Recipe:
        """The recipe in the facts of a provenance; ``where`` names it in errors.

        Raises
        ------
        UserError
            Where there is none, or it is of a newer format or malformed.
        """
        table = facts.get(RECIPE)
        if not isinstance(table, dict):
            raise UserError(f"{where} does not say how it was made: an older version staged it")
        content = cast("dict[str, Any]", table)
        check_format(content, FORMAT, f"{where}: recipe")
        try:
            fits = {key: _read(Fit, each, where) for key, each in content["fits"].items()}
            judged = {str(name): str(address) for name, address in content["judged"].items()}
            training = content["training"]
            training = {**training, "features_off": tuple(training["features_off"])}
            members = [each for fit in fits.values() for each in fit.members.values()]
            if missing := {*judged.values(), *members} - set(fits):
                raise UserError(f"{where}: its recipe has no fit {min(missing)}")
            return cls(
                _read(TrainingRules, training, where),
                _read(PromotionRules, content["promotion"], where),
                judged,
                fits,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{where}: its recipe is broken: {error!r}") from error

    def market(self, name: str, dataset: Path) -> Market:
        """The market as it was: what its file said, where a training reads it, and the dataset.

        Parameters
        ----------
        dataset
            Folder of the dataset, whose head states units, salt and cleaning.
        """
        made = read_head(dataset)["cleaning"]
        return Market(
            name=name,
            title=name,
            currency=made["currency"],
            distance=made["distance"],
            split=SplitRules(made["salt"]),
            listings=ListingRules(made["price_low"], made["price_high"]),
            training=self.training,
            promotion=self.promotion,
            sources={key: made[key] for key in ("columns", "fields") if key in made},
            features=read_features(dataset),
        )


def _fit(folder: Path) -> Fit:
    origin = read_json(folder / "origin.json")
    names = [field.name for field in fields(Fit)]
    if missing := [name for name in names if name not in origin]:
        name = origin["regressor"]
        raise UserError(f"{name} does not state its {missing[0]}: materialize {name} again")
    return Fit(**{name: origin[name] for name in names})


def _read(kind: type[Rules], table: Table, where: str) -> Rules:
    """The rules in ``table``, which must have exactly their keys.

    Keys of a market that came later than the release are its defaults: it was made without.
    """
    known = {field.name for field in fields(kind)}
    missing = known - set(table)
    if odd := (set(table) - known) | (missing if kind is Fit else set[str]()):
        raise UserError(f"{where}: this version reads other settings than it states: {min(odd)}")
    return kind(**table)
