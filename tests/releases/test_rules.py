"""Each promotion rule refuses what breaks it, and nothing unknown ever passes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from carprice_assets.markets.market import PromotionRules
from carprice_assets.releases.rules import (
    REQUIRED_CHECKS,
    RULES,
    Coverage,
    Decision,
    Evidence,
    Fresh,
    Scorecard,
    decide,
    unjudged,
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


def test_a_good_challenger_is_promoted() -> None:
    decision = decide(card(), None, LIMITS)
    assert decision.status == "promoted"
    assert not decision.failed
    assert decide(card(0.9), card(), LIMITS).status == "promoted"
    assert "all" in decision.line


def _behaviour(key: str) -> dict[str, float]:
    return {"mileage": 0.0, "year": 0.0, "new": 0.0} | {key: 0.06}


# limit of PromotionRules: challenger, champion, rules, name of the rule, absolute
EACH_LIMIT: dict[str, tuple[Scorecard, Scorecard | None, PromotionRules, str, bool]] = {
    "min_r2": (card(r2=0.8999), None, LIMITS, "r2", True),
    "max_naive_ratio": (card(1.6), None, LIMITS, "naive:Used", True),
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
        LIMITS,
        "slice_loss:stock type New",
        False,
    ),
    "min_make": (moved_make(card(0.9), 400.0), card(), LIMITS, "slice_loss:make Honda", False),
    "max_mileage_violations": (
        card(behaviour=_behaviour("mileage")),
        None,
        LIMITS,
        "behaviour:mileage",
        True,
    ),
    "max_year_violations": (
        card(behaviour=_behaviour("year")),
        None,
        LIMITS,
        "behaviour:year",
        True,
    ),
    "max_new_violations": (card(behaviour=_behaviour("new")), None, LIMITS, "behaviour:new", True),
    "max_coverage_error": (
        card(coverage=covered(New=0.84, Used=0.84)),
        None,
        LIMITS,
        "coverage:all",
        True,
    ),
    "max_stock_type_coverage_error": (
        card(coverage=covered(New=0.81, Used=0.96)),
        None,
        LIMITS,
        "coverage:New",
        True,
    ),
    "max_serving_difference": (
        card(serving_differences={"catboost": 1e-7, "ensemble": 2e-4}),
        None,
        LIMITS,
        "serving_form:ensemble",
        True,
    ),
    "max_chance": (
        card(0.9, evidence=known(chance=0.06)),
        card(),
        LIMITS,
        "significance",
        False,
    ),
    "min_fresh": (card(0.9, evidence=newer(1.1, 1.0)), card(), LIMITS, "improvement", False),
    "max_judgements": (card(evidence=known(judgements=21)), None, LIMITS, "judgements", True),
    "max_data_age_days": (
        card(evidence=known(data_age_days=31)),
        None,
        PromotionRules(max_data_age_days=30),
        "data_age",
        True,
    ),
}
SETTINGS = {"approval", "approval_days"}
"""Keys of the table that are no limits; what they do is tested with the approvals."""


def test_every_limit_of_a_market_has_a_case() -> None:
    assert set(EACH_LIMIT) == {field.name for field in fields(PromotionRules)} - SETTINGS


@pytest.mark.parametrize("limit", EACH_LIMIT)
def test_each_limit_refuses(limit: str) -> None:
    challenger, champion, rules, rule, absolute = EACH_LIMIT[limit]
    decision = decide(challenger, champion, rules)
    assert decision.status == "refused"
    assert rule in broken(decision)
    assert decision.absolute_broken is absolute
    assert decision.line.startswith("refused: ")
    eased = {field.name: getattr(rules, field.name) for field in fields(rules)}
    eased[limit] = {
        "min_r2": 0.0,
        "min_make": 321,
        "min_stock_type": 50,
        "min_fresh": 1001,
        "max_judgements": 21,
        "max_data_age_days": 31,
    }.get(limit, 0 if limit.startswith("min") else 10.0)
    assert rule not in broken(decide(challenger, champion, PromotionRules(**eased)))


@pytest.mark.parametrize(
    "limit", [n for n in EACH_LIMIT if n not in ("min_stock_type", "min_make", "min_fresh")]
)
def test_a_limit_of_nan_passes_nothing(limit: str) -> None:
    rules = PromotionRules(**{limit: NAN})  # type: ignore[arg-type]
    assert decide(card(0.9), card(), rules).status == "refused"


@pytest.mark.parametrize(
    ("factor", "status"), [(0.99, "promoted"), (1.0, "refused"), (1.01, "refused")]
)
def test_the_champion_must_be_beaten(factor: float, status: str) -> None:
    decision = decide(card(factor), card(), LIMITS)
    assert decision.status == status
    assert not decision.absolute_broken


def test_limits_themselves_are_allowed() -> None:
    edges = {
        "r2": LIMITS.min_r2,
        "behaviour": {"mileage": 0.05, "year": 0.05, "new": 0.05},
        "serving_differences": {"catboost": LIMITS.max_serving_difference},
        "evidence": known(judgements=20, data_age_days=30, chance=0.05),
    }
    rules = PromotionRules(min_holdout=1000, min_stock_type=400, max_data_age_days=30)
    assert decide(card(**edges), None, rules).status == "promoted"
    assert decide(card(0.9, **edges), card(), rules).status == "promoted"


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
    "no serving form": lambda c: replace(c, serving_differences={}),
    "serving infinite": lambda c: replace(c, serving_differences={"catboost": math.inf}),
    "serving negative": lambda c: replace(c, serving_differences={"catboost": -1.0}),
    "one of two serving forms unknown": lambda c: replace(
        c, serving_differences={"catboost": 0.0, "ensemble": None}
    ),
    "no coverage": lambda c: replace(c, coverage=None),
    "coverage of NaN": lambda c: replace(c, coverage=replace(COVERED, share=NAN)),
    "coverage stated as nothing": lambda c: replace(c, coverage=replace(COVERED, stated=None)),
    "coverage above 1": lambda c: replace(c, coverage=replace(COVERED, share=1.2)),
    "coverage of other cars": lambda c: replace(
        c, coverage=replace(COVERED, by_stock_type={"New": (1000, 0.9)})
    ),
    "coverage of one stock type NaN": lambda c: replace(
        c, coverage=replace(COVERED, by_stock_type=dict(COVERED.by_stock_type) | {"": (40, NAN)})
    ),
    "coverage of a stock type left out": lambda c: replace(
        c, coverage=replace(COVERED, by_stock_type={"New": (400, 0.9), "Used": (560, 0.9)})
    ),
    "no evidence": lambda c: replace(c, evidence=None),
    "no checks": lambda c: replace(c, evidence=known(checks={})),
    "age None": lambda c: replace(c, evidence=known(data_age_days=None)),
    "age NaN": lambda c: replace(c, evidence=known(data_age_days=NAN)),
    "judgements None": lambda c: replace(c, evidence=known(judgements=None)),
    "judgements 0": lambda c: replace(c, evidence=known(judgements=0)),
    "judgements 1.5": lambda c: replace(c, evidence=known(judgements=1.5)),
    "golden None": lambda c: replace(c, golden_ok=None),
    "golden False": lambda c: replace(c, golden_ok=False),
    "golden 1": lambda c: replace(c, golden_ok=1),  # type: ignore[arg-type]
}
for _name in ("r2", "mae", "naive_mae"):
    for _value in (None, NAN, -math.inf, True, "0.95"):
        UNKNOWN[f"{_name} {_value!r}"] = lambda c, n=_name, v=_value: replace(c, **{n: v})
for _value in (None, NAN, True, "1e-7"):
    UNKNOWN[f"serving {_value!r}"] = lambda c, v=_value: replace(
        c, serving_differences={"catboost": v}
    )
for _name in REQUIRED_CHECKS:
    for _value in (None, False, 1):
        UNKNOWN[f"{_name} {_value!r}"] = lambda c, n=_name, v=_value: replace(
            c, evidence=known(checks=dict(KNOWN.checks) | {n: v})
        )


@pytest.mark.parametrize("case", UNKNOWN)
@pytest.mark.parametrize("champion", [None, card()], ids=["first", "with champion"])
def test_what_is_unknown_breaks_an_absolute_rule(case: str, champion: Scorecard | None) -> None:
    decision = decide(UNKNOWN[case](card(0.9)), champion, LIMITS)
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
    decision = decide(card(0.9), change(card()), LIMITS)
    assert decision.status == "refused"
    assert decision.absolute_broken
    assert rule in broken(decision)


NO_COMPARISON: dict[str, tuple[str, Evidence]] = {
    "no chance": ("significance", known(chance=None)),
    "chance NaN": ("significance", known(chance=NAN)),
    "chance above 1": ("significance", known(chance=1.5)),
    "fresh cars uncounted": ("fresh", known(fresh_rows=None)),
    "more fresh cars than cars": ("fresh", known(fresh_rows=1001)),
    "fresh cars not scored": ("fresh", known(fresh_rows=300)),
    "fresh cars of another count": ("fresh", replace(newer(0.9, 1.0), fresh_rows=999)),
    "fresh chance missing": ("significance", newer(0.9, 1.0, chance=None)),
    "fresh cars of two hold-outs": ("same_holdout:fresh", newer(0.9, 1.0, champion=card())),
    "fresh cars of two markets": (
        "same_market:fresh",
        newer(0.9, 1.0, champion=card(holdout_hash="f", market="practice")),
    ),
}


@pytest.mark.parametrize("case", NO_COMPARISON)
def test_a_comparison_that_is_not_known_breaks_an_absolute_rule(case: str) -> None:
    rule, evidence = NO_COMPARISON[case]
    decision = decide(card(0.9, evidence=evidence), card(), LIMITS)
    assert decision.absolute_broken
    assert rule in broken(decision)


def test_a_first_release_needs_no_comparison() -> None:
    evidence = known(chance=None, fresh_rows=None)
    assert decide(card(evidence=evidence), None, LIMITS).status == "promoted"


def test_cars_newer_than_both_decide_against_the_others() -> None:
    better_on_new = card(1.1, evidence=newer(0.9, 1.0))
    assert decide(better_on_new, card(), LIMITS).status == "promoted"
    decision = decide(card(0.9, evidence=newer(1.1, 1.0)), card(), LIMITS)
    assert not decision.absolute_broken
    assert "improvement" in broken(decision)


def test_a_share_of_few_cars_is_no_news() -> None:
    def first(rows: int, share: float) -> Decision:
        part = card(rows=rows)
        scale = rows / 1000
        stock = {k: (int(n * scale), *rest) for k, (n, *rest) in part.by_stock_type.items()}
        make = {k: (int(n * scale), mae) for k, (n, mae) in part.by_make.items()}
        kinds = {k: (n, share) for k, (n, *_) in stock.items()}
        coverage = Coverage(0.9, share, kinds)
        part = replace(part, by_stock_type=stock, by_make=make, coverage=coverage)
        return decide(part, None, LIMITS)

    assert first(100, 0.80).status == "promoted"  # one standard error is 0.03
    assert "coverage:all" in broken(first(1000, 0.84))
    assert first(1000, 0.86).status == "promoted"
    assert "coverage:all" in broken(first(100_000, 0.87))
    assert "coverage:all" in broken(first(100_000, 0.93))  # wider than stated is no truth either
    assert "coverage:all" not in broken(first(100_000, 0.881))


@pytest.mark.parametrize(
    ("calibrated", "passed"),
    [(None, False), (0, False), (-5, False), (True, False), (10**9, False), (400, True)],
)
def test_ranges_that_few_cars_calibrated_are_off_by_chance_too(
    calibrated: int | None, passed: bool
) -> None:
    """0.84 of 1,000 cars: 0.02 and three errors are 0.048 of endless calibration, 0.073 of 400."""
    coverage = replace(covered(New=0.84, Used=0.84), calibrated=calibrated)
    decision = decide(card(coverage=coverage), None, LIMITS)
    assert ("coverage:all" not in broken(decision)) is passed


# name of a rule: challenger, champion, absolute
EACH_RULE: dict[str, tuple[Scorecard, Scorecard | None, bool]] = {
    "named": (card(market=""), None, True),
    "holdout_rows": (card(rows=99), None, True),
    "consistent": (card(by_make={"Kia": (1000, 9e9)}), None, True),
    "r2": (card(r2=0.89), None, True),
    "naive": (card(1.6), None, True),
    "behaviour": (card(behaviour={"mileage": 0.2, "year": 0.0, "new": 0.0}), None, True),
    "coverage": (card(coverage=covered(New=0.7)), None, True),
    "serving_form": (card(serving_differences={"catboost": 0.01}), None, True),
    "golden_cases": (card(golden_ok=False), None, True),
    "checks": (
        card(evidence=known(checks=dict(KNOWN.checks) | {"dataset:no_leakage": False})),
        None,
        True,
    ),
    "data_age": (card(evidence=known(data_age_days=4_000)), None, True),
    "judgements": (card(evidence=known(judgements=21)), None, True),
    "same_market": (card(0.9), card(market="practice"), True),
    "same_holdout": (card(0.9), card(holdout_hash="other"), True),
    "fresh": (card(0.9, evidence=known(fresh_rows=400)), card(), True),
    "improvement": (card(1.01), card(), False),
    "significance": (card(0.999, evidence=known(chance=0.4)), card(), False),
    "slice_loss": (shifted(card(0.9), "New", 320.0), card(), False),
}


@pytest.mark.parametrize("rule", EACH_RULE)
def test_each_rule_refuses(rule: str) -> None:
    challenger, champion, absolute = EACH_RULE[rule]
    decision = decide(challenger, champion, LIMITS)
    assert decision.status == "refused"
    assert rule in {name.partition(":")[0] for name in broken(decision)}
    assert decision.absolute_broken is absolute


def test_every_rule_has_a_case() -> None:
    assert set(EACH_RULE) == set(RULES) - {"judged"}  # that one is the next test's


def test_what_cannot_be_judged_is_refused_with_its_problem() -> None:
    decision = unjudged("release x is refused: content/a.npy is changed")
    assert decision.status == "refused"
    assert decision.absolute_broken
    assert decision.line == "refused: release x is refused: content/a.npy is changed"


def test_a_champion_without_error_cannot_be_beaten() -> None:
    decision = decide(card(0.9), card(0.0), LIMITS)
    assert decision.status == "refused"
    assert not decision.absolute_broken
    json.dumps(decision.to_json(), allow_nan=False)
    assert not decide(card(0.0), card(0.0), LIMITS).absolute_broken


def test_every_rule_stands_in_the_decision_passed_or_not() -> None:
    rules = [reason.rule for reason in decide(card(0.9), card(), LIMITS).reasons]
    assert len(rules) == len(set(rules))
    assert {"r2", "naive:all", "naive:New", "golden_cases", "improvement"} <= set(rules)
    assert "naive:unknown" not in rules
    assert {"slice_loss:make Honda", "slice_loss:stock type Used"} <= set(rules)
    assert {rule.partition(":")[0] for rule in rules} == set(RULES) - {"judged"}


def test_scorecard_json_has_no_nan() -> None:
    table = json.loads(json.dumps(card(r2=NAN).to_json(), allow_nan=False))
    assert table["r2"] is None
    assert table["by_make"]["Honda"] == [320, 2400.0]
