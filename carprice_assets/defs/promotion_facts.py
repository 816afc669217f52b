"""What the UI shows of a decision, of a release and of all champions."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from carprice_assets.defs.common import markdown_table
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.releases.decision import Decision
from carprice_assets.releases.overview import overview
from carprice_assets.releases.store import ReleaseStore


def decision_facts(decision: Decision, release: str, champion: str | None) -> dict[str, Any]:
    """The decision on ``release`` with every rule; ``champion`` served then."""
    return {
        "decision": decision.line,
        "release": release,
        "compared_with": champion or "none: the market had no champion",
        "rules": _reasons(decision),
        **({"shadow": decision.facts["shadow"]} if "shadow" in decision.facts else {}),
    }


def origin(store: ReleaseStore, market: str, release: str) -> dict[str, Any]:
    """The run and the data that a release came from; nothing where it does not say."""
    try:
        found = store.open(market, release)
        data, facts = found.head().data, found.provenance().facts
    except UserError:
        return {}
    told: dict[str, Any] = {"last_observed": data["last_observed"]}
    if isinstance(facts.get("run"), str):
        told["trained_by_run"] = dg.MetadataValue.dagster_run(facts["run"])
    for key, value in (("data_version", data.get("data_version")), ("dataset", data["address"])):
        if value:
            told[key] = str(value)
    return told


def all_markets(home: Home) -> Any:
    """Champions of all markets, their age, figures and last decisions."""
    return markdown_table([row.cells() for row in overview(home, datetime.now(UTC))])


def _reasons(decision: Decision) -> Any:
    return markdown_table(
        [
            {
                "passed": "yes" if reason.passed else "**no**",
                "what": reason.message,
                "figure": "–" if reason.figure is None else f"{reason.figure:.6g}",
                "limit": "–" if reason.limit is None else f"{reason.limit:.6g}",
                "absolute": "yes" if reason.absolute else "",
                "rule": reason.rule,
            }
            for reason in decision.reasons
        ]
    )
