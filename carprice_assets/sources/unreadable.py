"""``unreadable``: spooled lines of pages that must not be taken for a car.

The payload says why: ``{"fault": code, "detail": words, "url": address}``; the codes are those
of ``carprice_assets.listings.rejections``. Cleaning rejects each of these rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from carprice_assets.markets import Market
from carprice_assets.sources.base import Extraction
from carprice_assets.sources.spool import read_lines

if TYPE_CHECKING:
    import duckdb

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class UnreadableFormat:
    """The format of spooled faults."""

    name: str = UNREADABLE

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
        fields = {
            "page_fault": "coalesce(nullif(trim(p.fault), ''), 'no fault named')",
            "page_detail": "coalesce(nullif(trim(p.detail), ''), p.url)",
        }
        return Extraction(("fault", "detail", "url"), fields, {})
