"""``columns``: any CSV, Parquet or JSON Lines file, mapped in the market's TOML.

``[sources.columns]`` names the file's column for each listing field, with units and currency
where they are not the market's. Without a ``listing_id`` the VIN stands for it, else the hash
of the row; without ``scraped_at`` (or ``observed_at``) the caller states the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carprice_assets.errors import UserError
from carprice_assets.markets import Market
from carprice_assets.sources.base import TEXT_FIELDS, Extraction, key
from carprice_assets.sources.table import TableFormat, vin_or_row

if TYPE_CHECKING:
    import duckdb

OTHER_FIELDS = ("listing_id", "url", "scraped_at", "observed_at")
FACTORED = ("price", "msrp", "mileage")


@dataclass(frozen=True)
class ColumnsFormat:
    """The format whose columns the market's TOML states."""

    name: str = "columns"

    def read(
        self,
        con: duckdb.DuckDBPyConnection,
        market: Market,
        path: Path,
        scraped_at: date | None,
    ) -> None:
        """See :meth:`carprice_assets.sources.base.Format.read`."""
        mapped_table(market).read(con, market, path, scraped_at)

    def extract(self, market: Market) -> Extraction:
        """See :meth:`carprice_assets.sources.base.Format.extract`."""
        return mapped_table(market).extract(market)


def mapped_table(market: Market) -> TableFormat:
    """The table format that a market's ``[sources.columns]`` describes.

    Raises
    ------
    UserError
        Where the mapping is missing or names a field that listings do not have.
    """
    mapping = market.columns()
    own = {feature.name for feature in market.features}
    for name in mapping:
        if name not in TEXT_FIELDS + OTHER_FIELDS and name not in own:
            raise UserError(
                f"market {market.name}: sources.columns.{name}: no such field; there are"
                f" {', '.join(TEXT_FIELDS + OTHER_FIELDS)}, and the features that it declares"
            )
    texts = {name: key(to.column) for name, to in mapping.items()}
    vin = texts.get("vin", "NULL::VARCHAR")
    return TableFormat(
        name="columns",
        columns=tuple(dict.fromkeys(to.column for to in mapping.values())),
        listing_id=texts.get("listing_id", vin_or_row(vin)),
        url=texts.get("url", "NULL"),
        scraped_at=texts.get("scraped_at", texts.get("observed_at")),
        fields={name: text for name, text in texts.items() if name in TEXT_FIELDS},
        factors={f"{name}_factor": mapping[name].factor for name in FACTORED if name in mapping},
        currency=_stated_currency(market),
    )


def _stated_currency(market: Market) -> str | None:
    price: Any = market.sources["columns"].get("price")
    return price.get("currency") if isinstance(price, dict) else None
