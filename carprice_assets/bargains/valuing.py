"""What current offers should cost: the champion's valuations, blind to their own prices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.features.base import Block
from carprice_assets.features.training import KEPT
from carprice_assets.files import read_json
from carprice_assets.listings.contract import FEATURE_FIELDS, Columns, days, take
from carprice_assets.listings.dataset import read_side
from carprice_assets.listings.declared import declared_alike
from carprice_assets.listings.notes import Note
from carprice_assets.markets import Market
from carprice_assets.regressors.ensemble import OUT_OF_FOLD
from carprice_assets.regressors.predictor import Predictor
from carprice_assets.releases.recipe import Recipe
from carprice_assets.releases.scorecard import unlearned
from carprice_assets.releases.valuer import Valuer

NEAR = 1.15
"""Times the low end of its range below which an offer is valued with the order guard."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Unseen:
    """What the training of a release says of its own cars without having seen their prices.

    Attributes
    ----------
    rows
        Listing id, and the name of a vehicle, to its row in the two arrays.
    price
        Out-of-fold valuations, (rows,).
    features
        Out-of-fold encodings, float32 (rows, features), read from disk as needed.
    """

    rows: dict[str, int]
    price: Floats
    features: Block


@dataclass(frozen=True)
class Valued:
    """Valuations of n offers; NaN where there is none.

    Attributes
    ----------
    expected, low, high
        In the market's currency, (n,).
    features
        The matrix, float32 (n, features).
    known
        Offers of which the release has learned and no out-of-fold valuation is at hand, (n,).
    """

    expected: Floats
    low: Floats
    high: Floats
    features: Block
    known: NDArray[np.bool_]


def unseen_of(valuer: Valuer, store: ArtifactStore) -> Unseen | None:
    """Out-of-fold valuations of the champion's training cars; None where artifacts are gone."""
    try:
        recipe = Recipe.parse(valuer.provenance, f"release {valuer.release_id}")
        regressor = store.get(recipe.judged[valuer.champion])
        origin = read_json(regressor.path / "origin.json")
        feature_set = store.get(origin["feature_set"])
        dataset = store.get(origin["dataset"])
    except (UserError, KeyError):
        return None
    path = regressor.path / OUT_OF_FOLD
    if not path.exists():
        return None
    kept = np.load(feature_set.path / KEPT, allow_pickle=False)
    train = read_side(dataset.path, "train")
    ids, vehicles = train["listing_id"][kept], train["vehicle"][kept]
    price = np.load(path, allow_pickle=False)
    features = np.load(feature_set.path / "train.npy", mmap_mode="r", allow_pickle=False)
    if len(ids) != len(price) or len(ids) != len(features):
        return None
    rows = {str(each): row for row, each in enumerate(vehicles)}
    rows |= {str(each): row for row, each in enumerate(ids)}
    return Unseen(rows, price, features)


def value_offers(
    valuer: Valuer,
    market: Market,
    columns: Columns,
    day: float,
    unseen: Unseen | None = None,
) -> Valued:
    """Valuations of ``columns`` on ``day``, in slices.

    A car that the release has learned from is valued by the fit that had not seen it: else its
    own low price would have lowered what is expected of it. The range keeps its relative width.
    The order guard, which costs several times the rest, is asked only about offers near or below
    their range, which alone may be listed.
    """
    cars = _as_learned(valuer, market, columns)
    observed = min(day, days(valuer.last_observed))
    cars["observed_at"] = np.full(len(cars["make"]), observed)
    predictor = valuer.engine.predictor(None)
    (expected, low, high), matrix = _answers(valuer, replace(predictor, order=None), cars)
    known = np.zeros(len(expected), np.bool_)
    blind = np.zeros(len(expected), np.bool_)
    if unseen is None:
        known = _learned(valuer, market, columns)
    else:
        blind = _blind(columns, unseen, expected, low, high, matrix)
    near = np.flatnonzero((columns["price"] < NEAR * low) & ~blind)
    exact, _ = _answers(valuer, predictor, take(cars, near))
    for each, values in zip((expected, low, high), exact):
        each[near] = values
    return Valued(expected, low, high, matrix, known)


def _answers(
    valuer: Valuer, predictor: Predictor[Any], cars: Columns
) -> tuple[tuple[Floats, Floats, Floats], Block]:
    """Valuations with the ends of their ranges, and the matrix."""
    parts = list(predictor.answers(cars))
    expected, low, high = (
        np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)])
        for name in ("price", "low", "high")
    )
    features = valuer.engine.features  # all of them: the predictor may read fewer
    empty = np.empty((0, len(feature_names(valuer))), np.float32)
    matrix = np.concatenate([empty, *(features.transform(p.blocks) for p in parts)])
    sound = np.isfinite(expected) & (expected > 0)
    expected, low, high = (np.where(sound, each, np.nan) for each in (expected, low, high))
    return (expected, low, high), matrix


def feature_names(valuer: Valuer) -> tuple[str, ...]:
    """The columns of the release's matrix, in order."""
    return tuple(valuer.engine.features.feature_names)


def notes_of(
    valuer: Valuer, market: Market, columns: Columns, day: float
) -> list[tuple[Note, ...]]:
    """What the feature set says of each row of ``columns``."""
    cars = _as_learned(valuer, market, columns)
    cars["observed_at"] = np.full(len(cars["make"]), min(day, days(valuer.last_observed)))
    return valuer.notes(cars)


def _as_learned(valuer: Valuer, market: Market, columns: Columns) -> dict[str, NDArray[Any]]:
    """The features alone, without those that the release knows in another unit."""
    names = [field.name for field in FEATURE_FIELDS] + [each.name for each in market.features]
    known = {name: columns[name] for name in names}
    return declared_alike(known, market.features, valuer.features)


def _blind(
    columns: Columns,
    unseen: Unseen,
    expected: Floats,
    low: Floats,
    high: Floats,
    matrix: Block,
) -> NDArray[np.bool_]:
    """Put the out-of-fold valuation and encodings in place of those that knew the price.

    Gives the rows where that was done, (rows,).
    """
    changed = np.zeros(len(expected), np.bool_)
    names = zip(columns["listing_id"], columns["vehicle"])
    places = [unseen.rows.get(one, unseen.rows.get(other)) for one, other in names]
    found = [(row, each) for row, each in enumerate(places) if each is not None]
    if not found:
        return changed
    here, there = (np.array(each, np.intp) for each in zip(*found))
    ratio = unseen.price[there] / expected[here]
    for each in (expected, low, high):
        each[here] *= ratio
    matrix[here] = unseen.features[there]
    changed[here] = True
    return changed


def _learned(valuer: Valuer, market: Market, columns: Columns) -> NDArray[np.bool_]:
    """Offers of vehicles that the release learned from."""
    learned = valuer.vehicles(market.split.salt)
    _, mask = unlearned(market.split.salt, columns["vehicle"], [learned])
    return ~mask
