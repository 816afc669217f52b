"""Fitting the detector of a release again, for a rebuild."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.bargains.training import ORIGIN, SERVING, fit_autoencoder
from carprice_assets.bargains.weighing import fit_detector
from carprice_assets.files import read_json
from carprice_assets.markets.bargains import BargainRules
from carprice_assets.regressors.training import Encoded

RECIPE = "bargain_detector"
"""Its key in the provenance: how the detector was made, absent where the release has none."""


def recipe_of(detector: Artifact) -> dict[str, Any]:
    """What a provenance says of the detector: seeds, parameters, members, direction."""
    return read_json(detector.path / ORIGIN)


def refit(
    facts: Mapping[str, Any],
    feature_set: Artifact,
    regressor: Artifact,
    store: ArtifactStore,
    progress: Callable[[str], None],
) -> Path | None:
    """The serving form, made again in ``store`` from the facts of a provenance.

    None where they name no detector.
    """
    made: dict[str, Any] | None = facts.get(RECIPE)
    if made is None:
        return None
    rules = BargainRules(direction=tuple(made["direction"]))
    encoded = Encoded.open(feature_set)
    fitted = {
        name: fit_autoencoder(
            name,
            encoded,
            store,
            rules=rules,
            seed=each["seed"],
            progress=lambda line, name=name: progress(f"{name}: {line}"),
            parameters=each["parameters"],
        ).artifact
        for name, each in sorted(made["autoencoders"].items())
        if name in made["members"]
    }
    detector = fit_detector(
        fitted,
        made["regressor"],
        regressor.path / "serving",
        encoded,
        store,
        rules=rules,
        deployed={},
        seed=made["seed"],
        progress=progress,
        chosen=made["members"],
    )
    return detector.artifact.path / SERVING
