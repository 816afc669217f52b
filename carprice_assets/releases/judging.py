"""From a dataset to staged challengers, and from two releases to a decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
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
from carprice_assets.listings.contract import NEW, USED, Columns, days, from_days, take
from carprice_assets.listings.dataset import (
    read_features,
    read_head,
    read_side,
    require_current,
)
from carprice_assets.listings.declared import declared_alike
from carprice_assets.markets import Market
from carprice_assets.regressors.predictor import Predictor
from carprice_assets.releases.comparables import Comparables
from carprice_assets.releases.content import build_content
from carprice_assets.releases.facts import Evidence, Figure, Fresh, Scorecard
from carprice_assets.releases.golden import golden_cars
from carprice_assets.releases.release import Release
from carprice_assets.releases.rules import Decision, decide, fit_reasons, unjudged
from carprice_assets.releases.scorecard import HoldOut, coverage_of, score, unlearned
from carprice_assets.releases.significance import chance
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
    sides = {side: read_side(dataset.path, side) for side in FITTED_SIDES}
    vehicles = [str(vehicle) for side in sides.values() for vehicle in side["vehicle"]]

    def build(folder: Path) -> None:
        build_content(
            folder,
            market=market,
            dataset={
                "address": dataset.address,
                "first_observed": _first_day(sides.values()),
                "last_observed": head["last_observed"],
                "data_version": head["data_version"],
                "counts": head["counts"],
            },
            feature_set_folder=feature_set.path / "features",
            regressors={name: each.regressor.path / "serving" for name, each in carried.items()},
            champion=challenger,
            golden=golden_cars(sides["validation"], seed=market.training.seed),
            figures={
                name: each.report.deterministic() | {"serving_difference": each.serving_difference}
                for name, each in carried.items()
            },
            vehicles=np.unique(vehicle_hashes(market.split.salt, sorted(set(vehicles)))),
            features=read_features(dataset.path),
            comparables=Comparables.of(sides),
            detector=detector,
        )

    pages = {
        f"{name}/{file}": page
        for name, each in carried.items()
        for file, page in each.pages.items()
    }
    return store.stage(market.name, build, provenance, pages)


def _first_day(sides: Iterable[Columns]) -> str:
    """The earliest day (ISO) of the listings that were learned from."""
    observed = np.concatenate([side["observed_at"] for side in sides])
    return from_days(float(np.nanmin(observed))).isoformat()


def _passes(
    market: Market, dataset: Artifact, feature_set: Artifact, holdout: Columns, trained: Trained
) -> bool:
    predictor = Predictor.load(feature_set.path / "features", trained.regressor.path / "serving")
    hashes, mask = unlearned(market.split.salt, holdout["vehicle"], [])
    cars = _cars(market, dataset, holdout, hashes, mask)
    predicted, low, high = predictor.ranges(features_of(holdout))
    card = score(
        cars,
        predicted,
        behaviour=_shares(cars, trained.report.behaviour),
        serving_differences={trained.report.name: trained.serving_difference},
        golden_ok=True,  # its golden cases are computed when the release is built
        coverage=coverage_of(
            cars,
            low,
            high,
            stated=predictor.coverage,
            calibrated=_calibrated(read_head(dataset.path)),
        ),
    )
    return all(reason.passed for reason in fit_reasons(card, market.promotion))


def judge(
    store: ReleaseStore,
    market: Market,
    release_id: str,
    dataset: Artifact,
    *,
    checks: Mapping[str, bool | None],
    now: datetime,
) -> Judgement:
    """Score the release and the champion on the same hold-out vehicles, and decide.

    Vehicles that either has learned from are left out. Nothing is recorded or moved.

    Parameters
    ----------
    checks
        Of the data and features that the release was made from, see
        :class:`~carprice_assets.releases.facts.Evidence`.
    now
        The moment of the decision, by which the data's age is told.

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
        decision = unjudged(problem).with_facts(against=champion_id)
        return Judgement(decision, None, None, champion_id)
    holdout = read_side(dataset.path, "holdout")
    salt = market.split.salt
    learned = [valuer.vehicles(salt) for valuer in (challenger, champion) if valuer is not None]
    hashes, mask = unlearned(salt, holdout["vehicle"], learned)
    kept = take(holdout, mask)
    cars = _cars(market, dataset, holdout, hashes, mask)
    columns = features_of(kept)
    predicted, low, high = challenger.ranges(columns)
    before = judged_before(store.ledger(market.name), cars.hash) - {release_id}
    evidence = Evidence(
        checks=dict(checks),
        data_age_days=(now.date() - challenger.last_observed).days,
        judgements=len(before) + 1,
    )
    card = score(
        cars,
        predicted,
        behaviour=_shares(cars, measure(challenger.value, kept)),
        serving_differences=_stated_differences(challenger),
        golden_ok=True,  # loading replays them and refuses a difference
        coverage=coverage_of(
            cars,
            low,
            high,
            stated=challenger.engine.predictor(None).coverage,
            calibrated=_calibrated(challenger.head.data),
        ),
    )
    other = None
    if champion is not None:
        alike = declared_alike(columns, read_features(dataset.path), champion.features)
        theirs = champion.value(alike)
        other = _bare(cars, theirs)
        newest = days(max(challenger.last_observed, champion.last_observed))
        fresh = kept["observed_at"].astype(np.float64) > newest
        evidence = _compared(evidence, cars, predicted, theirs, fresh, market)
    card = replace(card, evidence=evidence)
    decision = decide(card, other, market.promotion).with_facts(
        holdout=cars.hash, judgements=evidence.judgements, against=champion_id
    )
    return Judgement(decision, card, other, champion_id)


