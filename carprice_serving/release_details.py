"""All that the page *Models* shows of one release, read from its folder and the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.files import sha256_bytes
from carprice_assets.releases.card import Card, card_of, why
from carprice_assets.releases.head import Head
from carprice_assets.releases.release import PAGES, Release
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import read_object

NAIVE = "naive valuation"
SLICES = ("stock_type", "price", "age", "make")
PICTURE = ".png"


@dataclass(frozen=True)
class Standing:
    """One regressor of a release, or the naive valuation, on the release's hold-out.

    Attributes
    ----------
    figures
        mae, median_error, mape, rmse, r2, r2_log, each with value, low and high.
    kinds
        Stock type to its mean absolute error.
    coverage, width, unsupported, gap
        Of its ranges: the share of prices within them and their median width relative to the
        price; the share of cars without a valuation; and how much worse than on training cars
        the mean squared error of the log price is on validation, relative. None where untold.
    """

    name: str
    champion: bool
    figures: Mapping[str, Any]
    kinds: Mapping[str, float | None]
    coverage: float | None = None
    width: float | None = None
    unsupported: float | None = None
    gap: float | None = None


@dataclass(frozen=True)
class Rule:
    """A promotion rule and what came of asking it."""

    message: str
    passed: bool
    absolute: bool


@dataclass(frozen=True)
class Decision:
    """A line of the ledger."""

    at: str
    event: str
    release: str
    replaced: str
    why: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class ReleaseDetails:
    """One release as people look at it.

    Attributes
    ----------
    standings
        The lowest error on validation first, by which the champion was chosen; the naive
        valuation last.
    slices
        Kind of part (:data:`SLICES`) to the parts' figures, of the champion.
    pictures
        Regressor to the names of its plots, without ending; the champion's first.
    """

    release: str
    head: Head
    staged_at: str
    standings: tuple[Standing, ...]
    slices: Mapping[str, Sequence[Mapping[str, Any]]]
    behaviour: Mapping[str, Any]
    pictures: Mapping[str, tuple[str, ...]]
    card: Card


def read_details(store: ReleaseStore, market: str, release_id: str) -> ReleaseDetails:
    """The details of a release.

    Raises
    ------
    UserError
        Where there is none of that id, or a file of it is missing or broken.
    """
    release = store.open(market, release_id)
    head, provenance = release.head(), release.provenance()
    reports = read_object(release.content / "figures.json").get("regressors", {})
    own = reports.get(head.champion, {})
    names = sorted(reports, key=lambda each: (each != head.champion, each))
    pictures = {name: _pictures(provenance.pages, name) for name in names}
    return ReleaseDetails(
        release=release.id,
        head=head,
        staged_at=provenance.staged_at,
        standings=_standings(reports, head.champion),
        slices={kind: own["slices"][kind] for kind in SLICES if own.get("slices", {}).get(kind)},
        behaviour=own.get("behaviour", {}),
        pictures={name: each for name, each in pictures.items() if each},
        card=card_of(release, store.ledger(market)),
    )


def read_decisions(store: ReleaseStore, market: str, limit: int) -> list[Decision]:
    """The latest ``limit`` lines of the ledger, latest first."""
    return [_decision(line) for line in store.ledger(market)[::-1][:limit]]


def read_picture(store: ReleaseStore, market: str, release_id: str, name: str) -> bytes:
    """A plot by its path below the reports, such as ``catboost/residuals.png``.

    Raises
    ------
    UserError
        Where the release has none of that name, or it is changed.
    """
    release: Release = store.open(market, release_id)
    digest = release.provenance().pages.get(name)
    if digest is None or not name.endswith(PICTURE):
        raise UserError(f"release {release_id} has no picture {name}")
    try:
        data = (release.path / PAGES / name).read_bytes()
    except OSError as error:
        raise UserError(f"release {release_id}: {name}: {error.strerror}") from error
    if sha256_bytes(data) != digest:
        raise UserError(f"release {release_id}: {name} is changed")
    return data


def _standings(reports: Mapping[str, Any], champion: str) -> tuple[Standing, ...]:
    def validation(name: str) -> tuple[bool, float, str]:
        error = reports[name].get("validation", {}).get("mae", {}).get("value")
        return (error is None, error or 0.0, name)

    found = [_standing(name, reports[name], name == champion) for name in reports]
    found.sort(key=lambda each: validation(each.name))
    naive = reports.get(champion, {}).get("naive")
    if naive:
        kinds = _kinds(reports[champion], "naive")
        found.append(Standing(NAIVE, champion=False, figures=naive, kinds=kinds))
    return tuple(found)


def _standing(name: str, report: Mapping[str, Any], champion: bool) -> Standing:
    ranges: Mapping[str, Any] = report.get("ranges") or {}
    return Standing(
        name,
        champion,
        report.get("figures", {}),
        _kinds(report, "figures"),
        coverage=ranges.get("coverage"),
        width=ranges.get("width"),
        unsupported=report.get("unsupported"),
        gap=(report.get("overfit") or {}).get("gap"),
    )


def _kinds(report: Mapping[str, Any], whose: str) -> dict[str, float | None]:
    kinds: Mapping[str, Any] = report.get("stock_types", {})
    return {kind: pair.get(whose, {}).get("mae", {}).get("value") for kind, pair in kinds.items()}


def _pictures(pages: Mapping[str, str], regressor: str) -> tuple[str, ...]:
    """Those of one regressor in the order of :data:`ORDER`, then by name."""
    start = f"{regressor}/"
    names = [
        name.removeprefix(start).removesuffix(PICTURE)
        for name in pages
        if name.startswith(start) and name.endswith(PICTURE)
    ]
    return tuple(sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else 9, name)))


ORDER = (
    "predicted_against_true",
    "residuals",
    "coverage_by_price",
    "importances",
    "training_curves",
)


def _decision(line: Mapping[str, Any]) -> Decision:
    decided: Any = line.get("decision")
    asked: list[Any] = decided.get("reasons", []) if isinstance(decided, dict) else []
    rules = [
        Rule(str(each.get("message", "")), bool(each.get("passed")), bool(each.get("absolute")))
        for each in asked
    ]
    return Decision(
        at=str(line.get("at") or ""),
        event=str(line.get("event") or ""),
        release=str(line.get("release") or ""),
        replaced=str(line.get("replaced") or ""),
        why=why(line),
        rules=tuple(sorted(rules, key=lambda rule: rule.passed)),
    )
