"""Scorecards and evidence that pass, and changes of them that keep their sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from carprice_assets.markets.market import PromotionRules
from carprice_assets.releases.rules import (
    REQUIRED_CHECKS,
    Coverage,
    Decision,
    Evidence,
    Fresh,
    Scorecard,
)

# Limits of its own, so that a change of the defaults moves no case here.
LIMITS = PromotionRules(
    max_mileage_violations=0.05, max_year_violations=0.05, max_new_violations=0.05
)
NAN = float("nan")
Change = Callable[[Scorecard], Scorecard]


KNOWN = Evidence(
    checks=dict.fromkeys(REQUIRED_CHECKS, True),
    data_age_days=3,
    judgements=1,
    chance=0.001,
    fresh_rows=0,
)
COVERED = Coverage(0.9, 0.9, {"New": (400, 0.9), "Used": (560, 0.9), "": (40, 0.9)})


def card(factor: float = 1.0, **changes: Any) -> Scorecard:
    """A scorecard that passes; ``factor`` scales every MAE."""
    stock = {
        "New": (400, 2000.0 * factor, 4000.0),
        "Used": (560, 3000.0 * factor, 5000.0),
        "": (40, 3500.0 * factor, 3600.0),
    }
    make = {"Honda": (320, 2400.0 * factor), "Kia": (680, 0.0)}
    total = sum(rows * mae for rows, mae, _ in stock.values())
    make["Kia"] = (680, (total - 320 * 2400.0 * factor) / 680)
    good = Scorecard(
        market="us",
        holdout_hash="abc",
        rows=1000,
        r2=0.95,
        mae=total / 1000,
        naive_mae=sum(rows * mae for rows, _, mae in stock.values()) / 1000,
        by_stock_type=stock,
        by_make=make,
        behaviour={"mileage": 0.01, "year": 0.02, "new": 0.03},
        coverage=COVERED,
        serving_differences={"catboost": 1e-7, "ensemble": 0.0},
        golden_ok=True,
        evidence=KNOWN,
    )
    return replace(good, **changes)


def known(**changes: Any) -> Evidence:
    """Evidence that passes, but for the changes."""
    return replace(KNOWN, **changes)


def covered(**kinds: float) -> Coverage:
    """A coverage with other shares of some stock types, the whole following."""
    table = {
        kind: (rows, kinds.get(kind or "unknown", share))
        for kind, (rows, share) in COVERED.by_stock_type.items()
    }
    whole = sum(rows * (share or 0) for rows, share in table.values()) / 1000
    return Coverage(0.9, whole, table)


def newer(ours: float, theirs: float, **changes: Any) -> Evidence:
    """Evidence with 1,000 cars newer than both releases' data, with MAEs by these factors."""
    fresh = Fresh(card(ours, holdout_hash="f"), card(theirs, holdout_hash="f"), 0.001)
    return known(fresh_rows=1000, fresh=replace(fresh, **changes))


def shifted(base: Scorecard, kind: str, by: float) -> Scorecard:
    """One stock type's MAE ``by`` more, makes and total following."""
    stock = dict(base.by_stock_type)
    rows, mae, naive = stock[kind]
    stock[kind] = (rows, mae + by, naive)
    count, error = base.by_make["Kia"]
    make = dict(base.by_make) | {"Kia": (count, error + by * rows / count)}
    assert base.mae is not None
    total = base.mae + by * rows / 1000
    return replace(base, by_stock_type=stock, by_make=make, mae=total)


def moved_make(base: Scorecard, by: float) -> Scorecard:
    """Honda's MAE ``by`` more and Kia's less, so that the total stays."""
    honda, kia = base.by_make["Honda"], base.by_make["Kia"]
    make = {
        "Honda": (honda[0], (honda[1] or 0) + by),
        "Kia": (kia[0], (kia[1] or 0) - by * honda[0] / kia[0]),
    }
    return replace(base, by_make=make)


def broken(decision: Decision) -> set[str]:
    return {reason.rule for reason in decision.failed}
