"""A weighted blend of the other regressors."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.files import read_json
from carprice_assets.regressors.base import FitSettings, Progress, Side
from carprice_assets.regressors.blend import blend_weights
from carprice_assets.regressors.family import HEAD, Family
from carprice_assets.regressors.serving import (
    FORM,
    MEMBERS,
    BlendForm,
    load_form,
    load_serving_form,
    write_form,
)

OUT_OF_FOLD = "oof.npy"
FEWEST = 2


class Ensemble(Family):
    """The weighted mean of the other regressors' log prices.

    The weights come from out-of-fold prices of the training cars: what each regressor says of
    cars that the fit behind it had not seen. Validation and hold-out have no part in them. A
    regressor of no use to the blend is left out and need not be served.
    """

    name = "ensemble"
    defaults: Mapping[str, Any] = {}

    def __init__(self, members: Mapping[str, Path]) -> None:
        super().__init__()
        self._members = dict(members)
        self._blend: BlendForm | None = None

    def fit(self, train: Side, validation: Side, settings: FitSettings, progress: Progress) -> None:
        """Weigh the members, whose folders hold out-of-fold prices of ``train``'s rows.

        Raises
        ------
        UserError
            Where there are fewer than two members, or one was fitted on other rows.
        """
        del validation
        if len(self._members) < FEWEST:
            have = ", ".join(self._members) or "none"
            raise UserError(
                f"ensemble: two regressors at least must be fitted on the present feature set,"
                f" there is {have}: materialize others"
            )
        unseen: dict[str, NDArray[np.float64]] = {}
        for name, folder in self._members.items():
            unseen[name] = np.load(folder / OUT_OF_FOLD, allow_pickle=False)
            if len(unseen[name]) != len(train.price):
                raise UserError(f"ensemble: {name} was fitted on other rows: materialize it again")
        weights = blend_weights(unseen, train.price)
        told = ", ".join(f"{name} {weight:.1%}" for name, weight in weights.items())
        progress(f"weights: {told}")
        self.feature_names = settings.feature_names
        self.parameters: Mapping[str, Any] = {"weights": weights}
        logs = sum(weight * np.log(unseen[name]) for name, weight in weights.items())
        self.out_of_fold: NDArray[np.float64] | None = np.exp(np.asarray(logs, np.float64))
        forms = [
            load_serving_form(self._members[name] / "serving", self.feature_names)
            for name in weights
        ]
        self._blend = BlendForm(forms, list(weights.values()))
        self.weigh(self.feature_names, self._importances(weights))

    def _importances(self, weights: Mapping[str, float]) -> list[float]:
        """The members' importances in proportion to their weights."""
        heads = {name: read_json(self._members[name] / HEAD)["importances"] for name in weights}
        return [
            sum(weight * heads[name].get(feature, 0.0) for name, weight in weights.items())
            for feature in self.feature_names
        ]

    def predict(self, features: Block) -> NDArray[np.float64]:
        """Prices in the market's currency, shape (rows,)."""
        assert self._blend is not None, "neither fitted nor loaded"
        return self._blend.predict(features)

    def save(self, folder: Path) -> None:
        """Write ``regressor.json`` and the serving form, which holds those of the members."""
        serving = folder / "serving"
        serving.mkdir()
        weights = self.parameters["weights"]
        for name in weights:
            source, target = self._members[name] / "serving", serving / MEMBERS / name
            target.mkdir(parents=True)
            for file in sorted(source.glob("*.*")):
                if file.name == FORM or file.suffix in (".npy", ".cbm"):
                    shutil.copyfile(file, target / file.name)
        write_form(serving, "blend", self.feature_names, {"weights": weights})
        self.save_head(folder)

    def load(self, folder: Path) -> None:
        """Take over what :meth:`save` wrote."""
        self.load_head(folder)
        form = load_form(folder / "serving")
        assert isinstance(form, BlendForm)
        self._blend = form
