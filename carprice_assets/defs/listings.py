"""From raw listings to the dataset: what was scraped, what is clean, what was refused and why."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from carprice_assets.defs.common import (
    OWNERS,
    check_spec,
    one_line_failures,
    progress_to,
)
from carprice_assets.defs.listing_facts import dataset_facts, table_facts
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.resources import Platform, WarehouseResource
from carprice_assets.defs.schemas import column_schema
from carprice_assets.errors import UserError
from carprice_assets.listings import cleaning, raw, split
from carprice_assets.listings.conformity import violations
from carprice_assets.listings.dataset import build, read_head
from carprice_assets.listings.figures import PriceChanges, price_changes, side_figures
from carprice_assets.listings.leaks import leaks
from carprice_assets.sources.practice import write_scrapes

POOL = "warehouse"
REJECTION_LIMIT = 0.5


class ImportConfig(dg.Config):
    """What to take in. Without a path, a market's own simulated source is visited."""

    path: str = ""
    """A file of listings."""
    format: str = ""
    """Its format: carscom-cards, carscom-details, carscom-export, columns or payload."""
    scraped_at: str = ""
    """Day of the scrape as YYYY-MM-DD, where the file does not say."""


@dg.asset(
    partitions_def=market_partitions,
    group_name="listings",
    kinds={"duckdb"},
    owners=OWNERS,
    code_version="1",
    pool=POOL,
    metadata=column_schema("raw_listings"),
)
def raw_listings(
    context: dg.AssetExecutionContext,
    config: ImportConfig,
    platform: Platform,
    warehouse: WarehouseResource,
) -> dg.MaterializeResult[Any]:
    """Verbatim payloads of every scrape, append-only.

    Takes in the file that the run config names, or visits the practice market. The same
    payload twice changes nothing, and a file without one acceptable listing is refused whole.
    The data version is a hash of the content, so an identical scrape is not news.
    """
    name = context.partition_key
    tell = progress_to(context)
    with one_line_failures():
        market = platform.market(name)
        path, file_format = Path(config.path), config.format
        if bool(config.path) != bool(config.format):
            raise UserError("raw_listings: 'path' and 'format' of the run config go together")
        if not config.path and "practice" in market.sources:
            path, file_format = write_scrapes(market, platform.home.spool, tell), "payload"
        if not file_format:
            raise UserError(
                f"raw_listings of {name}: state 'path' and 'format' in the run config (only a"
                " market with [sources.practice] needs none)"
            )
        day = _day(config.scraped_at)
        with warehouse.get_connection(f"raw_listings of {name}", tell) as connection:
            appended = raw.append(connection, market, file_format, path, day)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(appended.data_version),
        metadata={
            "rows_read": appended.read,
            "rows_new": appended.new,
            "rows_known": appended.known,
            "dagster/row_count": appended.total,
            "format": file_format,
        },
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise UserError(f"scraped_at {text!r} is no date of the form YYYY-MM-DD") from None
    if day is not None and day > date.today() + timedelta(days=1):
        # Rows of a day to come would supersede every later scrape, and raw rows are for ever.
        raise UserError(f"scraped_at {text} lies in the future")
    return day


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
                sums = cleaning.accounts(connection, market)
                broken = violations(connection, market)
                changes = price_changes(connection, market)
                yield from _tables(chosen, summary, sums, broken, changes)
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
            )
        ],
    )


def _tables(
    chosen: set[str],
    summary: cleaning.CleaningSummary,
    accounts: dict[str, int],
    broken: dict[str, int],
    changes: PriceChanges,
) -> Iterator[dg.MaterializeResult[Any]]:
    seen = max(summary.listings + summary.rejected, 1)
    balanced = accounts["raw"] == sum(
        accounts[place] for place in ("listings", "rejected", "superseded")
    ) and not (accounts["twice"] or accounts["strays"] or accounts["lost"])
    facts = table_facts(summary, changes)
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
