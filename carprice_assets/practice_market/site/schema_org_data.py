"""Cars as schema.org describes them, made from payloads: another currency and distance."""

from __future__ import annotations

import re
from collections.abc import Mapping

from carprice_assets.practice_market.catalogue import (
    ALL_WHEEL,
    FOUR_WHEEL,
    FRONT_WHEEL,
    REAR_WHEEL,
)
from carprice_assets.practice_market.site.cards import title_of
from carprice_assets.practice_market.site.draws import roll
from carprice_assets.practice_market.site.settings import SiteSettings

SCHEMA = "https://schema.org"
KM_PER_MILE = 1.609344
UNIT_CODES = {"km": "KMT", "mi": "SMI"}
SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}
WHEELS = {
    ALL_WHEEL: "AllWheelDriveConfiguration",
    FOUR_WHEEL: "FourWheelDriveConfiguration",
    FRONT_WHEEL: "FrontWheelDriveConfiguration",
    REAR_WHEEL: "RearWheelDriveConfiguration",
}
SCHEMA_WHEELS_SHARE = 0.5
"""Share of listings whose drivetrain is a word of schema.org."""
NUMBER = re.compile(r"\d[\d,]*")


def converted(text: object, factor: float, units: Mapping[str, str]) -> int | str | None:
    """A payload's number in another unit: a number where the text is one, else text like it.

    Parameters
    ----------
    units
        The words for the unit in the text, and what takes their place.

    Examples
    --------
    >>> converted("24000", 0.5, {}), converted("$24,000", 0.5, {"$": "€"})
    (12000, '€12,000')
    >>> converted("Not Priced", 0.5, {}), converted(None, 0.5, {})
    ('Not Priced', None)
    """
    if text is None:
        return None
    words = str(text)
    found = NUMBER.search(words)
    if found is None:
        return words
    number = round(int(found[0].replace(",", "")) * factor)
    if found[0] == words:
        return number
    words = words.replace(found[0], f"{number:,}")
    for was, now in units.items():
        words = words.replace(was, now)
    return words


def symbol(settings: SiteSettings) -> str:
    """What stands before an amount of the site's currency."""
    return SYMBOLS.get(settings.currency, f"{settings.currency} ")


def price_of(payload: Mapping[str, object], key: str, settings: SiteSettings) -> int | str | None:
    """Price or MSRP in the site's currency."""
    return converted(payload[key], settings.rate, {"$": symbol(settings)})


def mileage_of(payload: Mapping[str, object], settings: SiteSettings) -> int | str | None:
    """Mileage in the site's unit of distance."""
    if settings.distance == "mi":
        return converted(payload["mileage"], 1.0, {})
    return converted(payload["mileage"], KM_PER_MILE, {"mi.": "km"})


def stub(payload: Mapping[str, object], settings: SiteSettings, address: str) -> dict[str, object]:
    """A car as lists show it: name, address, price and mileage."""
    offer: dict[str, object] = {"@type": "Offer"}
    price = price_of(payload, "price", settings)
    if price is not None:
        offer |= {"price": price, "priceCurrency": settings.currency}
    return {
        "@type": "Car",
        "name": title_of(payload),
        "url": address,
        "offers": offer,
        **_mileage(payload, settings),
    }


def car(payload: Mapping[str, object], settings: SiteSettings, address: str) -> dict[str, object]:
    """A car as its own page describes it; what the payload has as null is left out."""
    make = payload["make"]
    fields: dict[str, object] = {
        "@type": "Car",
        "@id": f"{address}#car",
        "name": title_of(payload),
        "sku": payload["listing_id"],
        "url": address,
        "brand": {"@type": "Brand", "name": make},
        "manufacturer": {"@type": "Organization", "name": make},
        "model": payload["model"],
        "vehicleConfiguration": payload["trim"],
        "vehicleModelDate": payload["year"],
        "vehicleIdentificationNumber": payload["vin"],
        "color": payload["exterior_color"],
        "vehicleInteriorColor": payload["interior_color"],
        "driveWheelConfiguration": _wheels(payload),
        "bodyType": payload["bodystyle"],
        "fuelType": payload["fuel_type"],
        "itemCondition": f"{SCHEMA}/{'New' if payload['stock_type'] == 'New' else 'Used'}Condition",
        "hasCertification": {"@type": "Certification", "name": "Certified pre-owned"}
        if payload["cpo_indicator"]
        else None,
        **_mileage(payload, settings),
        "image": f"{address.partition('/cars/')[0]}/images/{payload['listing_id']}/1.svg",
        "offers": _offer(payload, settings, address),
    }
    return {key: value for key, value in fields.items() if value is not None}


def _mileage(payload: Mapping[str, object], settings: SiteSettings) -> dict[str, object]:
    value = mileage_of(payload, settings)
    if value is None:
        return {}
    code = UNIT_CODES[settings.distance]
    return {"mileageFromOdometer": {"@type": "QuantitativeValue", "value": value, "unitCode": code}}


def _wheels(payload: Mapping[str, object]) -> object:
    word = payload["drivetrain"]
    if word in WHEELS and roll("wheels", payload["listing_id"]) < SCHEMA_WHEELS_SHARE:
        return f"{SCHEMA}/{WHEELS[str(word)]}"
    return word


def _offer(
    payload: Mapping[str, object], settings: SiteSettings, address: str
) -> dict[str, object]:
    price, msrp = (price_of(payload, key, settings) for key in ("price", "msrp"))
    offer: dict[str, object] = {"@type": "Offer", "url": address}
    if price is not None:
        offer |= {"price": price, "priceCurrency": settings.currency}
    offer |= {
        "availability": f"{SCHEMA}/InStock",
        "seller": {"@type": "AutoDealer", "name": payload["dealer_name"]},
    }
    if msrp is not None:
        offer["priceSpecification"] = {
            "@type": "UnitPriceSpecification",
            "priceType": f"{SCHEMA}/ListPrice",
            "price": msrp,
            "priceCurrency": settings.currency,
        }
    return offer
