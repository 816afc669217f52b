"""The asset `champion` learns of moves that no run made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from carprice_assets.defs import champion_moves as module
from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore

OTHER = "0" * 32


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        return module.champion_moves(context)


def test_a_move_that_no_run_made_is_told_once(
    trained_home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = str(ReleaseStore(trained_home.releases).champion("small"))
    monkeypatch.setattr(module, "SETTLED", timedelta(0))
    assert tick(instance).asset_events == []
    known = dg.AssetMaterialization("champion", partition="small", metadata={"release": OTHER})
    instance.report_runless_asset_event(known)
    monkeypatch.setattr(module, "SETTLED", timedelta(days=40_000))
    young = tick(instance)
    assert young.asset_events == []
    assert "small" not in young.cursor
    monkeypatch.setattr(module, "SETTLED", timedelta(0))
    moved = tick(instance, young.cursor)
    (event,) = moved.asset_events
    assert (event.partition, event.metadata["serves"].value) == ("small", champion)
    assert event.tags["dagster/data_version"] == champion
    assert champion in moved.skip_reason.skip_message
    assert tick(instance, moved.cursor).asset_events == []


def test_a_broken_pointer_is_told_and_holds_no_other_market_back(
    trained_home: Home, instance: dg.DagsterInstance
) -> None:
    (trained_home.releases / "small" / "champion.json").write_text("{")
    told = tick(instance)
    assert "small: " in told.skip_reason.skip_message
    assert told.asset_events == []
