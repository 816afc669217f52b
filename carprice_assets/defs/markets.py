"""Partitions: one a market, kept in step with the market files."""

import dagster as dg
from filelock import FileLock

from carprice_assets.home import Home
from carprice_assets.markets import load_markets

market_partitions = dg.DynamicPartitionsDefinition(name="market")
PARTITION_TAG = "dagster/partition"
"""The tag of a run that names its market."""


def synchronise(instance: dg.DagsterInstance, home: Home) -> tuple[list[str], dict[str, str]]:
    """Make the partitions those of the readable market files.

    A market whose file is gone is retired: its partition goes, its history and data stay. A
    broken file leaves its market's partition as it is.

    Returns
    -------
    The names now in place, and for each broken file the line that says why.
    """
    markets, broken = load_markets(home)
    kind = str(market_partitions.name)
    home.dagster.mkdir(parents=True, exist_ok=True)
    with FileLock(home.dagster / ".markets.lock"):  # commands and the sensor read, then write
        existing = set(instance.get_dynamic_partitions(kind))
        if new := sorted(set(markets) - existing):
            instance.add_dynamic_partitions(kind, new)
        for gone in sorted(existing - set(markets) - set(broken)):
            instance.delete_dynamic_partition(kind, gone)
    return sorted(markets), broken
