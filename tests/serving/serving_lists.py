"""Invented lists of bargains, made by the very function that ranks real offers."""

from __future__ import annotations

from typing import Any

from bargains.invented_offers import DAY, offer, work

from carprice_assets.bargains.published import BargainList
from carprice_assets.bargains.ranking import rank
from carprice_assets.files import canonical_json, sha256_bytes

OFFERS = (
    offer("civic-1", 14_000.0, year=2019.0, first_seen=DAY - 3, drops=2.0, last_drop=DAY - 1,
          first_price=17_500.0, drivetrain="Front-wheel Drive", msrp=24_500.0),
    offer("civic-2", 15_000.0, trim="Sport", mileage=51_000.0, first_seen=DAY - 30),
    offer("accord-1", 14_500.0, model="Accord", year=2021.0, mileage=float("nan")),
    offer("golf-1", 13_000.0, make="Volkswagen", model="Golf", first_seen=DAY),
    offer("typo-1", 2_000.0, year=2018.0),
    offer("salvage-1", 15_500.0, make="Ford", model="Focus"),
    *(offer(f"fair-{n}", 19_000.0 + 100 * n, year=2018.0 + n) for n in range(4)),
)  # fmt: skip
PAYLOADS = {"salvage-1": '{"notes": "salvage title"}'}


def content(market: str = "us", day: str = "2024-10-04", **changed: Any) -> dict[str, Any]:
    """A list of four bargains, best first golf-1, civic-2, civic-1, accord-1, and two apart."""
    gone = [offer("gone-1", 20_500.0, last_seen=DAY - 9, delisted_at=DAY - 8)]
    found = rank(work([dict(each) for each in OFFERS], gone=gone, payloads=PAYLOADS))
    bargains = list(found.bargains)
    [better] = (each for each in bargains if each["listing_id"] == "civic-2")
    better |= {"expected": 24_000, "low": 21_600, "high": 26_400}
    better |= {"saving": 9_000, "saving_share": 0.375}
    order = ("golf-1", "civic-2", "civic-1", "accord-1")
    bargains.sort(key=lambda each: order.index(each["listing_id"]))
    return {
        "market": market,
        "currency": "USD",
        "distance": "mi",
        "day": day,
        "release": "0" * 32,
        "regressor": "catboost",
        "coverage": 0.9,
        "direction": [],
        "autoencoders": [],
        "stale_days": 14,
        "offers": found.offers,
        "unvalued": found.unvalued,
        "bargains": bargains,
        "apart": list(found.apart),
    } | changed


def bargain_list(**changed: Any) -> BargainList:
    """The list as it would be published."""
    made = content(**changed)
    return BargainList(sha256_bytes(canonical_json(made))[:32], made)
