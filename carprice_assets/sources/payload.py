"""``payload``: spooled lines whose payloads have the shape of cars.com's detail pages.

The form of a line is told in :mod:`carprice_assets.sources.spool`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from carprice_assets.markets import Market
from carprice_assets.sources.base import Extraction, key
from carprice_assets.sources.spool import read_lines

if TYPE_CHECKING:
    import duckdb

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
        read_lines(con, path, self.name, scraped_at)

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
