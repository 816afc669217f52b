"""What the UI shows of autoencoders, detector and list, and their checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from carprice_assets.bargains.backtest import Proof
from carprice_assets.bargains.doubts import GRAVE
from carprice_assets.bargains.published import BargainList
from carprice_assets.bargains.rules import Reconstruction
from carprice_assets.defs.common import check_spec, markdown_table

SHOWN = 25
LEAST_SHARE = 0.9
"""Of the best single way's precision that the combination must reach, at least."""


def autoencoder_checks(name: str) -> list[dg.AssetCheckSpec]:
    """The checks of an autoencoder."""
    return [
        check_spec(
            "reconstruction_limits",
            name,
            "What it leaves unexplained of the hold-out is below the market's limits, and not"
            " worse than the deployed one's on the same cars. ERROR where a limit is broken, WARN"
            " where the deployed one is better; in both cases it takes no part in the detector.",
            blocking=True,
        ),
        check_spec(
            "serving_form_parity",
            name,
            "The serving form reconstructs 1,000 validation cars as torch does.",
            blocking=True,
        ),
    ]


def reconstruction_facts(found: Reconstruction) -> dict[str, Any]:
    """Metadata: the shares of variance left unexplained, the worst feature first."""
    ranked = sorted(found.by_feature.items(), key=lambda pair: -pair[1])
    return {
        "holdout_rows": found.rows,
        "unexplained": found.total,
        "unexplained_price": found.price,
        "unexplained_by_feature": markdown_table(
            [{"feature": name, "unexplained": f"{share:.1%}"} for name, share in ranked]
        ),
    }


def detector_checks(precision: Mapping[str, float]) -> list[dg.AssetCheckResult]:
    """Whether the combination finds what the best single way finds."""
    single = {name: value for name, value in precision.items() if name != "combination"}
    best = max(single, key=lambda name: single[name], default="")
    found, needed = precision.get("combination", 0.0), LEAST_SHARE * single.get(best, 0.0)
    told = ", ".join(f"{name} {value:.0%}" for name, value in precision.items())
    return [
        dg.AssetCheckResult(
            check_name="finds_planted_bargains",
            asset_key="bargain_detector",
            passed=bool(precision) and found >= needed,
            severity=dg.AssetCheckSeverity.WARN,
            description=told or "no calibration car to plant bargains among",
            metadata={"combination": found, "least": needed, "best_single": best or "none"},
        )
    ]


def list_facts(found: BargainList, proof: Proof) -> dict[str, Any]:
    """Metadata: the list as a table, what is set apart, and what became of past lists."""
    content = found.content
    return {
        "dagster/row_count": len(found.bargains),
        "list": found.id,
        "day": found.day,
        "release": content["release"],
        "offers": content["offers"],
        "set_apart": len(found.apart),
        "bargains": markdown_table([_row(entry) for entry in found.bargains[:SHOWN]]),
        "apart": markdown_table([_row(entry) for entry in found.apart[:SHOWN]]),
        "past_lists": dg.MetadataValue.md("\n".join(f"- {line}" for line in proof.lines)),
    }


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    saving = entry["saving_share"]
    evidence = {name: errors.get("price") for name, errors in entry["evidence"].items()}
    return {
        "car": f"{entry['year']} {entry['make']} {entry['model']} {entry['trim']}",
        "mileage": "–" if entry["mileage"] is None else entry["mileage"],
        "price": entry["price"],
        "expected": "–" if entry["expected"] is None else entry["expected"],
        "range": "–" if entry["low"] is None else f"{entry['low']:,} to {entry['high']:,}",
        "saves": "–" if saving is None else f"{saving:.0%}",
        "price error": ", ".join(f"{each:+.1f}" for each in evidence.values() if each is not None),
        "days": entry["days_on_sale"],
        "last seen": entry["last_seen"],
        "drops": entry["drops"],
        "doubts": ", ".join(doubt["code"] for doubt in entry["doubts"]) or "–",
        "offer": entry["url"],
    }


def list_checks(found: BargainList, min_saving: float) -> list[dg.AssetCheckResult]:
    """Whether the published list keeps its word."""
    ids = [entry["listing_id"] for entry in found.bargains]
    broken = [
        entry["listing_id"]
        for entry in found.bargains
        if entry["price"] > entry["low"]
        or entry["saving_share"] < min_saving - 1e-4
        or any(doubt["code"] in GRAVE for doubt in entry["doubts"])
    ]
    return [
        dg.AssetCheckResult(
            check_name="list_keeps_its_word",
            asset_key="bargains",
            passed=not broken and len(set(ids)) == len(ids),
            description=f"{len(ids)} bargains, {len(broken)} of them not as they should be",
            metadata={"broken": len(broken), "listed": len(ids)},
        )
    ]