def judged_before(ledger: Sequence[Mapping[str, Any]], holdout: str) -> set[str]:
    """Releases that stand in the ledger as judged on the hold-out of that hash."""
    found: set[str] = set()
    for line in ledger:
        decision: Any = line.get("decision")
        if isinstance(decision, dict) and decision.get("holdout") == holdout:
            found.add(str(line.get("release")))
    return found


def _compared(
    evidence: Evidence,
    cars: HoldOut,
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    fresh: NDArray[np.bool_],
    market: Market,
) -> Evidence:
    """The evidence with the comparison: on all cars, and on the fresh ones where they decide."""

    def chance_on(rows: NDArray[np.bool_]) -> Figure:
        part = cars.part(rows)
        return chance(
            np.abs(ours[rows] - part.price),
            np.abs(theirs[rows] - part.price),
            part.vehicles,
            margin=market.promotion.min_improvement,
            seed=int(part.hash[:15], 16),  # of the cars: nobody chooses it
        )

    count = int(fresh.sum())
    both = None
    if count >= market.promotion.min_fresh:
        part = cars.part(fresh)
        both = Fresh(_bare(part, ours[fresh]), _bare(part, theirs[fresh]), chance_on(fresh))
    everyone = np.ones(len(fresh), dtype=np.bool_)
    return replace(evidence, chance=chance_on(everyone), fresh_rows=count, fresh=both)


def _bare(cars: HoldOut, predicted: NDArray[np.float64]) -> Scorecard:
    """A scorecard of errors alone, for the rules that compare."""
    return score(cars, predicted, behaviour={}, serving_differences={}, golden_ok=None)


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


def _shares(cars: HoldOut, behaviour: Mapping[str, Any]) -> dict[str, Figure]:
    """What a scorecard keeps of behaviour."""
    shares = {key: behaviour.get(f"{key}_violations") for key in ("mileage", "year", "new")}
    found = set(cars.stock_type.tolist())
    # What a market has no cars of, nothing was learned of: there is no question to ask.
    if not {NEW, USED} <= found:
        shares["new"] = 0.0
    if found == {NEW}:
        shares["mileage"] = 0.0  # a few miles of a dealer's yard say nothing of a price
    return shares


def _calibrated(data: Mapping[str, Any]) -> int | None:
    """Cars of the calibration side, from the head of a dataset or of a release."""
    counts: Any = data.get("counts")
    rows: Any = counts.get("calibration") if isinstance(counts, dict) else None
    return rows if type(rows) is int else None


def _stated_differences(valuer: Valuer) -> dict[str, Figure]:
    """Of each carried regressor; None where the figures do not state it."""
    figures = read_json(valuer.content / "figures.json")["regressors"]
    return {name: figures.get(name, {}).get("serving_difference") for name in valuer.regressors}
