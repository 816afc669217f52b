"""Invented offers in columns, and what a list of them is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from carprice_assets.bargains.current import Current
from carprice_assets.bargains.ranking import Work
from carprice_assets.bargains.valuing import Valued
from carprice_assets.listings.contract import FEATURE_FIELDS, text_array
from carprice_assets.markets import Market
from carprice_assets.markets.bargains import BargainRules
from carprice_assets.markets.market import SplitRules

DAY = 20_000.0
EXPECTED = 20_000.0
LOW, HIGH = 18_000.0, 22_000.0


def market(**rules: Any) -> Market:
    return Market("own", "Own", "USD", "mi", SplitRules("own-1"), bargains=BargainRules(**rules))


def offer(listing_id: str, price: float, **changed: Any) -> dict[str, Any]:
    """One offer of a car that is expected to cost 20,000."""
    return {
        "listing_id": listing_id,
        "price": price,
        "make": "Honda",
        "model": "Civic",
        "trim": "EX",
        "year": 2020.0,
        "mileage": 30_000.0,
        "stock_type": "Used",
        "dealer": "",
        "url": f"http://127.0.0.1/{listing_id}",
        "row_hash": listing_id,
        "vehicle": listing_id,
        "first_seen": DAY - 10,
        "last_seen": DAY,
        "first_price": price,
        "drops": 0.0,
        "last_drop": float("nan"),
        "delisted_at": float("nan"),
        **changed,
    }


def columns(offers: list[dict[str, Any]]) -> dict[str, Any]:
    names = {field.name for field in FEATURE_FIELDS} | set(offer("", 0.0))
    found: dict[str, Any] = {}
    for name in sorted(names):
        kind = next((field.kind for field in FEATURE_FIELDS if field.name == name), "")
        texts = kind in ("text", "category") or isinstance(offer("", 0.0).get(name), str)
        values = [each.get(name, "" if texts else float("nan")) for each in offers]
        found[name] = text_array(values) if texts else np.array(values, np.float64)
    return found


def valued(count: int, expected: float = EXPECTED) -> Valued:
    ratio = expected / EXPECTED
    return Valued(
        np.full(count, expected),
        np.full(count, LOW * ratio),
        np.full(count, HIGH * ratio),
        np.zeros((count, 0), np.float32),
        np.zeros(count, np.bool_),
    )


def work(
    offers: list[dict[str, Any]],
    *,
    gone: list[dict[str, Any]] | None = None,
    rejected: list[dict[str, Any]] | None = None,
    payloads: dict[str, str] | None = None,
    raised: dict[str, tuple[int, int]] | None = None,
    notes: dict[str, Any] | None = None,
    **rules: Any,
) -> Work:
    """A list without a detector: ranked by the residual in its range."""
    current = Current(
        DAY, columns(offers), columns(rejected or []), columns(gone or []), raised or {}
    )
    return Work(
        market(**rules),
        current,
        valued(len(offers)),
        None,
        lambda rows: [(notes or {}).get(each, ()) for each in rows["listing_id"]],
        lambda hashes: {each: (payloads or {}).get(each, "{}") for each in hashes},
        valued(len(rejected or [])),
    )
