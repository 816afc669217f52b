"""The whole path through the assets: what is kept, what is checked, what is news."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from tests_support import checks, latest_version, materialized

from carprice_assets.artifacts import ArtifactStore
from carprice_assets.defs import launch
from carprice_assets.defs.automation import LISTINGS, training_assets
from carprice_assets.features.registry import NAMES
from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore


def test_a_training_promotes_a_whole_release(trained_home: Home) -> None:
    store = ReleaseStore(trained_home.releases)
    champion = store.champion("small")
    assert champion is not None
    release = store.open("small", champion)
    assert store.verify(release) == []
    assert [line["event"] for line in store.ledger("small")] == ["promoted"]
    assert release.head().champion in {"catboost", "random_forest"}


def test_provenance_names_run_and_data(trained_home: Home, instance: dg.DagsterInstance) -> None:
    store = ReleaseStore(trained_home.releases)
    release = store.open("small", str(store.champion("small")))
    facts = release.provenance().facts
    assert instance.get_run_by_id(facts["run"]) is not None
    assert facts["data_version"] == latest_version(instance, "raw_listings", "small")


def test_the_same_scrape_is_no_news(instance: dg.DagsterInstance, run: object) -> None:
    before = {name: latest_version(instance, name, "small") for name in LISTINGS}
    outcome = run(*LISTINGS)  # type: ignore[operator]
    assert outcome.success
    assert {name: latest_version(instance, name, "small") for name in LISTINGS} == before


def test_every_row_is_accounted_for(instance: dg.DagsterInstance, run: object) -> None:
    outcome = run(*LISTINGS)  # type: ignore[operator]
    found = checks(instance, outcome)
    assert found["listings:accounts_balance"].passed
    assert found["dataset:no_leakage"].passed
    figures = found["listings:accounts_balance"].metadata
    assert figures["raw"].value == sum(
        figures[place].value for place in ("listings", "rejected", "superseded")
    )


def test_a_leak_blocks_the_features(
    trained_home: Home, instance: dg.DagsterInstance, run: object
) -> None:
    from carprice_assets.listings.warehouse import Warehouse

    with Warehouse.of(trained_home).connect() as connection:
        connection.execute(
            "UPDATE vehicles SET side = CASE side WHEN 'train' THEN 'holdout' ELSE 'train' END"
            " WHERE listing_id = (SELECT min(listing_id) FROM vehicles WHERE side = 'holdout')"
        )
    outcome = run("dataset", *NAMES, "feature_set")  # type: ignore[operator]
    assert not outcome.success
    assert not checks(instance, outcome)["dataset:no_leakage"].passed
    assert "make_encoder" not in materialized(instance, outcome)


def test_retraining_on_the_same_data_gives_the_same_release(
    trained_home: Home, instance: dg.DagsterInstance, run: object
) -> None:
    store = ReleaseStore(trained_home.releases)
    champion = store.champion("small")
    outcome = run(*training_assets(["random_forest", "catboost"]))  # type: ignore[operator]
    assert outcome.success
    assert latest_version(instance, "challenger", "small") == champion
    assert store.champion("small") == champion


def test_no_learned_state_knows_the_holdout(trained_home: Home, run: object) -> None:
    """Prices of the hold-out permuted: the same encoders, regressors and choice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    store = ArtifactStore(trained_home.artifacts)
    dataset = store.get(_address(trained_home, "dataset"))
    before = {name: _address(trained_home, name) for name in (*NAMES, "catboost")}
    board = _challenger(trained_home)

    def permuted(folder: Path) -> None:
        for file in dataset.path.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        table = pq.read_table(folder / "holdout.parquet")
        prices = np.random.default_rng(5).permutation(table.column("price").to_numpy())
        place = table.column_names.index("price")
        pq.write_table(
            table.set_column(place, "price", pa.array(prices)), folder / "holdout.parquet"
        )

    changed = store.put(permuted)
    _point(trained_home, "dataset", changed.address)
    assets = [*NAMES, "feature_set", "random_forest", "catboost"]
    outcome = run(*assets, "random_forest_report", "catboost_report", "leaderboard")  # type: ignore[operator]
    launch.require(outcome)
    assert _challenger(trained_home) == board
    states = {
        name: _without_dataset(store.get(_address(trained_home, name)).path) for name in NAMES
    }
    for name in NAMES:
        assert states[name] == _without_dataset(store.get(before[name]).path), name


def _challenger(home: Home) -> str:
    board = ArtifactStore(home.artifacts).get(_address(home, "leaderboard"))
    return json.loads((board.path / "leaderboard.json").read_text())["challenger"]


def _without_dataset(folder: Path) -> tuple[object, dict[str, bytes]]:
    """What a transformer has learned, without the address of the dataset it learned from."""
    head = json.loads((folder / "state.json").read_text())
    head.pop("dataset")
    head.pop("upstream")
    return head, {path.name: path.read_bytes() for path in folder.glob("*.npy")}


def _address(home: Home, asset: str) -> str:
    return json.loads((home.artifacts / "refs" / asset / "small.json").read_text())["address"]


def _point(home: Home, asset: str, address: str) -> None:
    reference = home.artifacts / "refs" / asset / "small.json"
    reference.write_text(json.dumps({"address": address}))


@pytest.mark.parametrize("asset", ["leaderboard", "feature_set"])
def test_an_asset_alone_says_what_it_needs(home: Home, asset: str) -> None:
    from tests_support import add_market

    add_market(home, "small")
    with launch.instance(home) as opened:
        outcome = launch.materialize(opened, "small", [asset])
    assert not outcome.success
