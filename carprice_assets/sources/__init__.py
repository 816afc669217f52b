"""Where listings come from: one adapter for each format or site."""

from carprice_assets.errors import UserError
from carprice_assets.sources import carscom_cards, carscom_details, carscom_export
from carprice_assets.sources.base import Extraction, Format, RawListing, Registry
from carprice_assets.sources.columns import ColumnsFormat
from carprice_assets.sources.payload import PayloadFormat, write_lines
from carprice_assets.sources.schema_org import SchemaOrgFormat
from carprice_assets.sources.unreadable import UNREADABLE, UnreadableFormat

_ALL: tuple[Format, ...] = (
    carscom_cards.FORMAT,
    carscom_details.FORMAT,
    carscom_export.FORMAT,
    ColumnsFormat(),
    PayloadFormat(),
    SchemaOrgFormat(),
    UnreadableFormat(),
)
FORMATS: Registry = {adapter.name: adapter for adapter in _ALL}
"""File formats by name."""


def find_format(name: str) -> Format:
    """The adapter called ``name``; a UserError that lists all names where there is none."""
    if name not in FORMATS:
        raise UserError(f"unknown format {name!r}: there are {', '.join(FORMATS)}")
    return FORMATS[name]


__all__ = [
    "FORMATS",
    "UNREADABLE",
    "Extraction",
    "Format",
    "RawListing",
    "find_format",
    "write_lines",
]
