"""Making a release again from its dataset and recipe, away from everything that serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.errors import UserError
from carprice_assets.evaluation.reporting import board_of, read_report, report_on
from carprice_assets.features.registry import NAMES
from carprice_assets.features.training import encode, fit_transformer
from carprice_assets.home import Home
from carprice_assets.listings.dataset import dataset_hash, read_side
from carprice_assets.markets import Market
from carprice_assets.provenance import here
from carprice_assets.regressors.registry import ALL
from carprice_assets.regressors.training import Encoded, fit_regressor, read_parity, threads
from carprice_assets.releases.comparison import Part, compare
from carprice_assets.releases.golden import Golden
from carprice_assets.releases.judging import Trained, stage_challenger
from carprice_assets.releases.manifest import Manifest
from carprice_assets.releases.recipe import Fit, Recipe
from carprice_assets.releases.release import Release
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import read_object

Progress = Callable[[str], None]
Refit = Callable[[Mapping[str, Any], Artifact, Artifact, ArtifactStore, Progress], Path | None]
"""Fits a bargain detector again from the facts of a provenance, the feature set and the
regressor whose residual it weighs, in a store; gives its serving form, None where the release
has none."""
CONDITIONS = ("machine", "processor", "python", "code")
"""Facts of a provenance without whose equality nothing is promised, besides the versions."""


@dataclass(frozen=True)
class Plan:
    """A release that can be made again: its recipe, its dataset, and what stands against it.

    ``warnings`` name what is not as it was when the release was made, one line each.
    """

    release: Release
    recipe: Recipe
    dataset: Artifact
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Rebuilt:
    """What came of it: the id of the release made again, and both compared part by part.

    ``beside`` are fits that the content does not hold: they are told, and have no say.
    """

    release: str
    made: str
    parts: tuple[Part, ...]
    beside: tuple[Part, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the files in the store and those made again are the same, and so the ids."""
        return self.made == self.release and not any(part.differing for part in self.parts)

    @property
    def lines(self) -> list[str]:
        """One line a part, and one for the ids."""
        lines = [part.line for part in (*self.parts, *self.beside)]
        if self.same:
            return [*lines, f"release {self.release}: made again with the same id"]
        if self.made == self.release:
            return [*lines, f"release {self.release}: made again, its files in the store differ"]
        return [*lines, f"release {self.release}: made again as {self.made}"]


def plan(home: Home, market: str, release_id: str) -> Plan:
    """See whether a release can be made again; nothing is made or written yet.

    Raises
    ------
    UserError
        Naming what is missing: the release, its recipe, its dataset, a regressor.
    """
    release = (store := ReleaseStore(home.releases)).open(market, release_id)
    damage = [f"the release is damaged: {problem}" for problem in store.verify(release)]
    facts = release.provenance().facts
    recipe = Recipe.parse(facts, f"release {release_id}")
    for fit in recipe.fits.values():
        if fit.regressor not in ALL:
            raise UserError(f"release {release_id}: this version has no regressor {fit.regressor}")
    address = release.head().data["address"]
    artifacts = ArtifactStore(home.artifacts)
    if not artifacts.path_of(address).is_dir():
        raise UserError(
            f"release {release_id} was made from the dataset artifact {address}, which is no longer"
            f" in {home.artifacts}"
        )
    dataset = artifacts.get(address)
    if dataset_hash(dataset.path) != address:
        raise UserError(f"the dataset artifact {address} is changed: {dataset.path}")
    return Plan(release, recipe, dataset, (*damage, *_conditions(facts), *_promises(recipe)))


def _conditions(facts: Mapping[str, Any]) -> list[str]:
    """One line for each condition that is not as it was."""
    now = here(run_id="", data_version="")
    pairs = {name: (facts.get(name), now[name]) for name in CONDITIONS}
    then: Mapping[str, str] = facts.get("versions", {})
    versions: Mapping[str, str] = now["versions"]
    for name in sorted({*then, *versions}):
        pairs[name] = (then.get(name), versions.get(name))
    return [
        f"{name} is {is_now or 'unknown'}, the release was made with {was or 'unknown'}"
        for name, (was, is_now) in pairs.items()
        if was != is_now
    ]


def _promises(recipe: Recipe) -> list[str]:
    """One line for each fit that need not come out the same."""
    told: list[str] = []
    if (most := max(fit.threads for fit in recipe.fits.values())) != threads():
        told.append(f"there are {threads()} processors to use, the release was made with {most}")
    for fit in recipe.fits.values():
        if fit.minutes:
            told.append(
                f"{fit.regressor}: its search was limited to {fit.minutes:g} minutes, so that the"
                " same regressor cannot be promised"
            )
    return told


