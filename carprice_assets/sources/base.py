"""What every source gives: raw listings, verbatim, and how to read fields out of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from carprice_assets.markets import Market

if TYPE_CHECKING:
    import duckdb

TEXT_FIELDS = (
    "title",  # year, make, model and trim run together
    "make",
    "model",
    "model_trim",  # model and trim run together
    "trim",
    "year",
    "price",
    "currency",  # of the price, where the source states one
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
    "dealer",
)
"""The raw text that cleaning reads, whatever the source."""

PAGE_FIELDS = ("page_fault", "page_detail")
"""Why a crawled page is no car, and the words to it; of the format ``unreadable`` alone."""

FACTORS = ("price_factor", "msrp_factor", "mileage_factor")
"""What a source's numbers are multiplied by to stand in the market's units."""


@dataclass(frozen=True)
class RawListing:
    """One offer as one scrape has seen it, nothing changed.

    Attributes
    ----------
    market, source
        Names of the market and of the format.
    scrape_id
        One visit to the source.
    scraped_at
        Day of the scrape, from the source or the caller, never today's date by default.
    listing_id, url
        The marketplace's id and address of the offer; None where the row has none.
    payload
        The verbatim row.
    """

    market: str
    source: str
    scrape_id: str
    scraped_at: date
    listing_id: str | None
    url: str | None
    payload: Mapping[str, Any]


class Format(Protocol):
    """An adapter of one file format.

    Its work is SQL that DuckDB runs, so that rows never pass through Python.
    """

    @property
    def name(self) -> str:
        """The format's name on the command line and in ``raw_listings.source``."""
        ...

    def read(
        self,
        con: duckdb.DuckDBPyConnection,
        market: Market,
        path: Path,
        scraped_at: date | None,
    ) -> None:
        """Read a file into the temporary table ``incoming``.

        Its columns: ``source TEXT, scrape_id TEXT, scraped_at DATE, listing_id TEXT, url TEXT,
        seq BIGINT, payload TEXT`` (JSON of the verbatim row), ``row_hash UHUGEINT``.
        ``scraped_at`` stands in where the file gives no date.

        Raises
        ------
        UserError
            Where the file cannot be read as this format, in one line that names it.
        """
        ...

    def extract(self, market: Market) -> Extraction:
        """How the raw fields are read out of a payload."""
        ...


@dataclass(frozen=True)
class Extraction:
    """SQL that reads raw fields out of payloads.

    Attributes
    ----------
    keys
        Keys of the payload that ``fields`` uses; they become the struct ``p`` of text.
    fields
        Raw field (of :data:`TEXT_FIELDS` or :data:`PAGE_FIELDS`) to SQL over ``p``; absent ones
        are NULL.
    factors
        Of :data:`FACTORS`, those that are not 1.
    currency
        What a price that names no currency is in, and must be in where it names one;
        None for the market's own.
    parse
        SQL that makes ``p`` of ``payload`` in another way than by ``keys``; '' for none.
    """

    keys: tuple[str, ...]
    fields: Mapping[str, str]
    factors: Mapping[str, float]
    currency: str | None = None
    parse: str = ""

    def select(self, rows: str, kept: str) -> str:
        """A SELECT of ``kept`` columns, all raw fields and factors from the table ``rows``."""
        texts = ",\n  ".join(
            f"nullif(trim({self.fields.get(name, 'NULL')}), '') AS {name}_text"
            for name in TEXT_FIELDS + PAGE_FIELDS
        )
        factors = ", ".join(
            f"{self.factors.get(name, 1.0)!r}::DOUBLE AS {name}" for name in FACTORS
        )
        return (
            f"SELECT {kept},\n  {texts},\n  {factors}\n"
            f"FROM (SELECT *, {self.parse or parsed('payload', self.keys)} AS p FROM {rows})"
        )


Registry = Mapping[str, Format]


def quoted(name: str) -> str:
    """``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """``text`` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def key(name: str) -> str:
    """The value of a payload's key, as text."""
    return f"p.{quoted(name)}"


def parsed(column: str, keys: tuple[str, ...]) -> str:
    """SQL for the struct of a JSON column's ``keys``, each as text or NULL.

    A payload that is no object gives a struct of NULLs.
    """
    return f"from_json({column}, {literal(json.dumps(dict.fromkeys(keys, 'VARCHAR')))})"
