"""What the event log says of the checks behind a release: right run, right data, right market."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from tests_support import add_market

from carprice_assets.defs import launch
from carprice_assets.defs.common import check_spec
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.run_checks import checks_behind
from carprice_assets.errors import UserError
from carprice_assets.home import Home
from carprice_assets.releases.rules import REQUIRED_CHECKS

ASSETS = ("raw_listings", "dataset", "feature_set")
ENDS: dict[str, bool] = {}
VERSIONS: dict[str, str] = {}


def _checks_of(asset: str) -> list[str]:
    return [name.partition(":")[2] for name in REQUIRED_CHECKS if name.startswith(f"{asset}:")]


def _asset(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        partitions_def=market_partitions,
        check_specs=[
            check_spec(each, name, "made up", blocking=False) for each in _checks_of(name)
        ],
    )
    def made():  # type: ignore[no-untyped-def]
        return dg.MaterializeResult(
            data_version=dg.DataVersion(VERSIONS[name]),
            check_results=[
                dg.AssetCheckResult(check_name=each, passed=ENDS.get(each, True))
                for each in _checks_of(name)
            ],
        )

    return made


MADE = [_asset(name) for name in ASSETS]


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    for market in ("aa", "zz"):
        add_market(home, market)
    with launch.instance(home) as opened:
        yield opened


def make(
    instance: dg.DagsterInstance, market: str = "aa", *, broken: str = "", **versions: str
) -> None:
    """Materialize the assets whose data versions are given, one check broken."""
    ENDS.clear()
    VERSIONS.clear()
    ENDS.update({broken: False} if broken else {})
    VERSIONS.update(versions)
    chosen = [each for each, name in zip(MADE, ASSETS, strict=True) if name in versions]
    assert dg.materialize(chosen, instance=instance, partition_key=market).success


def release(data_version: str = "r", address: str = "d", feature_set: str | None = "f") -> Any:
    facts = {} if feature_set is None else {"feature_set": feature_set}
    return SimpleNamespace(
        head=lambda: SimpleNamespace(data={"data_version": data_version, "address": address}),
        provenance=lambda: SimpleNamespace(facts=facts),
    )


def unknown(found: dict[str, bool | None]) -> set[str]:
    return {name for name, passed in found.items() if passed is None}


def test_all_passed(instance: dg.DagsterInstance) -> None:
    make(instance, raw_listings="r", dataset="d", feature_set="f")
    found = checks_behind(instance, "aa", release())
    assert found == dict.fromkeys(REQUIRED_CHECKS, True)


@pytest.mark.parametrize("name", REQUIRED_CHECKS)
def test_a_failed_check_is_found_and_named(instance: dg.DagsterInstance, name: str) -> None:
    broken = name.partition(":")[2]
    make(instance, broken=broken, raw_listings="r", dataset="d", feature_set="f")
    assert checks_behind(instance, "aa", release()) == dict.fromkeys(REQUIRED_CHECKS, True) | {
        name: False
    }


def test_of_other_data_another_market_or_no_run_nothing_is_known(
    instance: dg.DagsterInstance,
) -> None:
    assert unknown(checks_behind(instance, "aa", release())) == set(REQUIRED_CHECKS)
    make(instance, raw_listings="r", dataset="d", feature_set="f")
    assert unknown(checks_behind(instance, "zz", release())) == set(REQUIRED_CHECKS)
    assert unknown(checks_behind(instance, "aa", release("r2", "d2", "f2"))) == set(REQUIRED_CHECKS)
    old = release(feature_set=None)  # staged before its provenance named the feature set
    assert unknown(checks_behind(instance, "aa", old)) == {
        name for name in REQUIRED_CHECKS if name.startswith("feature_set:")
    }


def test_a_damaged_release_has_no_record(instance: dg.DagsterInstance) -> None:
    def head() -> None:
        raise UserError("broken")

    damaged: Any = SimpleNamespace(head=head, provenance=head)
    assert unknown(checks_behind(instance, "aa", damaged)) == set(REQUIRED_CHECKS)


def test_the_newest_run_counts_and_whole_data_stays_whole(instance: dg.DagsterInstance) -> None:
    make(instance, raw_listings="r", dataset="d", feature_set="f")
    make(instance, broken="no_leakage", dataset="d")
    make(instance, broken="crawl_whole", raw_listings="r")  # a later crawl that brought nothing
    found = checks_behind(instance, "aa", release())
    assert found["dataset:no_leakage"] is False
    assert found["raw_listings:crawl_whole"] is True
    make(instance, dataset="d")
    assert checks_behind(instance, "aa", release())["dataset:no_leakage"] is True
