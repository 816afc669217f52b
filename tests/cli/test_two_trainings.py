"""Two markets trained at once by two processes: their fits take turns, and both end well."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import pytest
from tests_support import add_market

from carprice_assets.defs import launch
from carprice_assets.defs.automation import LISTINGS
from carprice_assets.defs.pools import TRAINING_POOL
from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore

pytestmark = pytest.mark.long

CARPRICE = [sys.executable, "-c", "from carprice_assets.cli import main; main()"]
REGRESSORS = ("random_forest", "catboost")
MARKETS = ("aa", "zz")
BEGIN, END = dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS


def fits(instance: dg.DagsterInstance, market: str) -> list[tuple[float, float]]:
    """Begin and end of each regressor's fit in the market's training."""
    found: list[tuple[float, float]] = []
    for run in instance.get_runs(dg.RunsFilter(tags={"dagster/partition": market})):
        times: dict[tuple[str, dg.DagsterEventType], float] = {}
        for entry in instance.all_logs(run.run_id, of_type={BEGIN, END}):
            event = entry.dagster_event
            assert event is not None
            times[str(event.step_key), event.event_type] = entry.timestamp
        found += [(times[n, BEGIN], times[n, END]) for n in REGRESSORS if (n, END) in times]
    return found


def test_fits_of_two_markets_never_overlap(home: Home) -> None:
    for market in MARKETS:
        add_market(home, market)
    with launch.instance(home) as instance:
        instance.event_log_storage.set_concurrency_slots(TRAINING_POOL, 1)
        for market in MARKETS:
            launch.require(launch.materialize(instance, market, LISTINGS))
    words = ["train", "--regressors", ",".join(REGRESSORS), "--market"]
    running = [
        subprocess.Popen([*CARPRICE, *words, market], stderr=subprocess.PIPE, text=True)
        for market in MARKETS
    ]
    ends = [process.communicate(timeout=600)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], ends
    store = ReleaseStore(home.releases)
    assert all(store.champion(market) for market in MARKETS)
    with launch.instance(home) as instance:
        both = [fits(instance, market) for market in MARKETS]
        assert [len(each) for each in both] == [2, 2]
        for begin, end in both[0]:
            assert not any(begin < other_end and other < end for other, other_end in both[1])
        info = instance.event_log_storage.get_concurrency_info(TRAINING_POOL)
        assert info.claimed_slots == []
