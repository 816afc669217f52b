"""From raw listings to the dataset: what is clean, what was refused and why, and the sides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from carprice_assets.defs.common import (
    OWNERS,
    check_spec,
    one_line_failures,
    progress_to,
)
from carprice_assets.defs.drift_check import CHECK as FEATURE_DRIFT
from carprice_assets.defs.drift_check import drift_result
from carprice_assets.defs.listing_facts import dataset_facts, table_facts
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.raw_listings import POOL
from carprice_assets.defs.resources import Platform, WarehouseResource
from carprice_assets.defs.schemas import column_schema
from carprice_assets.errors import UserError
from carprice_assets.listings import cleaning, split
from carprice_assets.listings.conformity import violations
from carprice_assets.listings.dataset import build, read_head
from carprice_assets.listings.figures import price_changes, side_figures
from carprice_assets.listings.leaks import leaks
from carprice_assets.listings.price_moves import price_moves_by_day, recent_changes

REJECTION_LIMIT = 0.5
CHANGES_SHOWN = 10


TABLES = {
    "listings": ("raw_listings", "Typed, clean cars: one row a listing with its latest state."),
    "rejected_listings": (
        "raw_listings",
        "Latest rows that cannot be priced or learned from, each with its reason code.",
    ),
    "price_history": ("raw_listings", "Every change of an asking price, over all scrapes."),
    "dataset": (
        "listings",
        "Listings on four sides, by vehicle: train, validation, calibration, holdout. Parquet.\n\n"
        "A vehicle's side is a hash of its name and the market's salt, for ever. The check"
        " `no_leakage` blocks everything below where a vehicle stands on two sides or has"
        " changed side.",
    ),
}


def _specs() -> list[dg.AssetSpec]:
    specs: list[dg.AssetSpec] = []
    for name, (upstream, description) in TABLES.items():
        spec = dg.AssetSpec(
            name,
            deps=[upstream],
            description=description,
            group_name="listings",
            kinds={"parquet"} if name == "dataset" else {"duckdb"},
            owners=OWNERS,
            code_version="1",
            skippable=True,
            partitions_def=market_partitions,
            metadata=column_schema(name),
        )
        specs.append(spec.with_io_manager_key("artifact_io") if name == "dataset" else spec)
    return specs


@dg.multi_asset(
    name="listing_tables",
    specs=_specs(),
    can_subset=True,
    pool=POOL,
    check_specs=[
        check_spec(
            "accounts_balance",
            "listings",
            "Raw rows = listings + rejected + superseded, counted anew from the tables.",
            blocking=True,
        ),
        check_spec(
            "contract_kept",
            "listings",
            "No stored listing breaks a rule of the contract: required fields, ranges, words.",
            blocking=True,
        ),
        check_spec(
            "rejection_rate",
            "rejected_listings",
            f"At most {REJECTION_LIMIT:.0%} of the listings that were seen are rejected.",
            blocking=False,
        ),
        check_spec(
            "no_leakage",
            "dataset",
            "No vehicle stands on two sides, and none ever changed its side.",
            blocking=True,
        ),
        check_spec(
            FEATURE_DRIFT,
            "dataset",
            "The cars that came since the champion's data are of its kinds and prices: no feature's"
            " population stability index is above `training.max_drift`. Above it, a training is"
            " due with fewer new listings.",
            blocking=False,
        ),
    ],
)
def listing_tables(
    context: dg.AssetExecutionContext, platform: Platform, warehouse: WarehouseResource
) -> Iterator[dg.MaterializeResult[Any]]:
    """Cleaning and splitting, in SQL inside DuckDB, one step for the four tables."""
    chosen = {key.to_user_string() for key in context.selected_asset_keys}
    tell = progress_to(context)
    with one_line_failures():
        market = platform.market(context.partition_key)
        with warehouse.get_connection(f"cleaning {market.name}", tell) as connection:
            if chosen - {"dataset"}:
                summary = cleaning.rebuild(connection, market)
                tell(f"{summary.listings:,} listings, {summary.rejected:,} rejected")
                for line in summary.repairs.lines(summary.listings):
                    tell(line)
                sums = cleaning.accounts(connection, market)
                broken = violations(connection, market)
                facts = table_facts(
                    summary,
                    price_changes(connection, market),
                    price_moves_by_day(connection, market),
                    recent_changes(connection, market, CHANGES_SHOWN),
                )
                yield from _tables(chosen, summary, sums, broken, facts)
            if "dataset" not in chosen:
                return
            assigned = split.assign(connection, market)

            def write(folder: Path) -> None:
                build(connection, market, folder)

            artifact = platform.artifacts.put(write)
            found = leaks(connection, market, artifact.path)
            sides = side_figures(connection, market)
    head = read_head(artifact.path)
    tell(", ".join(f"{side} {count:,}" for side, count in head["counts"].items()))
    yield dg.MaterializeResult(
        asset_key="dataset",
        value=artifact,
        data_version=dg.DataVersion(artifact.address),
        metadata={
            **dataset_facts(head, sides),
            **(column_schema("dataset", market.features) if market.features else {}),
            "vehicles": assigned.vehicles,
            "newly_set_aside": assigned.newly_set_aside,
            "bytes": artifact.size,
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="no_leakage",
                asset_key="dataset",
                passed=not found,
                metadata={"leaks": len(found), "first": "; ".join(found[:5]) or "none"},
            ),
            drift_result(platform, market, artifact),
        ],
    )


def _tables(
    chosen: set[str],
    summary: cleaning.CleaningSummary,
    accounts: dict[str, int],
    broken: dict[str, int],
    facts: dict[str, dict[str, Any]],
) -> Iterator[dg.MaterializeResult[Any]]:
    seen = max(summary.listings + summary.rejected, 1)
    balanced = accounts["raw"] == sum(
        accounts[place] for place in ("listings", "rejected", "superseded")
    ) and not (accounts["twice"] or accounts["strays"] or accounts["lost"])
    checks = {
        "listings": [
            dg.AssetCheckResult(
                check_name="accounts_balance",
                asset_key="listings",
                passed=balanced,
                metadata=dict(accounts),
            ),
            dg.AssetCheckResult(
                check_name="contract_kept",
                asset_key="listings",
                passed=not broken,
                metadata={"broken": dict(broken)},
            ),
        ],
        "rejected_listings": [
            dg.AssetCheckResult(
                check_name="rejection_rate",
                asset_key="rejected_listings",
                passed=summary.rejected / seen <= REJECTION_LIMIT,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"share": summary.rejected / seen, "limit": REJECTION_LIMIT},
            )
        ],
    }
    for name in ("listings", "rejected_listings", "price_history"):
        if name in chosen:
            yield dg.MaterializeResult(
                asset_key=name,
                data_version=dg.DataVersion(summary.data_version),
                metadata=facts[name],
                check_results=checks.get(name, []),
            )
    # The dataset is made in this same step, so the checks alone could not hold it back.
    if not balanced:
        raise UserError(f"listings: the accounts do not balance: {accounts}")
    if broken:
        raise UserError(f"listings: the contract is broken: {broken}")
