"""Reports and searches through the assets: pages, pictures, costs, and what a release carries."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dagster as dg

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.defs import launch
from carprice_assets.evaluation.reporting import read_pages, read_report
from carprice_assets.files import folder_files, read_json
from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore


def latest(home: Home, asset: str) -> Artifact:
    reference = read_json(home.artifacts / "refs" / asset / "small.json")
    return ArtifactStore(home.artifacts).get(reference["address"])


def metadata(instance: dg.DagsterInstance, asset: str) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def test_a_report_is_a_page_with_its_pictures(
    trained_home: Home, instance: dg.DagsterInstance
) -> None:
    artifact = latest(trained_home, "catboost_report")
    linked = re.findall(r"!\[[^]]*\]\(([^)]*)\)", (artifact.path / "report.md").read_text())
    pictures = {path.name for path in artifact.path.glob("*.png")}
    assert set(linked) == pictures >= {"residuals.png", "importances.png", "training_curves.png"}
    assert set(read_pages(artifact)) == pictures | {"report.md"}
    page = metadata(instance, "catboost_report")["report"]
    assert page.count("](data:image/png;base64,") == len(pictures)
    report = read_report(artifact)
    assert report.reference_protocol["removed"] > 0
    for name in ("fit_seconds", "fit_memory", "load_seconds", "one_seconds", "serving_bytes"):
        assert report.costs[name] > 0, name
        assert metadata(instance, "catboost_report")[name] > 0
    board = (latest(trained_home, "leaderboard").path / "leaderboard.txt").read_text()
    assert "Not comparable" in board
    assert "* catboost" in board or "* random_forest" in board


def test_a_release_carries_the_pages_beside_its_content(trained_home: Home) -> None:
    store = ReleaseStore(trained_home.releases)
    champion = store.champion("small")
    assert champion is not None
    release = store.open("small", champion)
    carried = release.head().regressors
    below = set(folder_files(release.path / "reports"))
    assert {name.split("/")[0] for name in below} == set(carried)
    for name in carried:
        pages = read_pages(latest(trained_home, f"{name}_report"))
        assert {f"{name}/{file}" for file in pages} <= below
        assert (release.path / "reports" / name / "report.md").read_bytes() == pages["report.md"]
    assert not [path for path in release.manifest().files if path.endswith((".md", ".png"))]
    figures = read_json(release.content / "figures.json")["regressors"]
    assert not any("costs" in each for each in figures.values())
    assert store.verify(release) == []


def _studies(home: Home) -> list[Path]:
    return sorted((home.artifacts / "studies").rglob("catboost-*.sqlite"))


def test_a_search_is_told_in_log_page_and_picture(
    trained_home: Home, instance: dg.DagsterInstance, run: Any
) -> None:
    before = latest(trained_home, "catboost").address
    config = {"catboost": {"trials": 2}}
    outcome: launch.Outcome = run("catboost", "catboost_report", config=config)
    assert outcome.success, outcome.error
    assert len(_studies(trained_home)) == 1
    searched = latest(trained_home, "catboost")
    head = read_json(searched.path / "regressor.json")
    assert [trial["number"] for trial in head["search"]["trials"]] == [0, 1, 2]
    assert searched.address != before
    lines = [entry.user_message for entry in instance.all_logs(outcome.run_id)]
    assert any("trial 2 of 2: " in line for line in lines)
    assert "search" in metadata(instance, "catboost")
    page = read_pages(latest(trained_home, "catboost_report"))
    assert b"## Search" in page["report.md"]
    assert "search.png" in page
    again: launch.Outcome = run("catboost", config=config)
    assert again.success
    assert latest(trained_home, "catboost").address == searched.address
    lines = [entry.user_message for entry in instance.all_logs(again.run_id)]
    assert any("goes on from 3 trials" in line for line in lines)
    assert not any("trial 1 of 2: " in line for line in lines)


def test_a_search_of_less_than_nothing_is_one_line(trained_home: Home, run: Any) -> None:
    outcome: launch.Outcome = run("catboost", config={"catboost": {"minutes": -1.0}})
    assert not outcome.success
    assert "catboost: a search of 0 trials and -1 minutes" in outcome.error
