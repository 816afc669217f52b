"""What comes in: visits to the market's sites, and files of listings."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from duckdb import DuckDBPyConnection

from carprice_assets.defs.common import OWNERS, check_spec, one_line_failures, progress_to
from carprice_assets.defs.crawl_facts import crawl_checks, crawl_facts, no_crawl
from carprice_assets.defs.markets import market_partitions
from carprice_assets.defs.resources import Platform, WarehouseResource
from carprice_assets.defs.schemas import column_schema
from carprice_assets.errors import UserError
from carprice_assets.listings import raw
from carprice_assets.listings.scraping import scrape
from carprice_assets.markets import Market, Site
from carprice_assets.sources.practice import write_scrapes

POOL = "warehouse"


class ScrapeConfig(dg.Config):
    """What to take in. Without a path, the market's sites are visited."""

    path: str = ""
    """A file of listings."""
    format: str = ""
    """Its format: carscom-cards, carscom-details, carscom-export, columns or payload."""
    scraped_at: str = ""
    """Day of the scrape as YYYY-MM-DD, where the file does not say."""
    sites: list[str] = []  # noqa: RUF012  # Dagster copies it
    """Sites to visit; all of the market's by default."""
    full: bool = False
    """Fetch every detail page, also those that are known and whose card is the same."""


# In no pool: a crawl may take days, and the warehouse is open for two short steps of it alone,
# which the warehouse's own lock keeps apart.
@dg.asset(
    partitions_def=market_partitions,
    group_name="listings",
    kinds={"duckdb", "playwright"},
    owners=OWNERS,
    code_version="2",
    metadata=column_schema("raw_listings"),
    check_specs=[
        check_spec(
            "layout_drift",
            "raw_listings",
            "A crawl's payloads lack no key field much oftener than those of the scrapes before."
            " Where they do, the site has changed its pages: the crawl is held, not taken in.",
            blocking=True,
        ),
        check_spec(
            "crawl_whole",
            "raw_listings",
            "The crawl was not refused, few of its pages failed, and it saw at least half of the"
            " listings that the last complete crawls saw.",
            blocking=True,
        ),
    ],
)
def raw_listings(
    context: dg.AssetExecutionContext,
    config: ScrapeConfig,
    platform: Platform,
    warehouse: WarehouseResource,
):  # Dagster reads an annotation as the one output, without the checks
    """Verbatim payloads of every scrape, append-only.

    Crawls the market's sites, or takes in the file that the run config names. Known listings are
    fetched again only when their card changed or they have grown old. The same payload twice
    changes nothing, and a file without one acceptable listing is refused whole. The data version
    is a hash of the content, so an identical scrape is not news.
    """
    tell = progress_to(context)
    with one_line_failures():
        market = platform.market(context.partition_key)

        def connect(what: str) -> AbstractContextManager[DuckDBPyConnection]:
            return warehouse.get_connection(f"{what} ({market.name})", tell)

        if config.path or config.format or not market.sites():
            with_path = _file(config, market, platform, tell)
            with connect("an import") as connection:
                appended = raw.append(connection, market, *with_path)
            return _file_result(appended, with_path[0])
        started_at = datetime.now(UTC)
        taken = [
            scrape(
                connect,
                market,
                site,
                platform.home.spool,
                started_at=started_at,
                full=config.full,
                tell=tell,
            )
            for site in _sites(market, config.sites)
        ]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(taken[-1].data_version),
        metadata=crawl_facts(taken),
        check_results=crawl_checks(taken),
    )


def _sites(market: Market, names: Sequence[str]) -> list[Site]:
    """The sites called ``names``; all where none is named."""
    known = market.sites()
    if unknown := [name for name in names if name not in known]:
        raise UserError(
            f"market {market.name}: no site {unknown[0]!r}: there are {', '.join(known)}"
        )
    return [known[name] for name in names or known]


def _file(
    config: ScrapeConfig, market: Market, platform: Platform, tell: Callable[[str], None]
) -> tuple[str, Path, date | None]:
    """Format, path and day of what to take in."""
    if bool(config.path) != bool(config.format):
        raise UserError("raw_listings: 'path' and 'format' of the run config go together")
    if config.path:
        return config.format, Path(config.path), _day(config.scraped_at)
    if "practice" not in market.sources:
        raise UserError(
            f"raw_listings of {market.name}: state 'path' and 'format' in the run config, or a"
            " site in the market's file ([sources.<name>] with an adapter)"
        )
    return "payload", write_scrapes(market, platform.home.spool, tell), None


def _file_result(appended: raw.Appended, file_format: str) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(
        data_version=dg.DataVersion(appended.data_version),
        metadata={
            "rows_read": appended.read,
            "rows_new": appended.new,
            "rows_known": appended.known,
            "dagster/row_count": appended.total,
            "format": file_format,
        },
        check_results=no_crawl(),
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
