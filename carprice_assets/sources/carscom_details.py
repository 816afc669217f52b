"""``carscom-details``: detail pages of cars.com as a CSV of 2022.

The file has no date of its scrape (the caller states it) and no listing id: the VIN stands
for it, so repeated VINs are one listing.
"""

from __future__ import annotations

from carprice_assets.sources.base import key
from carprice_assets.sources.table import TableFormat, vin_or_row

FIELDS = {
    "year": "Year",
    "make": "Make",
    "model_trim": "Model",
    "stock_type": "Used/New",
    "price": "Price",
    "mileage": "Mileage",
    "drivetrain": "Drivetrain",
    "fuel_type": "FuelType",
    "exterior_color": "ExteriorColor",
    "interior_color": "InteriorColor",
    "vin": "VIN",
    "dealer": "SellerName",
}

FORMAT = TableFormat(
    name="carscom-details",
    columns=tuple(FIELDS.values()),
    listing_id=vin_or_row(key("VIN")),
    fields={field: key(column) for field, column in FIELDS.items()},
)
