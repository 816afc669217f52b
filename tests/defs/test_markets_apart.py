"""Two markets at the gate: what one is refused neither holds the other back nor is hidden by it.

The judgements are made up, everything else is the platform's own check and asset.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from tests_support import add_market

from carprice_assets.defs import launch, promotion
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.resources import Platform, ReleaseIOManagerFactory
from carprice_assets.files import canonical_json
from carprice_assets.home import Home
from carprice_assets.releases.decision import Decision, Reason
from carprice_assets.releases.judging import Judgement
from carprice_assets.releases.overview import overview
from carprice_assets.releases.store import ReleaseStore

BOTH = ("aa", "zz")
GOOD = Reason("r2", True, True, 0.95, 0.9, "R2: 0.95, must be at least 0.9")
BAD = Reason("r2", False, True, 0.5, 0.9, "R2: 0.5, must be at least 0.9")
WORSE = Reason("improvement", False, False, -0.01, 0.0, "MAE 2 against the champion's 1")


def _build(market: str) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        head = {
            "format": 1,
            "market": market,
            "currency": "USD",
            "distance": "mi",
            "champion": "catboost",
            "regressors": ["catboost"],
            "data": {"last_observed": "2026-01-01", "address": "a" * 32},
        }
        (folder / "release.json").write_bytes(canonical_json(head))

    return build


@dg.asset(partitions_def=market_partitions, io_manager_key="release_io")
def challenger(context: dg.AssetExecutionContext, platform: Platform) -> str:
    """A release that nothing answers from."""
    name = context.partition_key
    return platform.releases.stage(name, _build(name), {"run": context.run.run_id}).id


@dataclass
class Gate:
    """A home with two markets, and the reasons that their challengers get."""

    home: Home
    instance: dg.DagsterInstance
    reasons: dict[str, tuple[Reason, ...] | Exception]

    @property
    def store(self) -> ReleaseStore:
        return ReleaseStore(self.home.releases)

    def run(self, market: str) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            [challenger, promotion.promotion_rules, promotion.champion],
            instance=self.instance,
            partition_key=market,
            resources={"platform": Platform(), "release_io": ReleaseIOManagerFactory()},
            raise_on_error=False,
        )

    def check(self, market: str) -> tuple[bool, str] | None:
        """How the newest check of a market ended."""
        key = dg.AssetCheckKey(dg.AssetKey("challenger"), "promotion_rules")
        storage = self.instance.event_log_storage
        for record in storage.get_asset_check_execution_history(key, limit=50):
            event = record.event and record.event.dagster_event
            if event is None or record.partition != market:
                continue
            evaluation: Any = event.event_specific_data
            if isinstance(evaluation, dg.AssetCheckEvaluation):  # else it is only planned
                return evaluation.passed, evaluation.severity.value
        return None


@pytest.fixture
def gate(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    for market in BOTH:
        add_market(home, market)
    with launch.instance(home) as instance:
        found = Gate(home, instance, {})

        def judged(platform: Platform, _: Any, market: str, release: str) -> Judgement:
            reasons = found.reasons[market]
            if isinstance(reasons, Exception):
                raise reasons
            passed = all(reason.passed for reason in reasons)
            serving = platform.releases.champion(market)
            decision = Decision("promoted" if passed else "refused", reasons, {"against": serving})
            return Judgement(decision, None, None, serving)

        monkeypatch.setattr(promotion, "_judge", judged)
        yield found


@pytest.mark.parametrize("first", BOTH)
@pytest.mark.parametrize("refused", BOTH)
def test_a_refusal_neither_holds_nor_is_hidden(gate: Gate, refused: str, first: str) -> None:
    (passed,) = set(BOTH) - {refused}
    gate.reasons = {refused: (BAD,), passed: (GOOD,)}
    order = [first, *(set(BOTH) - {first})]
    success = {market: gate.run(market).success for market in order}
    assert success == {refused: False, passed: True}
    assert gate.check(refused) == (False, "ERROR")
    assert gate.check(passed) == (True, "WARN")
    assert gate.store.champion(refused) is None
    assert gate.store.champion(passed) is not None
    assert [line["event"] for line in gate.store.ledger(refused)] == ["refused"]
    assert [line["event"] for line in gate.store.ledger(passed)] == ["promoted"]
    rows = {row.market: row for row in overview(gate.home, datetime.now(UTC))}
    assert rows[refused].last.startswith("refused")
    assert rows[refused].last.endswith("(r2)")
    assert rows[passed].last.startswith("promoted")


@pytest.mark.parametrize("worse", BOTH)
def test_what_is_merely_not_better_is_a_green_run_of_its_own_market(gate: Gate, worse: str) -> None:
    (passed,) = set(BOTH) - {worse}
    gate.reasons = {worse: (GOOD, WORSE), passed: (GOOD,)}
    assert all(gate.run(market).success for market in BOTH)
    assert gate.check(worse) == (False, "WARN")
    assert gate.check(passed) == (True, "WARN")
    assert gate.store.champion(worse) is None
    assert gate.store.champion(passed) is not None
    assert [line["event"] for line in gate.store.ledger(worse)] == ["refused"]


@pytest.mark.parametrize("broken", BOTH)
def test_a_defect_in_one_market_is_its_own(gate: Gate, broken: str) -> None:
    (passed,) = set(BOTH) - {broken}
    gate.reasons = {broken: RuntimeError("planted"), passed: (GOOD,)}
    success = {market: gate.run(market).success for market in BOTH}
    assert success == {broken: False, passed: True}
    assert gate.store.champion(broken) is None
    assert gate.store.champion(passed) is not None
