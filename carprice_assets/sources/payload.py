"""``payload``: JSON Lines of raw payloads in the shape of the marketplace's detail pages.

One line an offer: ``{"listing_id", "url", "scraped_at", "payload": {...}}``, and ``scrape_id``
where one day has several scrapes. The payload alone is stored, verbatim.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from carprice_assets.errors import UserError
from carprice_assets.markets import Market
from carprice_assets.sources.base import Extraction, key, parsed
from carprice_assets.sources.reading import (
    check_file,
    is_parquet,
    json_lines,
    read_text_head,
    telling,
)
from carprice_assets.sources.table import iso_day, store_incoming

if TYPE_CHECKING:
    import duckdb

LINE = ("listing_id", "url", "scraped_at", "scrape_id")
SAME_NAME = (
    "make",
    "model",
    "trim",
    "year",
    "price",
    "msrp",
    "mileage",
    "stock_type",
    "drivetrain",
    "fuel_type",
    "bodystyle",
    "cat",
    "exterior_color",
    "interior_color",
    "vin",
)
KEYS = (*SAME_NAME, "dealer_name", "cpo_indicator")
CERTIFIED = (
    "CASE WHEN lower(p.cpo_indicator) IN ('true', '1', 'yes') AND lower(p.stock_type) = 'used'"
    " THEN 'Certified' ELSE p.stock_type END"
)


class Offer(Protocol):
    """What :func:`write_lines` takes: any object with these attributes."""

    @property
    def listing_id(self) -> str | None: ...
    @property
    def url(self) -> str | None: ...
    @property
    def scraped_at(self) -> date: ...
    @property
    def payload(self) -> Any: ...


@dataclass(frozen=True)
class PayloadFormat:
    """The format of spooled payloads."""

    name: str = "payload"

    def read(
        self,
        con: duckdb.DuckDBPyConnection,
        market: Market,
        path: Path,
        scraped_at: date | None,
    ) -> None:
        """See :meth:`carprice_assets.sources.base.Format.read`."""
        del market
        check_file(path)
        if is_parquet(path):
            raise UserError(f"{path}: is a Parquet file, not JSON Lines of payloads")
        read_text_head(path)
        lines = f"SELECT payload AS line FROM ({json_lines(path)})"
        with telling(path):
            whole = con.execute(
                f"SELECT count(*), count(*) FILTER (json_exists(line, '$.payload')) FROM ({lines})"
            ).fetchall()[0]
        if whole[1] == 0:
            raise UserError(f"{path}: lacks the key payload in all of its {whole[0]:,} lines")
        store_incoming(
            con,
            path,
            self.name,
            "SELECT coalesce(json_extract(line, '$.payload')::VARCHAR, 'null') AS payload,"
            f" {parsed('line', LINE)} AS p FROM ({lines})",
            listing_id="p.listing_id",
            url="p.url",
            day=iso_day("p.scraped_at", scraped_at),
            scrape_id="p.scrape_id",
        )

    def extract(self, market: Market) -> Extraction:
        """See :meth:`carprice_assets.sources.base.Format.extract`."""
        del market
        fields = {name: key(name) for name in SAME_NAME}
        fields |= {"stock_type": CERTIFIED, "dealer": "p.dealer_name"}
        return Extraction(KEYS, fields, {})


def write_lines(path: Path, offers: Iterable[Offer]) -> int:
    """Write offers as a file of this format; returns their number."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for offer in offers:
            line = {
                "listing_id": offer.listing_id,
                "url": offer.url,
                "scraped_at": offer.scraped_at.isoformat(),
                "payload": offer.payload,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
    return count
