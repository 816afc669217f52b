"""Releases of a market and the lines of its ledger, as the API tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carprice_assets.errors import UserError
from carprice_assets.releases.release import Release
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.strict import read_object
from carprice_serving.schemas import Event, ReleaseFacts, Releases

FIGURES = ("rows", "r2", "r2_log", "rmse", "mae", "mape", "median_error", "coverage")


def read_releases(store: ReleaseStore, market: str, limit: int) -> Releases:
    """The latest ``limit`` releases, damaged ones too, and as many lines of the ledger.

    Raises
    ------
    UserError
        Where the pointer cannot be read.
    """
    champion = store.champion(market)
    latest = store.list(market)[::-1][:limit]
    events = [_event(line) for line in store.ledger(market)[::-1][:limit]]
    return Releases(market, [_facts(release, champion) for release in latest], events)


def _facts(release: Release, champion: str | None) -> ReleaseFacts:
    serves = release.id == champion
    try:
        head, provenance = release.head(), release.provenance()
        figures = read_object(release.content / "figures.json").get("regressors", {})
        facts = provenance.facts
        return ReleaseFacts(
            release=release.id,
            champion=serves,
            staged_at=provenance.staged_at,
            regressor=head.champion,
            regressors=head.regressors,
            last_observed=head.last_observed,
            data_version=_text(facts.get("data_version")),
            run=_text(facts.get("run")),
            figures=_figures(figures.get(head.champion, {})),
            problem=None,
        )
    except UserError as error:
        # Where it lies on this machine is none of a client's business.
        told = str(error).replace(str(release.path), release.id)
        return ReleaseFacts(release.id, serves, None, None, (), None, None, None, {}, told)


def _figures(report: Mapping[str, Any]) -> dict[str, float]:
    have: Mapping[str, Any] = report.get("figures", {})
    # Each with its bootstrap interval, but for counts.
    values = {
        name: each.get("value") if isinstance(each := have.get(name), dict) else each
        for name in FIGURES
    }
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _event(line: Mapping[str, Any]) -> Event:
    decision: Any = line.get("decision")
    reasons: list[Any] = decision.get("reasons", []) if isinstance(decision, dict) else []
    broken = [str(each.get("message")) for each in reasons if not each.get("passed")]
    given = [str(line["reason"])] if line.get("reason") else []
    return Event(
        at=_text(line.get("at")),
        event=str(line.get("event", "")),
        release=_text(line.get("release")),
        replaced=_text(line.get("replaced")),
        reasons=(*given, *broken),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
