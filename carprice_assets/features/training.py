"""Transformer artifacts: fitted on a dataset's training part, kept with what they come from."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.features.feature_set import FeatureSet
from carprice_assets.features.fit import closure, fit_one, load_fitted, save_fitted
from carprice_assets.features.price_encoder import vehicle_folds
from carprice_assets.features.price_leaks import PriceLeak, price_leaks
from carprice_assets.features.refits import foreign_states
from carprice_assets.features.registry import upstream_of
from carprice_assets.files import canonical_json
from carprice_assets.listings.contract import Columns, row_count
from carprice_assets.listings.dataset import read_side

HEAD = "feature_set.json"
FEATURES = "features"
FOLDS = "train_folds.npy"
"""The fold of each row kept, int64 (rows,): those of ``price_encoder``, by vehicle."""
KEPT = "train_kept.npy"
"""Mask of the training rows that regressors learn from, bool (rows,)."""
ENCODED_SIDES = ("train", "validation")


@dataclass(frozen=True)
class FittedTransformer:
    """A transformer in the store: its features, the rows it saw and the seconds it took."""

    artifact: Artifact
    features: tuple[str, ...]
    rows: int
    seconds: float


def fit_transformer(
    name: str,
    dataset: Artifact,
    train: Columns,
    upstream: Mapping[str, Artifact],
    store: ArtifactStore,
) -> FittedTransformer:
    """Fit the transformer called ``name`` on ``train`` and keep its state.

    Parameters
    ----------
    train
        The training part with ``price`` and ``vehicle``.
    upstream
        Artifacts of the transformers that exist already, by name.

    Raises
    ------
    UserError
        Where an upstream transformer is missing or belongs to another dataset.
    """
    begin = time.perf_counter()
    needed = closure(upstream_of(name))
    if missing := [each for each in needed if each not in upstream]:
        raise UserError(f"{name}: needs {missing[0]}, which is not there: materialize it first")
    loaded = {each: load_fitted(upstream[each].path) for each in needed}
    for each, (_, origin) in loaded.items():
        if origin.dataset != dataset.address:
            raise UserError(
                f"{name}: its upstream {each} was fitted on dataset {origin.dataset[:12]}, not on"
                f" {dataset.address[:12]}: materialize {each} as well"
            )
    fitted = fit_one(name, train, train["price"], {each: one for each, (one, _) in loaded.items()})
    addresses = {each: artifact.address for each, artifact in upstream.items()}
    artifact = store.put(lambda folder: save_fitted(fitted, folder, dataset.address, addresses))
    seconds = time.perf_counter() - begin
    return FittedTransformer(artifact, fitted.feature_names, row_count(train), seconds)


@dataclass(frozen=True)
class Encoding:
    """A feature set in the store, and what encoding it showed.

    ``leaks`` are the features that tell the price, ``foreign`` the transformers that did not
    learn from the training part alone.
    """

    artifact: Artifact
    features: tuple[str, ...]
    outliers: int
    dropped: int
    leaks: tuple[PriceLeak, ...]
    foreign: tuple[str, ...]


def encode(
    transformers: Mapping[str, Artifact],
    dataset: Artifact,
    store: ArtifactStore,
    *,
    drop_outliers: bool,
    progress: Callable[[str], None],
    features_off: Sequence[str] = (),
) -> Encoding:
    """Put the transformers in order and encode the training and validation sides.

    Training rows get out-of-fold values where a transformer reads prices. Outliers are left
    out of the training side only, and only where ``drop_outliers`` says so. No side has the
    columns that ``features_off`` names, by transformer or one by one. The training side is also
    looked through for leaks, see ``price_leaks`` and ``foreign_states``.

    Raises
    ------
    UserError
        Where the transformers do not belong together, or not to ``dataset``; names the odd one.
        Also where ``features_off`` names what there is not.
    """
    features = FeatureSet.assemble({name: each.path for name, each in transformers.items()})
    if features.dataset != dataset.address:
        raise UserError(
            f"feature set: all transformers were fitted on dataset {features.dataset[:12]}, the"
            f" present one is {dataset.address[:12]}: materialize all transformers"
        )
    features = features.without(features_off)
    found = {"outliers": 0, "dropped": 0}
    leaks: list[PriceLeak] = []
    foreign: list[str] = []

    def build(folder: Path) -> None:
        for side in ENCODED_SIDES:
            columns = read_side(dataset.path, side)
            price = columns["price"]
            if side == "train":
                training = features.training_blocks(columns, price)
                matrix = features.transform(training)
                leaks.extend(
                    price_leaks(matrix, features.feature_names, price, columns["stock_type"])
                )
                foreign.extend(foreign_states(features.transformers, training, price))
                have = features.blocks(columns)
                flagged = features.outliers(have)
                features.with_limits(have).save(folder / FEATURES)
                found["outliers"] = int(flagged.sum())
                kept = ~flagged if drop_outliers else np.ones(len(flagged), np.bool_)
                found["dropped"] = int((~kept).sum())
                matrix, price = matrix[kept], price[kept]
                np.save(folder / FOLDS, vehicle_folds(columns)[kept], allow_pickle=False)
                np.save(folder / KEPT, kept, allow_pickle=False)
            else:
                matrix = features.transform(columns)
            progress(f"{side}: {len(matrix):,} rows of {matrix.shape[1]} features")
            np.save(folder / f"{side}.npy", matrix, allow_pickle=False)
            np.save(folder / f"{side}_price.npy", price, allow_pickle=False)
        head = {
            "feature_names": list(features.feature_names),
            "features_off": sorted(features.off),
            "dataset": dataset.address,
        }
        (folder / HEAD).write_bytes(canonical_json(head))

    artifact = store.put(build)
    return Encoding(
        artifact,
        features.feature_names,
        found["outliers"],
        found["dropped"],
        tuple(leaks),
        tuple(foreign),
    )
