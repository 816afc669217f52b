"""From a dataset to staged challengers, and from two releases to a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carprice_assets.artifacts import Artifact
from carprice_assets.errors import UserError
from carprice_assets.evaluation.behaviour import features_of, measure
from carprice_assets.evaluation.naive import NaiveValuation
from carprice_assets.evaluation.report import EvaluationReport
from carprice_assets.files import read_json
from carprice_assets.listings.contract import NEW, USED, Columns, take
from carprice_assets.listings.dataset import (
    read_features,
    read_head,
    read_side,
    require_current,
)
from carprice_assets.listings.declared import declared_alike
from carprice_assets.markets import Market
from carprice_assets.regressors.predictor import Predictor
from carprice_assets.releases.content import build_content
from carprice_assets.releases.golden import golden_cars
from carprice_assets.releases.release import Release
from carprice_assets.releases.rules import Decision, Figure, Scorecard, decide, unjudged
from carprice_assets.releases.scorecard import HoldOut, score, unlearned
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer
from carprice_assets.releases.vehicles import vehicle_hashes

FITTED_SIDES = ("train", "validation", "calibration")


@dataclass(frozen=True)
class Trained:
    """One regressor of a training: its artifact, its report, its serving form's difference.

    ``pages`` are the report's page and its pictures by file name.
    """

    regressor: Artifact
    report: EvaluationReport
    serving_difference: Figure
    pages: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


@dataclass(frozen=True)
class Judgement:
    """A decision with the figures that it stands on."""

    decision: Decision
    challenger: Scorecard | None
    champion: Scorecard | None
    champion_id: str | None


def stage_challenger(
    store: ReleaseStore,
    market: Market,
    *,
    dataset: Artifact,
    feature_set: Artifact,
    trained: Mapping[str, Trained],
    challenger: str,
    provenance: Mapping[str, Any],
    detector: Path | None = None,
) -> Release:
    """Stage a release with ``challenger`` and the others that pass the absolute rules.

    The challenger is carried whatever it scores: the gate refuses it, with reasons. ``detector``
    is the folder of a bargain detector's serving form, which travels along.
    """
    require_current(market, dataset.path)
    holdout = read_side(dataset.path, "holdout")
    carried = {
        name: each
        for name, each in trained.items()
        if name == challenger or _passes(market, dataset, feature_set, holdout, each)
    }
    head = read_head(dataset.path)
    vehicles = [str(v) for s in FITTED_SIDES for v in read_side(dataset.path, s)["vehicle"]]

    def build(folder: Path) -> None:
        build_content(
            folder,
            market=market,
            dataset={
                "address": dataset.address,
                "last_observed": head["last_observed"],
                "data_version": head["data_version"],
                "counts": head["counts"],
            },
            feature_set_folder=feature_set.path / "features",
            regressors={name: each.regressor.path / "serving" for name, each in carried.items()},
            champion=challenger,
            golden=golden_cars(read_side(dataset.path, "validation"), seed=market.training.seed),
            figures={
                name: each.report.deterministic() | {"serving_difference": each.serving_difference}
                for name, each in carried.items()
            },
            vehicles=np.unique(vehicle_hashes(market.split.salt, sorted(set(vehicles)))),
            features=read_features(dataset.path),
            detector=detector,
        )

    pages = {
        f"{name}/{file}": page
        for name, each in carried.items()
        for file, page in each.pages.items()
    }
    return store.stage(market.name, build, provenance, pages)


def _passes(
    market: Market, dataset: Artifact, feature_set: Artifact, holdout: Columns, trained: Trained
) -> bool:
    predictor = Predictor.load(feature_set.path / "features", trained.regressor.path / "serving")
    hashes, mask = unlearned(market.split.salt, holdout["vehicle"], [])
    card = _card(
        market,
        _cars(market, dataset, holdout, hashes, mask),
        predictor(features_of(holdout)),
        behaviour=trained.report.behaviour,
        serving_difference=trained.serving_difference,
        golden_ok=True,  # its golden cases are computed when the release is built
    )
    return not decide(card, None, market.promotion).absolute_broken


def judge(store: ReleaseStore, market: Market, release_id: str, dataset: Artifact) -> Judgement:
    """Score the release and the champion on the same hold-out vehicles, and decide.

    Vehicles that either has learned from are left out. Nothing is recorded or moved.

    Raises
    ------
    UserError
        Where there is no such release, or the champion itself cannot be loaded: then nothing
        is promoted before a rollback. A challenger that cannot be loaded is refused.
    """
    release = store.open(market.name, release_id)
    champion_id = store.champion(market.name)
    challenger, problem = _load(release)
    champion = (
        Valuer.load(store.open(market.name, champion_id).path)
        if champion_id is not None and champion_id != release_id
        else None
    )
    if challenger is None:
        return Judgement(unjudged(problem), None, None, champion_id)
    holdout = read_side(dataset.path, "holdout")
    salt = market.split.salt
    learned = [valuer.vehicles(salt) for valuer in (challenger, champion) if valuer is not None]
    hashes, mask = unlearned(salt, holdout["vehicle"], learned)
    cars = _cars(market, dataset, holdout, hashes, mask)
    columns = features_of(take(holdout, mask))
    card = _card(
        market,
        cars,
        challenger.value(columns),
        behaviour=measure(challenger.value, take(holdout, mask)),
        serving_difference=_stated_difference(challenger),
        golden_ok=True,  # loading replays them and refuses a difference
    )
    other = None
    if champion is not None:
        other = _card(
            market,
            cars,
            champion.value(declared_alike(columns, read_features(dataset.path), champion.features)),
            behaviour={},
            serving_difference=None,
            golden_ok=True,
        )
    return Judgement(decide(card, other, market.promotion), card, other, champion_id)


def _load(release: Release) -> tuple[Valuer | None, str]:
    try:
        return Valuer.load(release.path), ""
    except UserError as error:
        return None, str(error)


def _cars(
    market: Market,
    dataset: Artifact,
    holdout: Columns,
    hashes: NDArray[np.uint64],
    mask: NDArray[np.bool_],
) -> HoldOut:
    train = read_side(dataset.path, "train")
    naive = NaiveValuation()
    naive.fit(features_of(train), train["price"])
    kept = take(holdout, mask)
    return HoldOut(
        market=market.name,
        vehicles=hashes[mask],
        price=kept["price"],
        naive=naive.predict(features_of(kept)),
        stock_type=kept["stock_type"],
        make=kept["make"],
    )


def _card(
    market: Market,
    cars: HoldOut,
    predicted: NDArray[np.float64],
    *,
    behaviour: Mapping[str, Any],
    serving_difference: Figure,
    golden_ok: bool,
) -> Scorecard:
    shares = {key: behaviour.get(f"{key}_violations") for key in ("mileage", "year", "new")}
    if not {NEW, USED} <= set(cars.stock_type.tolist()):
        shares["new"] = 0.0  # nothing was learned of New against Used: no question to ask
    return score(
        cars,
        predicted,
        behaviour=shares,
        serving_difference=serving_difference,
        golden_ok=golden_ok,
    )


def _stated_difference(valuer: Valuer) -> Figure:
    figures = read_json(valuer.content / "figures.json")["regressors"]
    return figures[valuer.champion].get("serving_difference")
