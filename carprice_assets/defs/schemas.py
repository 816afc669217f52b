"""Column schemas of the tables, as the UI shows them."""

from collections.abc import Mapping, Sequence

import dagster as dg

from carprice_assets.listings.contract import BY_NAME, FIELDS, Field
from carprice_assets.listings.dataset import DATASET_FIELDS
from carprice_assets.listings.declared import fields_of
from carprice_assets.listings.rejections import REASONS
from carprice_assets.markets import DeclaredFeature

TYPES = {"number": "double", "text": "text", "category": "text", "date": "date"}
UNITS = {"currency": "in the market's currency", "distance": "in the market's unit of distance"}
SOURCE = ("source", "text", "name of the file format that the row came in", True)
ROW_HASH = ("row_hash", "uhugeint", "MD5 of the raw row, the key of raw_listings", True)


def _column(name: str, kind: str, doc: str, required: bool = False) -> dg.TableColumn:
    constraints = dg.TableColumnConstraints(nullable=not required)
    return dg.TableColumn(name, kind, _sentence(doc), constraints)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _field(field: Field) -> dg.TableColumn:
    """A column of the Listing contract, with its unit, its words or its range."""
    said = field.doc
    if field.unit in UNITS:
        said += f", {UNITS[field.unit]}"
    elif field.name not in BY_NAME and field.unit:
        said += f", in {field.unit}"
    limits: list[str] = []
    if field.values:
        limits.append("one of " + ", ".join(field.values))
    if field.low > float("-inf"):
        limits.append(f">= {field.low:,.0f}" if field.name != "year" else f">= {field.low:.0f}")
    if field.high < float("inf"):
        limits.append(f"<= {field.high:,.0f}" if field.name != "year" else f"<= {field.high:.0f}")
    return dg.TableColumn(
        field.name,
        TYPES[field.kind],
        _sentence(said),
        dg.TableColumnConstraints(nullable=not field.required, other=limits),
    )


_CONTRACT = [_field(field) for field in FIELDS]

SCHEMAS: Mapping[str, dg.TableSchema] = {
    "raw_listings": dg.TableSchema(
        [
            _column(*SOURCE),
            _column("scrape_id", "text", "one visit to the source", True),
            _column("scraped_at", "date", "day of that visit", True),
            _column("listing_id", "text", "the marketplace's id; none where the row is no offer"),
            _column("url", "text", "address of the offer"),
            _column("seq", "bigint", "number of the row in its file, from 1", True),
            _column("payload", "json", "the row as it came, word for word", True),
            _column("row_hash", "uhugeint", "MD5 of all of the row; no two rows share it", True),
        ]
    ),
    "listings": dg.TableSchema(
        [
            *_CONTRACT,
            _column(*SOURCE),
            _column(*ROW_HASH),
            _column("numbers", "map", "numbers that the market declares, by name"),
            _column("words", "map", "categories that the market declares, by name"),
        ]
    ),
    "rejected_listings": dg.TableSchema(
        [
            _column(*ROW_HASH),
            _column(*SOURCE),
            _column("scraped_at", "date", "day of the scrape", True),
            _column("listing_id", "text", "the marketplace's id, where it has one"),
            _column("url", "text", "address of the offer"),
            _column("reason", "text", "one of " + ", ".join(REASONS), True),
            _column("detail", "text", "the raw text that broke the rule"),
        ]
    ),
    "price_history": dg.TableSchema(
        [
            _column("listing_id", "text", "the marketplace's id", True),
            _column("observed_at", "date", "day of the first scrape with this price", True),
            _column("price", "double", "asking price, in the market's currency", True),
            _column("change", "double", "difference to the price before; none in the first row"),
        ]
    ),
    "dataset": dg.TableSchema(
        [
            *(_field(field) for field in DATASET_FIELDS),
            _column("vehicle", "text", "the vehicle's name: its first-seen listing id", True),
            _column(*SOURCE),
        ]
    ),
}
"""Asset to the columns of its table, each market's rows alone."""


def column_schema(
    asset: str, features: Sequence[DeclaredFeature] = ()
) -> dict[str, dg.TableSchema]:
    """Metadata with the columns of ``asset``, and of the features that a market declares."""
    own = [_field(field) for field in fields_of(features)]
    return {"dagster/column_schema": dg.TableSchema([*SCHEMAS[asset].columns, *own])}
