"""Each promotion rule refuses what breaks it, and nothing unknown ever passes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from carprice_assets.markets.market import PromotionRules
from carprice_assets.releases.rules import Decision, Scorecard, decide, unjudged

# Limits of its own, so that a change of the defaults moves no case here.
RULES = PromotionRules(
    max_mileage_violations=0.05, max_year_violations=0.05, max_new_violations=0.05
)
NAN = float("nan")
Change = Callable[[Scorecard], Scorecard]


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
        serving_difference=1e-7,
        golden_ok=True,
    )
    return replace(good, **changes)


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


def test_a_good_challenger_is_promoted() -> None:
    decision = decide(card(), None, RULES)
    assert decision.status == "promoted"
    assert not decision.failed
    assert decide(card(0.9), card(), RULES).status == "promoted"
    assert "all" in decision.line


def _behaviour(key: str) -> dict[str, float]:
    return {"mileage": 0.0, "year": 0.0, "new": 0.0} | {key: 0.06}


# limit of PromotionRules: challenger, champion, rules, name of the rule, absolute
EACH_LIMIT: dict[str, tuple[Scorecard, Scorecard | None, PromotionRules, str, bool]] = {
    "min_r2": (card(r2=0.8999), None, RULES, "r2", True),
    "max_naive_ratio": (card(1.6), None, RULES, "naive:Used", True),
    "min_holdout": (card(), None, PromotionRules(min_holdout=1001), "holdout_rows", True),
    "min_stock_type": (card(), None, PromotionRules(min_stock_type=40), "naive:unknown", True),
    "min_improvement": (
        card(0.99),
        card(),
        PromotionRules(min_improvement=0.02),
        "improvement",
        False,
    ),
    "max_slice_loss": (
        shifted(card(0.9), "New", 320.0),
        card(),
        RULES,
        "slice_loss:stock type New",
        False,
    ),
    "min_make": (moved_make(card(0.9), 400.0), card(), RULES, "slice_loss:make Honda", False),
    "max_mileage_violations": (
        card(behaviour=_behaviour("mileage")),
        None,
        RULES,
        "behaviour:mileage",
        True,
    ),
    "max_year_violations": (
        card(behaviour=_behaviour("year")),
        None,
        RULES,
        "behaviour:year",
        True,
    ),
    "max_new_violations": (card(behaviour=_behaviour("new")), None, RULES, "behaviour:new", True),
    "max_serving_difference": (card(serving_difference=2e-4), None, RULES, "serving_form", True),
}


def test_every_limit_of_a_market_has_a_case() -> None:
    assert set(EACH_LIMIT) == {field.name for field in fields(PromotionRules)}


@pytest.mark.parametrize("limit", EACH_LIMIT)
def test_each_limit_refuses(limit: str) -> None:
    challenger, champion, rules, rule, absolute = EACH_LIMIT[limit]
    decision = decide(challenger, champion, rules)
    assert decision.status == "refused"
    assert rule in broken(decision)
    assert decision.absolute_broken is absolute
    assert decision.line.startswith("refused: ")
    eased = {field.name: getattr(rules, field.name) for field in fields(rules)}
    eased[limit] = {"min_r2": 0.0, "min_make": 321, "min_stock_type": 50}.get(
        limit, 0 if limit.startswith("min") else 10.0
    )
    assert rule not in broken(decide(challenger, champion, PromotionRules(**eased)))


@pytest.mark.parametrize(
    "limit", [n for n in EACH_LIMIT if n not in ("min_stock_type", "min_make")]
)
def test_a_limit_of_nan_passes_nothing(limit: str) -> None:
    rules = PromotionRules(**{limit: NAN})  # type: ignore[arg-type]
    assert decide(card(0.9), card(), rules).status == "refused"


@pytest.mark.parametrize(
    ("factor", "status"), [(0.99, "promoted"), (1.0, "refused"), (1.01, "refused")]
)
def test_the_champion_must_be_beaten(factor: float, status: str) -> None:
    decision = decide(card(factor), card(), RULES)
    assert decision.status == status
    assert not decision.absolute_broken


def test_limits_themselves_are_allowed() -> None:
    edges = {
        "r2": RULES.min_r2,
        "behaviour": {"mileage": 0.05, "year": 0.05, "new": 0.05},
        "serving_difference": RULES.max_serving_difference,
    }
    rules = PromotionRules(min_holdout=1000, min_stock_type=400)
    assert decide(card(**edges), None, rules).status == "promoted"


def test_overall_naive_ratio_is_judged_where_no_stock_type_can_be() -> None:
    rules = PromotionRules(min_stock_type=5000)
    assert broken(decide(card(1.6), None, rules)) == {"naive:all"}


UNKNOWN: dict[str, Change] = {
    "no market": lambda c: replace(c, market=""),
    "no hold-out": lambda c: replace(c, holdout_hash=""),
    "rows None": lambda c: replace(c, rows=None),
    "rows other": lambda c: replace(c, rows=999),
    "rows text": lambda c: replace(c, rows="1000"),  # type: ignore[arg-type]
    "r2 above 1": lambda c: replace(c, r2=1.01),
    "mae too low": lambda c: replace(c, mae=1.0),
    "no naive": lambda c: replace(c, naive_mae=0.0),
    "no stock types": lambda c: replace(c, by_stock_type={}),
    "no makes": lambda c: replace(c, by_make={}),
    "stock type left out": lambda c: replace(
        c, by_stock_type={k: v for k, v in c.by_stock_type.items() if k != "Used"}
    ),
    "make left out": lambda c: replace(c, by_make={"Kia": c.by_make["Kia"]}),
    "slice rows None": lambda c: replace(
        c,
        by_stock_type=dict(c.by_stock_type) | {"New": (None, 1.0, 2.0)},  # type: ignore[dict-item]
    ),
    "slice NaN": lambda c: replace(
        c, by_stock_type=dict(c.by_stock_type) | {"New": (400, NAN, 4000.0)}
    ),
    "small slice NaN": lambda c: replace(
        c, by_stock_type=dict(c.by_stock_type) | {"": (40, NAN, 3600.0)}
    ),
    "slice naive None": lambda c: replace(
        c, by_stock_type=dict(c.by_stock_type) | {"New": (400, 2000.0, None)}
    ),
    "make NaN": lambda c: replace(c, by_make=dict(c.by_make) | {"Honda": (320, NAN)}),
    "behaviour missing": lambda c: replace(c, behaviour={"mileage": 0.0, "year": 0.0}),
    "behaviour NaN": lambda c: replace(c, behaviour=dict(c.behaviour) | {"new": NAN}),
    "behaviour negative": lambda c: replace(c, behaviour=dict(c.behaviour) | {"year": -0.1}),
    "behaviour None": lambda c: replace(c, behaviour=dict(c.behaviour) | {"year": None}),
    "serving infinite": lambda c: replace(c, serving_difference=math.inf),
    "serving negative": lambda c: replace(c, serving_difference=-1.0),
    "golden None": lambda c: replace(c, golden_ok=None),
    "golden False": lambda c: replace(c, golden_ok=False),
    "golden 1": lambda c: replace(c, golden_ok=1),  # type: ignore[arg-type]
}
for _name in ("r2", "mae", "naive_mae", "serving_difference"):
    for _value in (None, NAN, -math.inf, True, "0.95"):
        UNKNOWN[f"{_name} {_value!r}"] = lambda c, n=_name, v=_value: replace(c, **{n: v})


@pytest.mark.parametrize("case", UNKNOWN)
@pytest.mark.parametrize("champion", [None, card()], ids=["first", "with champion"])
def test_what_is_unknown_breaks_an_absolute_rule(case: str, champion: Scorecard | None) -> None:
    decision = decide(UNKNOWN[case](card(0.9)), champion, RULES)
    assert decision.status == "refused"
    assert decision.absolute_broken
    json.dumps(decision.to_json(), allow_nan=False)


OTHER_CHAMPION: dict[str, tuple[str, Change]] = {
    "market": ("same_market", lambda c: replace(c, market="practice")),
    "hold-out": ("same_holdout", lambda c: replace(c, holdout_hash="abd")),
    "no hold-out": ("same_holdout", lambda c: replace(c, holdout_hash="")),
    "rows": ("same_holdout", lambda c: replace(c, rows=999)),
    "stock types": ("same_holdout", lambda c: replace(c, by_stock_type={})),
    "makes": ("same_holdout", lambda c: replace(c, by_make={})),
    "mae None": ("improvement", lambda c: replace(c, mae=None)),
    "mae NaN": ("improvement", lambda c: replace(c, mae=NAN)),
    "mae too high": ("consistent:champion", lambda c: replace(c, mae=9e9)),
    "slice NaN": (
        "slice_loss:make Honda",
        lambda c: replace(c, by_make=dict(c.by_make) | {"Honda": (320, NAN)}),
    ),
}


@pytest.mark.parametrize("case", OTHER_CHAMPION)
def test_a_champion_that_cannot_be_compared_breaks_an_absolute_rule(case: str) -> None:
    rule, change = OTHER_CHAMPION[case]
    decision = decide(card(0.9), change(card()), RULES)
    assert decision.status == "refused"
    assert decision.absolute_broken
    assert rule in broken(decision)


def test_what_cannot_be_judged_is_refused_with_its_problem() -> None:
    decision = unjudged("release x is refused: content/a.npy is changed")
    assert decision.status == "refused"
    assert decision.absolute_broken
    assert decision.line == "refused: release x is refused: content/a.npy is changed"


def test_a_champion_without_error_cannot_be_beaten() -> None:
    decision = decide(card(0.9), card(0.0), RULES)
    assert decision.status == "refused"
    assert not decision.absolute_broken
    json.dumps(decision.to_json(), allow_nan=False)
    assert not decide(card(0.0), card(0.0), RULES).absolute_broken


def test_every_rule_stands_in_the_decision_passed_or_not() -> None:
    rules = [reason.rule for reason in decide(card(0.9), card(), RULES).reasons]
    assert len(rules) == len(set(rules))
    assert {"r2", "naive:all", "naive:New", "golden_cases", "improvement"} <= set(rules)
    assert "naive:unknown" not in rules
    assert {"slice_loss:make Honda", "slice_loss:stock type Used"} <= set(rules)


def test_scorecard_json_has_no_nan() -> None:
    table = json.loads(json.dumps(card(r2=NAN).to_json(), allow_nan=False))
    assert table["r2"] is None
    assert table["by_make"]["Honda"] == [320, 2400.0]
