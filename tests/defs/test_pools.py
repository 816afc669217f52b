"""The regressors' fits take turns over all runs of an instance."""

from __future__ import annotations

from pathlib import Path

import pytest

from carprice_assets.definitions import defs
from carprice_assets.defs import launch, pools
from carprice_assets.home import Home
from carprice_assets.regressors.registry import ALL


@pytest.mark.parametrize(
    ("cores", "memory", "slots"),
    [(2, 8e9, 1), (1, 1e9, 1), (16, 8e9, 2), (16, 64e9, 8), (4, 3.9e9, 1)],
)
def test_slots_by_cores_and_memory(
    monkeypatch: pytest.MonkeyPatch, cores: int, memory: float, slots: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(pools, "_memory", lambda: int(memory))
    assert pools.training_slots() == slots


def test_a_container_s_memory_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "memory.max"
    monkeypatch.setattr(pools, "CGROUP", file)
    whole = pools._memory()
    for text, expected in (("max\n", whole), ("123456789\n", 123_456_789)):
        file.write_text(text)
        assert pools._memory() == expected


def test_every_regressor_is_in_the_pool_and_nothing_else() -> None:
    graph = defs().resolve_asset_graph()  # type: ignore[call-arg]
    found = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if pools.TRAINING_POOL in (graph.get(key).pools or ())
    }
    assert found == set(ALL)


def test_two_markets_fit_in_turn(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "training_slots", lambda: 1)
    with launch.instance(home) as instance:
        storage = instance.event_log_storage
        first = storage.claim_concurrency_slot(pools.TRAINING_POOL, "run-1", "catboost")
        second = storage.claim_concurrency_slot(pools.TRAINING_POOL, "run-2", "catboost")
        assert (first.is_claimed, second.is_claimed) == (True, False)
        storage.free_concurrency_slots_for_run("run-1")
        again = storage.claim_concurrency_slot(pools.TRAINING_POOL, "run-2", "catboost")
        assert again.is_claimed


def test_a_number_of_slots_that_somebody_set_is_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "training_slots", lambda: 2)
    for expected in (2, 5):
        with launch.instance(home) as instance:
            limits = {
                each.name: each.limit for each in instance.event_log_storage.get_pool_limits()
            }
            assert limits[pools.TRAINING_POOL] == expected
            instance.event_log_storage.set_concurrency_slots(pools.TRAINING_POOL, 5)
