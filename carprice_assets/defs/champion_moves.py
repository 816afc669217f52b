"""Moves of a champion that no run made: a rollback, a pack that serves, a restored backup."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from carprice_assets.defs.promotion_facts import all_markets, origin
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.markets import load_markets
from carprice_assets.releases.pointer import Champion
from carprice_assets.releases.store import ReleaseStore

SETTLED = timedelta(seconds=30)
"""Age from which on a move is looked at: the run that made it has reported it by then."""


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the asset `champion` of moves that no run made, such as a rollback by"
    " command, so that its page shows what serves.",
)
def champion_moves(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Compares each pointer with the asset's last materialization; the cursor keeps which were."""
    home, now = Home.current(), datetime.now(UTC)
    store = ReleaseStore(home.releases)
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    told: list[str] = []
    events: list[dg.AssetMaterialization] = []
    for name in sorted(load_markets(home)[0]):
        try:
            pointer = store.pointer(name)
        except (UserError, OSError) as error:
            context.log.error(f"{name}: {error}")
            told.append(f"{name}: {error}")
            continue
        if pointer is None or seen.get(name) == (mark := f"{pointer.sequence} {pointer.release}"):
            continue
        if datetime.fromisoformat(pointer.since) + SETTLED > now:
            continue
        if _last(context.instance, name) != pointer.release:
            events.append(_event(home, store, name, pointer))
            told.append(f"{name}: release {pointer.release} serves")
        seen[name] = mark
    line = "; ".join(told) or "every champion is as its asset says"
    return dg.SensorResult(
        asset_events=events,
        skip_reason=dg.SkipReason(line),
        cursor=json.dumps(seen, sort_keys=True),
    )


def _last(instance: dg.DagsterInstance, market: str) -> str:
    """The release of the asset's last materialization."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey("champion"), asset_partitions=[market])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        made = record.asset_materialization
        if made is not None and "release" in made.metadata:
            return str(made.metadata["release"].value)
    return ""


def _event(
    home: Home, store: ReleaseStore, market: str, pointer: Champion
) -> dg.AssetMaterialization:
    reason = pointer.facts.get("reason")
    told = pointer.event.replace("_", " ") + (f": {reason}" if reason else "")
    facts: dict[str, Any] = {
        "decision": told,
        "status": pointer.event,
        "serves": pointer.release,
        "release": pointer.release,
        "since": pointer.since,
        "replaced": pointer.replaced or "none",
        **origin(store, market, pointer.release),
        "all_markets": all_markets(home),
    }
    return dg.AssetMaterialization(
        asset_key="champion",
        partition=market,
        description=told,
        metadata=facts,
        tags={"dagster/data_version": pointer.release},
    )


@dg.definitions
def champion_move_sensor() -> dg.Definitions:
    """The sensor."""
    return dg.Definitions(sensors=[champion_moves])