def rebuild(home: Home, planned: Plan, progress: Progress, refit: Refit | None = None) -> Rebuilt:
    """Make the release again in a folder of its own, compare the two, and remove it.

    ``refit`` fits its bargain detector; without, the release is made without one.

    Champion, ledger and artifacts stay as they are. A kill leaves a folder below the artifacts'
    ``tmp``, which the next rebuild or training removes.

    Raises
    ------
    UserError
        Where the data or settings cannot be trained on by this version.
    """
    with ArtifactStore(home.artifacts).scratch() as work:
        again = _Again(planned, work, progress, refit)
        made = again.stage()
        first, second = (Manifest.of(each.content) for each in (planned.release, made))
        parts = compare(first, second, _golden(planned.release, made))
        return Rebuilt(planned.release.id, made.id, tuple(parts), tuple(again.uncarried()))


class _Again:
    """One rebuild in the folder ``work``; each fit is made once, under its old address."""

    def __init__(self, planned: Plan, work: Path, progress: Progress, refit: Refit | None) -> None:
        self.plan, self.progress, self.refit = planned, progress, refit
        self.store = ArtifactStore(work / "artifacts")
        self.releases = ReleaseStore(work / "releases")
        self.fits: dict[str, Artifact] = {}
        # The dataset is read where it is; removing the work removes the link alone.
        path = self.store.path_of(planned.dataset.address)
        path.parent.mkdir(parents=True)
        path.symlink_to(planned.dataset.path.resolve(), target_is_directory=True)
        self.dataset = self.store.get(planned.dataset.address)

    def stage(self) -> Release:
        """The steps of a training, in their order."""
        recipe = self.plan.recipe
        market = recipe.market(self.plan.release.market, self.dataset.path)
        feature_set = self._feature_set(market)
        trained: dict[str, Trained] = {}
        reports: dict[str, Artifact | None] = {}
        for name, address in recipe.judged.items():
            regressor = self._fit(address, feature_set)
            reports[name] = report = report_on(
                name,
                market,
                dataset=self.dataset,
                feature_set=feature_set,
                regressor=regressor,
                store=self.store,
            ).artifact
            self.progress(f"{name}: judged")
            trained[name] = Trained(regressor, read_report(report), read_parity(regressor))
        challenger = board_of(reports, feature_set.address, self.store).challenger
        return stage_challenger(
            self.releases,
            market,
            dataset=self.dataset,
            feature_set=feature_set,
            trained=trained,
            challenger=challenger,
            provenance={},
            detector=self._detector(feature_set, trained[challenger].regressor),
        )

    def _detector(self, feature_set: Artifact, regressor: Artifact) -> Path | None:
        if self.refit is None:
            return None
        facts = self.plan.release.provenance().facts
        return self.refit(facts, feature_set, regressor, self.store, self.progress)

    def _feature_set(self, market: Market) -> Artifact:
        train = read_side(self.dataset.path, "train")
        states: dict[str, Artifact] = {}
        for name in NAMES:
            fitted = fit_transformer(name, self.dataset, train, states, self.store)
            states[name] = fitted.artifact
            self.progress(f"{name}: {len(fitted.features)} features, {fitted.seconds:.1f} s")
        return encode(
            states,
            self.dataset,
            self.store,
            drop_outliers=market.training.drop_outliers,
            progress=self.progress,
            features_off=market.training.features_off,
        ).artifact

    def _fit(self, address: str, feature_set: Artifact) -> Artifact:
        if address not in self.fits:
            fit: Fit = self.plan.recipe.fits[address]
            self.fits[address] = fit_regressor(
                fit.regressor,
                Encoded.open(feature_set),
                self.store,
                seed=fit.seed,
                trials=fit.trials,
                minutes=fit.minutes,
                progress=lambda line: self.progress(f"{fit.regressor}: {line}"),
                parameters=fit.parameters,
                coverage=fit.coverage,
                members={n: self._fit(each, feature_set) for n, each in fit.members.items()},
                thread_count=fit.threads,
            ).artifact
        return self.fits[address]

    def uncarried(self) -> list[Part]:
        """Fits that the content does not hold, compared by the addresses of their artifacts."""
        carried = {self.plan.recipe.judged[name] for name in self.plan.release.head().regressors}
        return [
            Part(
                f"{self.plan.recipe.fits[address].regressor} (not carried)",
                () if artifact.address == address else ("its artifact",),
            )
            for address, artifact in self.fits.items()
            if address not in carried
        ]


def _golden(*releases: Release) -> tuple[Golden, Golden] | None:
    """The golden cases of both; None where one's are damaged, which its file's line tells."""
    try:
        first, second = (
            Golden.parse(read_object(path := each.content / "golden.json"), str(path))
            for each in releases
        )
    except UserError:
        return None
    return first, second
