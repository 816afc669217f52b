"""``carscom-export``: the reference system's own CSV, with all twelve features.

The file has no date of its scrape (the caller states it) and no listing id: the VIN stands
for it, so repeated VINs are one listing.
"""

from __future__ import annotations

from carprice_assets.sources.base import key
from carprice_assets.sources.table import TableFormat, vin_or_row

FIELDS = {
    "year": "year",
    "make": "make",
    "model": "model",
    "trim": "trim",
    "price": "price",
    "msrp": "msrp",
    "mileage": "mileage",
    "stock_type": "stock_type",
    "drivetrain": "drivetrain",
    "fuel_type": "fuel_type",
    "bodystyle": "bodystyle",
    "cat": "cat",
    "exterior_color": "exterior_color",
    "interior_color": "interior_color",
    "vin": "vin",
    "dealer": "dealer_name",
}

FORMAT = TableFormat(
    name="carscom-export",
    columns=tuple(FIELDS.values()),
    listing_id=vin_or_row(key("vin")),
    fields={field: key(column) for field, column in FIELDS.items()},
)
