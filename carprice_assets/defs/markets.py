"""Partitions: one a market, kept in step with the market files."""

import dagster as dg

from carprice_assets.home import Home
from carprice_assets.markets import load_markets

market_partitions = dg.DynamicPartitionsDefinition(name="market")


def synchronise(instance: dg.DagsterInstance, home: Home) -> tuple[list[str], dict[str, str]]:
    """Make the partitions those of the readable market files.

    A market whose file is gone is retired: its partition goes, its history and data stay. A
    broken file leaves its market's partition as it is.

    Returns
    -------
    The names now in place, and for each broken file the line that says why.
    """
    markets, broken = load_markets(home)
    existing = set(instance.get_dynamic_partitions(str(market_partitions.name)))
    if new := sorted(set(markets) - existing):
        instance.add_dynamic_partitions(str(market_partitions.name), new)
    for gone in sorted(existing - set(markets) - set(broken)):
        instance.delete_dynamic_partition(str(market_partitions.name), gone)
    return sorted(markets), broken
