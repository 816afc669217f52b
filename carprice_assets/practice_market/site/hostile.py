"""Pages that mean harm, or that only look so: what a scraper must not take for a car."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from carprice_assets.practice_market.identity import BATCHES, listing_id, vin

NAMES = (
    "script_in_dealer_name",
    "huge_page",
    "deep_json",
    "wrong_charset",
    "absurd_price",
    "foreign_address",
    "redirect_to_metadata",
    "redirect_to_other_port",
)

HOSTILE: Mapping[str, str] = MappingProxyType(
    {name: listing_id(2**31, place) for place, name in enumerate(NAMES)}
)
"""Name to listing id."""

NAME_OF: Mapping[str, str] = MappingProxyType({found: name for name, found in HOSTILE.items()})
"""Listing id to name."""

FOREIGN_HOST = "http://elsewhere.invalid"
METADATA_ADDRESS = "http://169.254.169.254/latest/meta-data/"
HUGE_BYTES = 50_000_000
DEPTH = 1_000
SCRIPT = "<script>alert(1)</script>"
UMLAUTS = "Autohaus Müller & Söhne"
ABSURD_PRICE = "1e308"


def hostile_payload(name: str, base: Mapping[str, object]) -> dict[str, object]:
    """The payload of a hostile page, made from that of a car on sale.

    `deep_json` has its place taken by `DEEP_MARK`, since JSON encoders refuse that depth.
    """
    place = NAMES.index(name)
    payload = dict(base) | {
        "listing_id": HOSTILE[name],
        "vin": vin("1HG", 999, 2024, BATCHES - 1, place),
        "make": "Honda",
        "model": "Civic",
        "trim": "Sport",
        "year": "2024",
        "stock_type": "Used",
        "cpo_indicator": False,
        "price": "21995",
        "mileage": "18250",
        "msrp": None,
        "canonical_mmt": "Honda:Civic:Sport",
        "canonical_mmty": "Honda:Civic:Sport:2024",
    }
    if name == "script_in_dealer_name":
        payload["dealer_name"] = f"{SCRIPT} Motors"
    elif name == "wrong_charset":
        payload |= {"dealer_name": UMLAUTS, "exterior_color": "Grün"}
    elif name == "absurd_price":
        payload["price"] = ABSURD_PRICE
    elif name == "deep_json":
        payload["interior_color"] = DEEP_MARK
    return payload


DEEP_MARK = "deeply nested"


def deepened(page: bytes) -> bytes:
    """Put lists nested `DEPTH` deep where a page says `DEEP_MARK`."""
    return page.replace(f'"{DEEP_MARK}"'.encode(), b"[" * DEPTH + b"]" * DEPTH)
