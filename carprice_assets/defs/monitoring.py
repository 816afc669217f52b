"""What the service was asked, taken into the warehouse."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from carprice_assets.defs.common import OWNERS, one_line_failures, progress_to
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.raw_listings import POOL
from carprice_assets.defs.resources import Platform, WarehouseResource
from carprice_assets.home import Home
from carprice_assets.listings.served import figures, take_in, waiting
from carprice_assets.markets import load_markets

COLUMNS = (
    ("market", "text", "Market that was asked."),
    ("id", "text", "Names one car of one answer."),
    ("answered_at", "timestamp", "Moment of the answer, UTC."),
    ("release", "text", "Release that answered."),
    ("regressor", "text", "Regressor that answered."),
    ("as_of", "date", "Day that the valuation holds for."),
    ("make", "text", "As it was sent."),
    ("model", "text", "As it was sent."),
    ("car", "json", "Fields of the car as they were sent, without VIN and dealer."),
    ("price", "double", "In the market's currency; null where there is none."),
    ("low", "double", "Lower end of the range."),
    ("high", "double", "Upper end of the range."),
    ("coverage", "double", "Share of such cars' prices that the range holds."),
    ("supported", "boolean", "False where nothing like the car was learned from."),
    ("warnings", "text[]", "Codes and fields of the warnings."),
    ("errors", "text[]", "Codes and fields of the errors."),
)


@dg.asset(
    partitions_def=market_partitions,
    group_name="monitoring",
    kinds={"duckdb"},
    owners=OWNERS,
    code_version="1",
    pool=POOL,
    metadata={
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, kind, doc) for name, kind, doc in COLUMNS]
        )
    },
)
def served_valuations(
    context: dg.AssetExecutionContext, platform: Platform, warehouse: WarehouseResource
) -> dg.MaterializeResult[Any]:
    """Cars that the HTTP service was asked for and what it answered, without client data.

    The service writes them to `spool/served.valuations/`; each file is taken in exactly once.
    """
    market, tell = context.partition_key, progress_to(context)
    with (
        one_line_failures(),
        warehouse.get_connection(f"served valuations of {market}", tell) as connection,
    ):
        taken = take_in(connection, platform.home.spool, market, tell)
        found = figures(connection, market)
    shares = {
        f"{name}_share": found[name] / found["cars"] if found["cars"] else 0.0
        for name in ("unsupported", "imputed")
    }
    moments = {name: str(found.pop(name)) for name in ("first", "last")}
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": found["cars"],
            "new_files": taken.files,
            "new_cars": taken.cars,
            **found,
            **shares,
            **(moments if found["cars"] else {}),
        }
    )


take_in_served = dg.define_asset_job(
    "take_in_served",
    selection=dg.AssetSelection.assets("served_valuations"),
    description="Takes what the service was asked into the warehouse.",
)


@dg.sensor(
    job=take_in_served,
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in what the HTTP service was asked, where any of it waits in the spool.",
)
def served_spool(_context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run for each market of which whole files wait."""
    spool = Home.current().spool
    markets, _ = load_markets(Home.current())
    names = [name for name in sorted(markets) if waiting(spool, name)]
    yield from (dg.RunRequest(partition_key=name) for name in names)
    if not names:
        yield dg.SkipReason("no answers wait in the spool")
